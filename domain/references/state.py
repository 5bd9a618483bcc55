"""The state of a reference: who claims it, and the settlement records without a payment id (contract section 10).

Nearly every reference is that of one attempt whose records name their payment: its state is one claim, written once.
States are packed as arrays and stored: fields may only be appended, with a default.
"""

from collections.abc import Iterator
from typing import TypeAlias, assert_never

import msgspec

from domain.decisions import Decisions, apply_decision
from domain.facts import (
    AttemptClaim,
    BreakDecided,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceClaim,
    ReferenceFact,
)
from domain.time import FAR_FUTURE, Micros

CLAIMS_MAX = 100
"""Of each kind of claim a state keeps the first ones, of this many payments. The first claim decides who holds it, and
a processor that gives all its attempts one reference must not make one state of all payments."""


class Claim(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The first settlement record that names a payment and is about this attempt."""

    occurred_at: Micros
    event_id: str


class InitiationClaim(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest snapshot of what a payment's initiation claims."""

    revision: int
    occurred_at: Micros
    """FAR_FUTURE once the claim is withdrawn."""
    event_id: str

    @property
    def is_withdrawn(self) -> bool:
        """Whether the initiation that holds names another reference now."""
        return self.occurred_at == FAR_FUTURE


class Assigned(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The `ReferenceAssigned` that holds: the latest by (`occurred_at`, `event_id`)."""

    occurred_at: Micros
    event_id: str
    payment_id: str
    actor: str | None
    reason: str | None


class ReferenceState(msgspec.Struct, array_like=True, gc=False):
    """The facts of a reference. It survives a round trip through `msgspec.msgpack`."""

    reference_key: str
    attempt_claims: dict[str, Claim] = {}
    """By payment id: settlement records that name their payment themselves."""
    initiation_claims: dict[str, InitiationClaim] = {}
    """By payment id; withdrawn ones are kept, so that an earlier snapshot that arrives late changes nothing."""
    assigned: Assigned | None = None
    tellings: dict[str, tuple[ProcessorSettled, ...]] = {}
    """The settlement records without a payment id as they were received, by event id."""
    decisions: Decisions = {}


ClaimOrder: TypeAlias = tuple[Micros, str, str]
"""`occurred_at`, `event_id` and `payment_id` of a claim: the first one holds the reference."""


def new_reference(reference_key: str) -> ReferenceState:
    """Create the state of a reference without facts."""
    return ReferenceState(reference_key)


def apply(state: ReferenceState, fact: ReferenceFact) -> bool:
    """Apply a fact to a state, in place.

    Returns:
        Whether anything changed; False for a redelivery, and for a claim of a payment that has claimed earlier.

    """
    if isinstance(fact, AttemptClaim):
        return _apply_attempt_claim(state.attempt_claims, fact)
    if isinstance(fact, ProcessorSettled):
        return _apply_telling(state, fact)
    if isinstance(fact, ReferenceClaim):
        if fact.settled:
            return _apply_attempt_claim(state.attempt_claims, fact)
        return _apply_initiation_claim(state.initiation_claims, fact)
    if isinstance(fact, ReferenceAssigned):
        return _apply_assignment(state, fact)
    if isinstance(fact, BreakDecided):
        return apply_decision(state.decisions, fact)
    assert_never(fact)


def _apply_attempt_claim(claims: dict[str, Claim], fact: AttemptClaim | ReferenceClaim) -> bool:
    known = claims.get(fact.payment_id)
    if known is not None and (known.occurred_at, known.event_id) <= (fact.occurred_at, fact.event_id):
        return False
    claims[fact.payment_id] = Claim(fact.occurred_at, fact.event_id)
    return len(claims) <= CLAIMS_MAX or _drop_last(claims) != fact.payment_id


def _apply_initiation_claim(claims: dict[str, InitiationClaim], fact: ReferenceClaim) -> bool:
    known = claims.get(fact.payment_id)
    if known is not None and known.revision >= fact.revision:
        return False
    if fact.claimed:
        claim = InitiationClaim(fact.revision, fact.occurred_at, fact.event_id)
    else:
        claim = InitiationClaim(fact.revision, FAR_FUTURE, "")
    claims[fact.payment_id] = claim
    return len(claims) <= CLAIMS_MAX or _drop_last(claims) != fact.payment_id


def _drop_last(claims: dict[str, Claim] | dict[str, InitiationClaim]) -> str:
    """Drop the last claim, withdrawn ones before others, and give whose it was."""
    _, _, payment_id = max((claim.occurred_at, claim.event_id, payment_id) for payment_id, claim in claims.items())
    del claims[payment_id]
    return payment_id


def _apply_assignment(state: ReferenceState, fact: ReferenceAssigned) -> bool:
    new = Assigned(fact.occurred_at, fact.event_id, fact.payment_id, fact.actor, fact.reason)
    if state.assigned is not None and _assignment_order(state.assigned) >= _assignment_order(new):
        return False
    state.assigned = new
    return True


def _assignment_order(one: Assigned) -> tuple[Micros, str, str, str, str]:
    return one.occurred_at, one.event_id, one.payment_id, one.actor or "", one.reason or ""


def _apply_telling(state: ReferenceState, fact: ProcessorSettled) -> bool:
    known = state.tellings.get(fact.event_id, ())
    if fact in known:
        return False
    state.tellings[fact.event_id] = (*known, fact)
    return True


def claims(state: ReferenceState) -> Iterator[ClaimOrder]:
    """Give the claims of settlement records and initiations, those that are not withdrawn, in any order."""
    for payment_id, claim in state.attempt_claims.items():
        yield claim.occurred_at, claim.event_id, payment_id
    for payment_id, initiation in state.initiation_claims.items():
        if not initiation.is_withdrawn:
            yield initiation.occurred_at, initiation.event_id, payment_id


def facts(state: ReferenceState) -> int:
    """Count the facts of a reference but for its decisions; of the claims those that it keeps."""
    tellings = sum(map(len, state.tellings.values()))
    return tellings + sum(1 for _ in claims(state)) + (state.assigned is not None)


def holder(state: ReferenceState) -> str | None:
    """Give the payment that holds the reference (contract section 10); None if none does."""
    if state.assigned is not None:
        return state.assigned.payment_id
    first = min(claims(state), default=None)
    return None if first is None else first[2]


def tellings_in_order(state: ReferenceState) -> tuple[ProcessorSettled, ...]:
    """Give the settlement records without a payment id by (`occurred_at`, `event_id`, canonical content)."""
    return tuple(sorted((one for some in state.tellings.values() for one in some), key=_telling_order))


_encode = msgspec.json.Encoder(order="sorted").encode


def _telling_order(telling: ProcessorSettled) -> tuple[Micros, str, bytes]:
    return telling.occurred_at, telling.event_id, _encode(msgspec.structs.asdict(telling))
