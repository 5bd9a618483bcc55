"""Live explanations of breaks, from the JSON that a worker answers."""

from collections.abc import Mapping
from typing import Any

import msgspec
import strawberry

from gateway.graphql.context import Info
from gateway.graphql.schema.enums import BreakClass, KeyKind
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.scalars import Instant, parse_instant


@strawberry.type
class StoryLine:
    """An event of a key's story."""

    at: Instant | None
    source: str
    text: str
    event_id: str | None
    also_reported_by: list[str]
    conflicting: bool
    rests: bool = strawberry.field(description="Whether the break rests on it.")


@strawberry.type
class Deadline:
    """A deadline that bears on a break."""

    at: Instant | None
    what: str
    passed: bool


@strawberry.type
class FreeField:
    """A field whose value is open."""

    name: str
    what: str


@strawberry.type
class CorrectiveEvent:
    """An event that is part of a resolution."""

    type: str
    text: str
    fields: str = strawberry.field(description="JSON.")
    free: list[FreeField]
    before: Instant | None = strawberry.field(description="It must happen before this instant.")


@strawberry.type
class Consequence:
    """A break that a resolution leads to."""

    break_class: BreakClass = strawberry.field(name="class")
    due_at: Instant | None


@strawberry.type
class Resolution:
    """Events that resolve a break."""

    what: str
    by: str
    events: list[CorrectiveEvent]
    then: list[Consequence]


@strawberry.type
class Explanation:
    """An open break explained to people, by the worker that holds its key."""

    obligation_id: strawberry.Private[str | None]
    expected: str
    missing: str
    contract: str
    advice: str
    stays: bool = strawberry.field(description="Whether it stays open as a record, whatever comes.")
    story: list[StoryLine]
    deadlines: list[Deadline]
    resolutions: list[Resolution]
    look_at: list[str] = strawberry.field(description="Payments whose own story says more.")
    worker: str
    caught_up_to: Instant | None

    @field
    async def time_zone(self, info: Info) -> str | None:
        """IANA zone of the property; null where none is known."""
        return None if self.obligation_id is None else (await info.context.live.time_zone(self.obligation_id)).value


@strawberry.type
class Proposal:
    """What money in suspense may be of."""

    key_kind: KeyKind
    key: str
    reasons: list[str]
    doubts: list[str]


def explanation_of(found: Mapping[str, Any], obligation_id: str | None) -> Explanation:
    """Give an explanation.

    Args:
        found: what a worker answered: `ExplanationJson` of its API, with `live`.
        obligation_id: the obligation whose property's zone the deadlines are in; None if there is none.

    """
    live = found["live"]
    return Explanation(
        obligation_id=obligation_id,
        expected=found["expected"],
        missing=found["missing"],
        contract=found["contract"],
        advice=found["advice"],
        stays=found["stays"],
        story=[_story_line(entry) for entry in found["story"]],
        deadlines=[
            Deadline(at=_instant(each["at"]), what=each["what"], passed=each["passed"]) for each in found["deadlines"]
        ],
        resolutions=[_resolution(each) for each in found["resolutions"]],
        look_at=list(found["look_at"]),
        worker=live["worker"],
        caught_up_to=_instant(live["caught_up_to"]),
    )


def _story_line(entry: Mapping[str, Any]) -> StoryLine:
    return StoryLine(
        at=_instant(entry["at"]),
        source=entry["source"],
        text=entry["text"],
        event_id=entry["event_id"],
        also_reported_by=list(entry["also_told_by"]),
        conflicting=entry["conflicting"],
        rests=entry["rests"],
    )


def _resolution(found: Mapping[str, Any]) -> Resolution:
    return Resolution(
        what=found["what"],
        by=found["by"],
        events=[
            CorrectiveEvent(
                type=event["type"],
                text=event["text"],
                fields=msgspec.json.encode(event["fields"]).decode(),
                free=[FreeField(name=name, what=what) for name, what in event["free"].items()],
                before=_instant(event["before"]),
            )
            for event in found["events"]
        ],
        then=[
            Consequence(break_class=BreakClass(each["class"]), due_at=_instant(each["due_at"]))
            for each in found["then"]
        ],
    )


def _instant(text: str | None) -> Instant | None:
    return None if text is None else parse_instant(text)
