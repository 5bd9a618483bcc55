"""`rentmatch repartition`: copy the state to topics with another number of partitions."""

import re
import shutil
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

import click
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ops.console import Command, fail, meter, misuse, put_line, say
from streams import topics
from streams.broker.cluster import ANSWER_SECONDS_MAX, connect, identity, partition_counts
from streams.broker.provisioning import provision
from streams.settings import PREFIX, Settings, load
from streams.topics import Topic
from streams.topology import TOPOLOGY
from streams.transport import watermarks
from streams.transport.watermarks import Watermark
from tables.recovery import LogOffsets, Recovery, RecoveryFailed
from tables.repartition import Repartition, RepartitionFailed, moved
from tables.store import Store

NEW_TOPICS = (*moved(TOPOLOGY), topics.PROGRESS)
_SUFFIX = re.compile(r"-p\d+$")


@click.command(cls=Command, name="repartition", short_help="Copy the state to another number of partitions.")
@click.option("--partitions", type=click.IntRange(1, 10_000), required=True, help="The new number.")
@click.option("--again", is_flag=True, help="Delete the new topics of an interrupted run, and start again.")
@click.option(
    "--scratch",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for sorting; takes as much disk as all states.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(partitions: int, again: bool, scratch: Path | None, yes: bool) -> None:
    """Copy the state into new internal topics and changelogs with another number of partitions.

    Use it to run more workers than there are partitions, or to commit fewer partitions. All workers must be stopped.
    The new topics have the names of the old ones with -p and the number appended; their settings are printed on stdout,
    for the workers' environment. Facts that no worker has processed yet are copied, too. The old topics stay unchanged
    until you delete them, but no worker starts on them any more.

    Inputs and outputs do not change. The tallies for the gauges are recounted, and must be equal to the old ones.

    Example:
      rentmatch repartition --partitions 32 > new-topics.env

    """
    old = load()
    counts = partition_counts(old)
    new = _renamed(old, partitions)
    _refuse_members(old)
    _prepare(new, again)
    if not yes:
        click.confirm(f"Copy the state of {counts[NEW_TOPICS[0]]} partitions into {partitions}?", abort=True, err=True)
    folder = Path(mkdtemp(prefix="rentmatch-repartition-", dir=scratch))
    try:
        before = _offsets(old, counts)
        _create(new, moved(TOPOLOGY))
        store = Store(folder, identity(old, TOPOLOGY.changelogs.values()))
        try:
            with meter("copying states") as drawn:
                repartition = Repartition(old, new, (counts, partitions), store, drawn.step)
                outcome = repartition.copy()
        finally:
            store.close()
        _refuse_members(old)
        if _offsets(old, counts) != before:
            fail("a worker has run meanwhile. Stop all workers, and run this again with --again.")
        new_watermarks = repartition.retire(_watermarks(old))
        _create(new, (topics.PROGRESS,))
        repartition.publish(new_watermarks)
    except (RecoveryFailed, RepartitionFailed) as error:
        fail(f"{error}. The old topics are unchanged; fix the cause and run this again with --again.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keys = ", ".join(f"{number} keys of {name}" for name, number in outcome.keys.items())
    say(f"copied {keys}, and {outcome.facts} facts that were not processed yet. Start the workers with:")
    for topic in NEW_TOPICS:
        put_line(f"{PREFIX}{topic.setting.upper()}={getattr(new, topic.setting)}")
    put_line(f"{PREFIX}PARTITIONS={partitions}")


def _renamed(old: Settings, partitions: int) -> Settings:
    names = {t.setting: _SUFFIX.sub("", getattr(old, t.setting)) + f"-p{partitions}" for t in NEW_TOPICS}
    same = [name for setting, name in names.items() if name == getattr(old, setting)]
    if same:
        misuse(f"{', '.join(same)}: the topics have these names already, so there is nothing to copy")
    return old.model_copy(update=names | {"partitions": partitions})


def _refuse_members(settings: Settings) -> None:
    admin, _ = connect(AdminClient, settings)
    try:
        # Not describe_consumer_groups: librdkafka ends the whole process when the broker goes away under it (#4605).
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            found = admin.list_groups(settings.application_id, timeout=ANSWER_SECONDS_MAX)
        members = found[0].members if found else ()
    except KafkaException as error:
        fail(f"the broker does not list the members of the group {settings.application_id}: {error.args[0].str()}")
    if members:
        fail(
            f"{len(members)} workers are in the group {settings.application_id}. Stop them all first (SIGTERM); one "
            "that was killed stays in the group until its session times out."
        )


def _offsets(settings: Settings, counts: Mapping[Topic, int]) -> Mapping[tuple[str, int], int]:
    """The group's committed offsets of all sources."""
    log_offsets = LogOffsets(settings.kafka(), settings.application_id)
    try:
        return log_offsets.committed(
            [(settings.topic(topic), n) for topic in TOPOLOGY.sources for n in range(counts[topic])]
        )
    finally:
        log_offsets.close()


def _existing(settings: Settings) -> list[Topic]:
    _, cluster = connect(AdminClient, settings)
    return [t for t in NEW_TOPICS if (found := cluster.topics.get(settings.topic(t))) is not None and not found.error]


def _prepare(new: Settings, again: bool) -> None:
    """Check that no new topic exists, or delete them: without a progress topic no worker has used them."""
    existing = _existing(new)
    if topics.PROGRESS in existing:
        fail(
            f"{new.topic(topics.PROGRESS)} exists: the state was copied to that number of partitions before. If no "
            "worker ever ran on those topics, delete them by hand and run this again."
        )
    if not existing:
        return
    names = [new.topic(topic) for topic in existing]
    if not again:
        fail(f"{', '.join(names)} exist, left by an interrupted run. --again deletes them and starts again.")
    admin, _ = connect(AdminClient, new)
    for name, future in admin.delete_topics(names, request_timeout=3 * ANSWER_SECONDS_MAX).items():
        try:
            future.result()
        except KafkaException as error:
            fail(f"{name} could not be deleted: {error.args[0].str()}")
    _wait_until_gone(new)


def _wait_until_gone(new: Settings) -> None:
    deadline = time.monotonic() + 3 * ANSWER_SECONDS_MAX
    while _existing(new):
        if time.monotonic() > deadline:
            fail("the deleted topics still exist; run this again with --again in a moment")
        time.sleep(0.2)


def _create(new: Settings, chosen: tuple[Topic, ...]) -> None:
    report = provision(new, only=chosen)
    if report.errors:
        fail("; ".join(report.errors))


def _watermarks(old: Settings) -> Mapping[bytes, Watermark]:
    names = {topic: old.topic(topic) for topic in TOPOLOGY.topics}
    recovery = Recovery(old.kafka(), old.application_id, names, lambda: False)
    try:
        records, _ = recovery.read_all(names[topics.PROGRESS])
    finally:
        recovery.close()
    return {key: watermarks.decode_watermark(value) for key, value in records}
