"""`CommandsPort`: refusals become data of the schema."""

from collections.abc import Sequence

from strawberry import ID

from domain.commands.refusal import RefusalKind as Kind
from domain.commands.refusal import Refused
from domain.records import MismatchAlert
from gateway.commands.dead_letters import DeadLetters
from gateway.commands.proposals import Proposals
from gateway.commands.service import Audit, CommandService
from gateway.graphql.mutations.wanted_input import decisions_of, wanted_of
from gateway.graphql.schema.commands import (
    BulkResult,
    CommandInput,
    Forecast,
    RefeedRefusal,
    RefeedResult,
    Refusal,
    Written,
)
from gateway.graphql.schema.enums import BulkAction, KeyKind, RefusalKind
from gateway.graphql.schema.explanations import Proposal
from gateway.graphql.schema.scalars import Instant
from gateway.people.audit import AuditUnavailable
from gateway.people.viewer import Viewer


class GraphqlCommands:
    """What people want done, in the schema's types.

    Args:
        service: carries commands out.
        proposals: proposes what money in suspense may be of.
        dead_letters: feeds dead letters again.
        audit: the audit log.

    """

    def __init__(self, service: CommandService, proposals: Proposals, dead_letters: DeadLetters, audit: Audit) -> None:
        self._service = service
        self._proposals = proposals
        self._dead_letters = dead_letters
        self._audit = audit

    async def proposals(self, alert: MismatchAlert) -> list[Proposal]:
        """What money in suspense may be of, the most likely first."""
        return [
            Proposal(key_kind=KeyKind(one.key_kind), key=one.key, reasons=list(one.reasons), doubts=list(one.doubts))
            for one in await self._proposals.of(alert)
        ]

    async def forecast(self, viewer: Viewer, command: CommandInput) -> Forecast:
        """What would become of a command."""
        try:
            text = await self._service.forecast(viewer, wanted_of(command))
        except Refused as refused:
            return Forecast(allowed=False, text=[], refusal=_refusal(refused))
        return Forecast(allowed=True, text=text, refusal=None)

    async def decide(self, viewer: Viewer, request_id: str, command: CommandInput) -> Written | Refusal:
        """Check a command and write it."""
        try:
            done = await self._service.decide(viewer, request_id, wanted_of(command))
        except Refused as refused:
            return _refusal(refused)
        return Written(decision_id=ID(done.record_id), topic=done.topic, text=done.text)

    async def decide_many(
        self,
        viewer: Viewer,
        request_id: str,
        *,
        action: BulkAction,
        break_ids: Sequence[str],
        reason: str,
        assignee: str | None,
        until: Instant | None,
    ) -> list[BulkResult]:
        """Decide about many breaks; an answer for each, in their order."""
        try:
            outcomes = await self._service.decide_many(
                viewer, request_id, decisions_of(action, break_ids, reason, assignee, until)
            )
        except Refused as refused:
            return [BulkResult(break_id=ID(each), decision_id=None, refusal=_refusal(refused)) for each in break_ids]
        return [
            BulkResult(
                break_id=ID(one.break_id),
                decision_id=None if one.record_id is None else ID(one.record_id),
                refusal=None if one.refused is None else _refusal(one.refused),
            )
            for one in outcomes
        ]

    async def refeed(self, viewer: Viewer, request_id: str, ids: Sequence[str]) -> RefeedResult:
        """Feed dead letters again. A letter that is fed twice counts once, so a request may be repeated."""
        about = ",".join(ids)
        try:
            if viewer.properties is not None:
                raise Refused("there is no such dead letter in your properties", Kind.NOT_FOUND)
            await self._audit.check()
            found = await self._dead_letters.refeed(ids)
        except AuditUnavailable as error:
            return RefeedResult(refed=[], refused=[RefeedRefusal(id=ID(each), reason=str(error)) for each in ids])
        except Refused as refused:
            await self._audit.record(
                actor=viewer.name, action="refeed", outcome=f"refused.{refused.kind.value}", about=about,
                reason=refused.message,
            )  # fmt: skip
            return RefeedResult(refed=[], refused=[RefeedRefusal(id=ID(each), reason=refused.message) for each in ids])
        if found.refed:
            await self._audit.record(actor=viewer.name, action="refeed", outcome="done", about=",".join(found.refed))
        for letter_id, reason in found.refused.items():
            await self._audit.record(
                actor=viewer.name, action="refeed", outcome=f"refused.{Kind.INVALID.value}", about=letter_id,
                reason=reason,
            )  # fmt: skip
        return RefeedResult(
            refed=[ID(each) for each in found.refed],
            refused=[RefeedRefusal(id=ID(each), reason=reason) for each, reason in found.refused.items()],
        )


def _refusal(refused: Refused) -> Refusal:
    return Refusal(kind=RefusalKind[refused.kind.name], message=refused.message)
