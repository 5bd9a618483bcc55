"""The marks that say which summaries are no longer up to date.

A summary is of a group: `breaks/<property>` (`breaks/` has those without a property), `obligations/<property>`,
`alerts/<property>`, `payouts/<processor>`. A batch marks its groups after its documents are written and before its
offsets are committed. So a killed projector's mark is made by the next one, which reads the same records again.
"""

import uuid
from collections.abc import Iterable

from read_model.mongo import Index, Mongo

SUMMARIES = "summaries"
INDEXES = (Index("marked", (("mark", 1),)), Index("by_kind", (("kind", 1), ("of", 1))))

UNMARKED = ""


def group_id(kind: str, of: str) -> str:
    """The `_id` of a summary."""
    return f"{kind}/{of}"


async def mark(mongo: Mongo, collection: str, groups: Iterable[tuple[str, str]]) -> None:
    """Mark the summaries of groups, by (kind, property or processor), to be made again.

    Raises:
        MongoUnavailable: some may not be marked; retry all.

    """
    # A mark differs from all others: one that is made while a summary is computed survives it.
    each = uuid.uuid4().hex
    await mongo.update_each(
        collection,
        [({"_id": group_id(kind, of)}, {"mark": each, "kind": kind, "of": of}) for kind, of in sorted(set(groups))],
        upsert=True,
    )
