"""Which worker reads which partition, as of the last assignment.

Faust's assignor sends every member the whole distribution, by the URL that each worker advertises (`canonical_url`).
The internal topics count rather than the changelogs: the worker that reads a partition of facts owns its state.
"""

from collections.abc import Mapping, Sequence


def owner_of(distribution: Mapping[str, Mapping[str, Sequence[int]]], topic: str, partition: int) -> str | None:
    """The URL of the worker that reads a partition.

    Args:
        distribution: `app.router.external_topics_metadata()`: partitions by topic, by the worker's URL.
        topic: its name on this installation.
        partition: its number.

    Returns:
        None before the first assignment, and where several workers advertise one URL: the last of them hides the rest.

    """
    for url, topics in distribution.items():
        if partition in topics.get(topic, ()):
            return url.rstrip("/")
    return None
