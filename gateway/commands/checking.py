"""Makes of what a person wants the fact to write, with what it will change; or refuses it, with the reason.

The rules are those of `rentmatch exceptions` (domain/commands). What is added here is what a page needs: the person saw
a version of the break or the payment, and only that one is decided about; and what is out of the viewer's scope is not
there.
"""

from dataclasses import dataclass
from typing import NamedTuple

from domain.breaks.model import Break
from domain.commands import decisions, matching, moving
from domain.commands.changes import changes_of_break, changes_of_payment
from domain.commands.decisions import BreakAtHand
from domain.commands.refusal import Author, RefusalKind, Refused
from domain.explain.explanation import break_of
from domain.facts import BreakDecided, EntryMatched, InputFact, PaymentReassigned, ReferenceAssigned
from domain.ids import evidence_of, parts_of_key
from domain.policy import Policy
from domain.records import MismatchAlert, PaymentReconciliation
from domain.time import Micros
from gateway.commands.known import KeyOf, KnownKey, KnownKeys
from gateway.commands.wanted import (
    AcceptBreak,
    AcknowledgeBreak,
    ApproveBreak,
    AssignBreak,
    CommentOnBreak,
    Decision,
    MatchBreak,
    MovePayment,
    Wanted,
    WithdrawDecision,
)
from read_model.scoped import ScopedReadModel
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

VERSIONS_LOOKED_THROUGH = 100
"""How far back it is looked for the version that a person saw, to say what changed since."""


class Subject(NamedTuple):
    """What a command is about, as the viewer's read model has it."""

    key: KeyOf
    alert: MismatchAlert | None
    """Of a break; None for a payment that is moved."""
    payment: PaymentReconciliation | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command that may be carried out."""

    record_id: str
    fact: InputFact | None
    """None: it was written already."""
    text: list[str]
    """What will happen, in sentences."""


class Checker:
    """Checks what is wanted.

    Args:
        known: what is known of keys now.
        policy: the deadlines, and who needs a second person: as the workers have them.

    """

    def __init__(self, known: KnownKeys, policy: Policy) -> None:
        self._known = known
        self._policy = policy

    async def subject(self, read: ScopedReadModel, wanted: Wanted) -> Subject:
        """Find what a command is about, within the viewer's scope.

        Raises:
            Refused: it is not there.

        """
        if isinstance(wanted, MovePayment):
            row = (await read.payments_by_ids([wanted.payment_id])).get(wanted.payment_id)
            if row is None:
                raise Refused(f"there is no payment {wanted.payment_id}", RefusalKind.NOT_FOUND)
            return Subject(("payment", wanted.payment_id), None, row.payment)
        found = (await read.breaks_by_ids([wanted.break_id])).get(wanted.break_id)
        if found is None:
            raise no_such_break(wanted.break_id)
        return subject_of(found.alert)

    async def prepare(
        self, read: ScopedReadModel, subject: Subject, wanted: Wanted, author: Author, now: Micros
    ) -> Prepared:
        """Check a command against what is known now.

        Raises:
            Refused: it may not be carried out.

        """
        if isinstance(wanted, MovePayment):
            return await self._move(read, subject, wanted, author, now)
        if isinstance(wanted, MatchBreak):
            return await self._match(read, subject, wanted, author, now)
        known = (await self._known.with_decisions([subject.key]))[subject.key]
        if isinstance(known, Refused):
            raise known
        return await self.decision(read, subject, known, wanted, author, now)

    async def decision(
        self, read: ScopedReadModel, subject: Subject, known: KnownKey, wanted: Decision, author: Author, now: Micros
    ) -> Prepared:
        """Check a decision about a break.

        Raises:
            Refused: it may not be taken.

        """
        if author.record_id in known.state.decisions:
            return _already(author)
        at_hand = self._at_hand(subject, known, now)
        if isinstance(wanted, AcknowledgeBreak | AcceptBreak | ApproveBreak) and not at_hand.is_resolved:
            await _require_seen(read, at_hand.mismatch, wanted.evidence)
        fact = _decided(at_hand, wanted, author)
        _require_valid(fact)
        return Prepared(author.record_id, fact, [decisions.forecast(at_hand, fact)])

    def _at_hand(self, subject: Subject, known: KnownKey, now: Micros) -> BreakAtHand:
        assert subject.alert is not None
        kind, key = subject.key
        published = known.published.breaks.get(subject.alert.break_id)
        return BreakAtHand(
            key_kind=kind,
            key=key,
            mismatch=break_of(subject.alert) if published is None else published.last,
            is_resolved=published is None,
            decisions=known.state.decisions,
            now=now,
            policy=self._policy,
        )

    async def _match(
        self, read: ScopedReadModel, subject: Subject, wanted: MatchBreak, author: Author, now: Micros
    ) -> Prepared:
        kind, key = subject.key
        if kind not in ("reference", "bank_entry"):
            raise Refused(f"a break of a {kind} has nothing to match; a reference or a bank entry has")
        known = await self._known.with_moves(subject.key)
        at_hand = self._at_hand(subject, known, now)
        if kind == "reference":
            assigned = known.state.assigned
            if assigned is not None and assigned.event_id == author.record_id:
                return _already(author)
            await self._require_current(read, at_hand, known, wanted.evidence)
            return await self._match_reference(read, key, known, wanted, author, now)
        if any(one.event_id == author.record_id for one in known.state.matches):
            return _already(author)
        await self._require_current(read, at_hand, known, wanted.evidence)
        return await self._match_entry(read, key, known, wanted, author, now)

    async def _match_reference(
        self, read: ScopedReadModel, key: str, known: KnownKey, wanted: MatchBreak, author: Author, now: Micros
    ) -> Prepared:
        if wanted.target not in await read.payments_by_ids([wanted.target]):
            raise Refused(f"there is no payment {wanted.target}", RefusalKind.NOT_FOUND)
        holder = await self._known.state("payment", wanted.target)
        fact = moving.give_reference(known.state, key, wanted.target, author, now)
        _require_valid(fact)
        text = moving.forecast_of_reference(known.state, holder, fact, now, self._policy)
        return Prepared(author.record_id, fact, text)

    async def _match_entry(
        self, read: ScopedReadModel, key: str, known: KnownKey, wanted: MatchBreak, author: Author, now: Micros
    ) -> Prepared:
        try:
            parts_of_key(wanted.target)
        except ValueError as error:
            raise Refused(str(error)) from None
        if wanted.target not in await read.payouts_by_keys([wanted.target]):
            raise Refused(f"there is no payout {wanted.target}", RefusalKind.NOT_FOUND)
        payouts = {wanted.target: await self._known.state("payout", wanted.target)}
        fact = matching.match_entry(known.state, key, wanted.target, author, now)
        _require_valid(fact)
        before = matching.payout_of(known.state, now, self._policy)
        if before is not None and before != wanted.target:
            payouts[before] = await self._known.state("payout", before)
        text = matching.forecast_of_entry(known.state, payouts, fact, now, self._policy)
        return Prepared(author.record_id, fact, text)

    async def _move(
        self, read: ScopedReadModel, subject: Subject, wanted: MovePayment, author: Author, now: Micros
    ) -> Prepared:
        known = await self._known.with_moves(subject.key)
        if any(author.record_id in one.event_ids() for one in known.state.assignments.values()):
            return _already(author)
        if known.published.version != wanted.version:
            raise await _changed_payment(read, subject, wanted, known.published.version)
        _require_nothing_unread(known)
        obligations = await read.obligations_by_ids({target.obligation_id for target in wanted.targets})
        for target in wanted.targets:
            # Who sees everything may name one whose charge has yet to come.
            if read.scope.properties is not None and target.obligation_id not in obligations:
                raise Refused(f"there is no obligation {target.obligation_id}", RefusalKind.NOT_FOUND)
        if any(target.amount_minor is not None and target.amount_minor < 1 for target in wanted.targets):
            raise Refused("an amount has to be above 0")
        fact = moving.move_payment(known.state, wanted.targets, author, now)
        _require_valid(fact)
        states = {
            one.obligation_id: await self._known.state("obligation", one.obligation_id) for one in fact.allocations
        }
        return Prepared(
            author.record_id, fact, moving.forecast_of_payment(known.state, states, fact, now, self._policy)
        )

    async def _require_current(
        self, read: ScopedReadModel, at_hand: BreakAtHand, known: KnownKey, evidence: str
    ) -> None:
        if at_hand.is_resolved:
            raise Refused("the break is resolved, so there is nothing to match any more", RefusalKind.CHANGED)
        await _require_seen(read, at_hand.mismatch, evidence)
        _require_nothing_unread(known)


def subject_of(alert: MismatchAlert) -> Subject:
    """A break as the subject of a command."""
    return Subject((alert.key_kind, alert.key), alert, None)


def no_such_break(break_id: str) -> Refused:
    """The refusal of what is not there, or not in the viewer's scope."""
    return Refused(f"there is no break {break_id}", RefusalKind.NOT_FOUND)


def _decided(at_hand: BreakAtHand, wanted: Decision, author: Author) -> BreakDecided:
    match wanted:
        case AcknowledgeBreak():
            return decisions.acknowledge(at_hand, author, wanted.until)
        case AssignBreak():
            return decisions.assign(at_hand, author, wanted.assignee)
        case CommentOnBreak():
            return decisions.comment(at_hand, author)
        case AcceptBreak():
            return decisions.accept(at_hand, author)
        case ApproveBreak():
            return decisions.approve(at_hand, author, wanted.decision_id)
        case WithdrawDecision():
            return decisions.withdraw(at_hand, author, wanted.decision_id)


def _already(author: Author) -> Prepared:
    return Prepared(author.record_id, None, ["It was written already."])


async def _require_seen(read: ScopedReadModel, now: Break, evidence: str | None) -> None:
    """Check that the person decides about the break as it is."""
    if evidence is None or evidence == evidence_of(now.break_class, now.event_ids):
        return
    seen = None
    page = await read.list_versions(MismatchAlert, now.break_id, limit=VERSIONS_LOOKED_THROUGH)
    for version in page.rows:
        if evidence_of(version.break_class, version.event_ids) == evidence:
            seen = break_of(version)
            break
    raise Refused(f"the break has changed since you looked at it. {changes_of_break(seen, now)}", RefusalKind.CHANGED)


def _require_nothing_unread(known: KnownKey) -> None:
    """Check that nobody moved the money a moment ago: the person has not seen it."""
    for fact in known.unread:
        if isinstance(fact, PaymentReassigned | ReferenceAssigned | EntryMatched):
            raise Refused(
                f"{fact.actor or 'somebody'} decided about it a moment ago, and the workers have not read that yet. "
                "Look at it again when they have",
                RefusalKind.CHANGED,
            )


async def _changed_payment(read: ScopedReadModel, subject: Subject, wanted: MovePayment, version: int) -> Refused:
    assert subject.payment is not None
    since = f"the payment has changed since you looked at it (version {wanted.version}, now {version})."
    if subject.payment.version != version:
        return Refused(f"{since} What changed is on its way here; look again in a moment", RefusalKind.CHANGED)
    page = await read.list_versions(PaymentReconciliation, wanted.payment_id, limit=VERSIONS_LOOKED_THROUGH)
    seen = next((one for one in page.rows if one.version == wanted.version), None)
    return Refused(f"{since} {changes_of_payment(seen, subject.payment)}", RefusalKind.CHANGED)


def _require_valid(fact: InputFact) -> None:
    """Check a record as `rentmatch publish` does."""
    try:
        check(fact)
    except BadInput as error:
        raise Refused(str(error.message)) from None
