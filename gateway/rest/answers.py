"""The bodies of answers: records, pages of records, and live answers with their position.

A struct here is both what is encoded and what OpenAPI describes. The output records have their JSON form from the
Avro schemas (streams/codec/json_form.py); `ExplanationJson` describes the JSON that the domain makes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from domain.facts import DecisionAction
from domain.records import BreakClass, DecisionState, Output
from read_model.queries import CURRENCY, KeyKind
from streams.codec.json_form import output_to_json

PAGE_BYTES_MAX = 1 << 20
"""A page ends after this many bytes, whatever its limit: one obligation may have thousands of installments."""

T = TypeVar("T")

Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Currency = Annotated[str, Meta(pattern=CURRENCY, max_length=3)]


@dataclass(frozen=True, slots=True)
class ResultPage(Generic[T]):
    """A page of a list.

    Args:
        found: the records after the cursor, one more than `limit` if there are more.
        limit: the requested page size.
        cursor_of: the cursor of a record.

    """

    found: Sequence[T]
    limit: int
    cursor_of: Callable[[T], str]

    def encode(self, bytes_max: int = PAGE_BYTES_MAX) -> bytes:
        """`{"items": [...], "next": cursor or null}`, without the items after the first `bytes_max` bytes."""
        items: list[msgspec.Raw] = []
        size = 0
        for record in self.found[: self.limit]:
            if size >= bytes_max:
                break
            item = encode(record)
            items.append(msgspec.Raw(item))
            size += len(item)
        more = 0 < len(items) < len(self.found)
        after = self.cursor_of(self.found[len(items) - 1]) if more else None
        return msgspec.json.encode({"items": items, "next": after})


@dataclass(frozen=True, slots=True)
class LiveAnswer(Generic[T]):
    """The JSON of a `T` with its `Live` position, encoded by the worker that owns the key."""

    body: bytes


def live_answer(body: bytes | None) -> LiveAnswer[T] | None:
    """Type the JSON of a live query."""
    return None if body is None else LiveAnswer(body)


class Live(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The position of a live answer."""

    worker: Annotated[str, Meta(description="the worker that owns the key")]
    partition: Annotated[int, Meta(ge=0)]
    caught_up_to: Annotated[
        Instant | None,
        Meta(
            description="the instant that the answer is as of: every input has been read up to it; null before the "
            "partition has caught up for the first time, when no deadline has passed yet"
        ),
    ]
    facts: Annotated[int, Meta(ge=0, description="the number of facts in the state of the key")]


class StateJson(msgspec.Struct, frozen=True):
    """The committed state of a key, for programs of the same version of rentmatch."""

    type: Literal["State"]
    key_kind: KeyKind
    key: str
    packed: Annotated[
        str,
        Meta(
            description="base64 of the key's value in the changelog: its facts, and what was last published of it. "
            "Its form belongs to no contract and changes with the version; tables/packing.py reads it"
        ),
    ]


class TimelineEntryJson(msgspec.Struct, frozen=True):
    """An event of a key's timeline."""

    at: Instant | None
    source: str
    text: str
    event_id: str | None
    also_told_by: list[str]
    conflicting: bool
    rests: Annotated[bool, Meta(description="whether the break rests on it")]


class DeadlineJson(msgspec.Struct, frozen=True):
    """A deadline that bears on a break."""

    at: Instant | None
    what: str
    passed: bool


class KeptJson(msgspec.Struct, frozen=True):
    """What the allocations of a `PaymentReassigned` have to leave of its money with an obligation."""

    obligation_id: str
    amount_minor: int
    currency: Currency


class CorrectiveEventJson(msgspec.Struct, frozen=True):
    """An event that is part of a resolution."""

    type: str
    text: str
    fields: dict[str, Any]
    free: Annotated[dict[str, str], Meta(description="the fields whose value is open, each with what to put there")]
    before: Annotated[Instant | None, Meta(description="it must happen before this instant")]
    plan_has: list[str]
    plan_sum_minor: int | None
    net_sum_minor: Annotated[int | None, Meta(description="what the nets of all such events add up to")]
    entry_minor: Annotated[int | None, Meta(description="the amount of the bank entry that a person chooses")]
    keeps: KeptJson | None


class ConsequenceJson(msgspec.Struct, frozen=True):
    """A break that a resolution leads to."""

    break_class: BreakClass = msgspec.field(name="class")
    due_at: Instant | None


class DecisionOnBreakJson(msgspec.Struct, frozen=True):
    """What people have decided about a break: the furthest state that holds, and the decision that gives it."""

    state: DecisionState
    actor: str
    at: Instant | None
    approved_by: str | None
    reason: str
    assignee: str | None
    until: Instant | None


class DecisionTakenJson(msgspec.Struct, frozen=True):
    """A decision about a break, by the contract's names, and what became of it."""

    decision_id: str
    at: Instant
    action: DecisionAction
    actor: str
    reason: str
    break_class: str | None = msgspec.field(name="class")
    drift_minor: int | None
    evidence: str | None
    assignee: str | None
    until: Instant | None
    refers_to: str | None
    withdrawn: Annotated[bool, Meta(description="whether a later decision took it back")]
    fits: Annotated[bool | None, Meta(description="of an ACCEPT: whether it is about the break as it is now")]
    text: str


class ResolutionJson(msgspec.Struct, frozen=True):
    """Events that resolve a break."""

    what: str
    by: str
    events: list[CorrectiveEventJson]
    then: list[ConsequenceJson]


class ExplanationJson(msgspec.Struct, frozen=True):
    """An open break explained to people, as `rentmatch exceptions explain --json` prints it."""

    type: Literal["Explanation"]
    break_id: str
    key_kind: KeyKind
    key: str
    subject: list[str]
    break_class: BreakClass = msgspec.field(name="class")
    priority: Annotated[int, Meta(ge=1, le=3)]
    title: str
    expected_minor: int
    expected_text: str
    actual_minor: int
    actual_text: str
    drift_minor: int
    drift_text: str
    currency: Currency
    evidence: Annotated[str, Meta(description="what an ACCEPT refers to")]
    decision: DecisionOnBreakJson | None
    decisions: Annotated[list[DecisionTakenJson], Meta(description="all, the earliest first")]
    candidates: Annotated[list[str], Meta(description="the keys that may explain it")]
    property_id: str | None
    due_at: Instant | None
    opened_at: Instant | None
    resolved_at: Instant | None
    story: list[TimelineEntryJson]
    deadlines: list[DeadlineJson]
    expected: str
    missing: str
    contract: str
    resolutions: list[ResolutionJson]
    stays: Annotated[bool, Meta(description="whether it stays open as a record, whatever comes")]
    advice: str
    look_at: Annotated[list[str], Meta(description="payment ids whose own story tells more")]


class OpenApi(msgspec.Struct, frozen=True):
    """An OpenAPI 3.1 description."""

    openapi: str
    info: dict[str, Any]
    security: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


def encode(answer: object) -> bytes:
    """The JSON of an answer."""
    if isinstance(answer, LiveAnswer):
        return answer.body
    if isinstance(answer, ResultPage):
        return answer.encode()
    if isinstance(answer, Output):
        return msgspec.json.encode(output_to_json(answer))
    return msgspec.json.encode(answer)
