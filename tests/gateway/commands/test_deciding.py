"""Commands of people: what is written, what is refused, and what the audit log has of it."""

import asyncio
import uuid
from typing import Any

import pytest

from domain.commands.moving import Target
from domain.commands.refusal import RefusalKind, Refused
from domain.facts import BreakDecided, EntryMatched, PaymentReassigned, ProcessorSettled, ReferenceAssigned
from domain.records import BreakLifecycle, DecisionState
from domain.time import HOUR
from gateway.commands.requests import CarriedOut
from gateway.commands.unread import TooFarBehind
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
from gateway.people.audit import AuditUnavailable, broken_link
from gateway.people.viewer import Role, Viewer
from streams.broker.cluster import BrokerError
from streams.codec.registry import RegistryError
from tests.gateway.commands.office import ANA, AT, BEN, BOT, EVE, PAT, Office
from tests.kit.scenario_tables import read_facts


def new_id() -> str:
    return str(uuid.uuid4())


def decide(office: Office, viewer: Viewer, wanted: Wanted, request_id: str | None = None) -> CarriedOut:
    return office.run(office.service.decide(viewer, request_id or new_id(), wanted))


def refused(office: Office, viewer: Viewer, wanted: Wanted, request_id: str | None = None) -> Refused:
    before = list(office.unread)
    with pytest.raises(Refused) as raised:
        decide(office, viewer, wanted, request_id)
    assert office.unread == before
    return raised.value


def accept(office: Office, key: str, reason: str = "agreed") -> AcceptBreak:
    alert = office.alert(key)
    assert alert.evidence is not None
    return AcceptBreak(alert.break_id, alert.evidence, reason)


def approve(office: Office, key: str) -> ApproveBreak:
    alert = office.alert(key)
    assert alert.evidence is not None
    return ApproveBreak(alert.break_id, alert.evidence, None, "checked")


def test_two_people_accept_a_break(office: Office) -> None:
    wanted = accept(office, "acme/ch_9")
    forecast = office.run(office.service.forecast(ANA, wanted))
    assert forecast == ["The break stays open. It will be accepted once another person approves it: its priority is 1."]
    done = decide(office, ANA, wanted)
    assert (done.topic, done.text) == ("decisions", forecast)
    (fact,) = office.unread
    assert isinstance(fact, BreakDecided)
    assert (fact.decision_id, fact.action, fact.actor, fact.key) == (done.record_id, "ACCEPT", "ana", "acme/ch_9")

    # No worker has read it yet, and it counts.
    again = refused(office, ANA, wanted)
    assert "you have accepted it already" in again.message
    own = refused(office, ANA, approve(office, "acme/ch_9"))
    assert (own.kind, own.message) == (
        RefusalKind.NOT_ALLOWED, "you accepted it yourself, ana: another person has to approve it",
    )  # fmt: skip
    other = refused(office, BEN, wanted)
    assert (other.kind, "ana has accepted it already; approve that" in other.message) == (RefusalKind.CHANGED, True)

    # Neither does another session of the same person help, nor an API token.
    elsewhere = Viewer("ana", Role.ADMIN, None, session_id_hash="f" * 64)
    assert refused(office, elsewhere, approve(office, "acme/ch_9")).kind is RefusalKind.NOT_ALLOWED
    for name in ("Ana", "ana ", "\uff41na", "a\u200bna"):  # who may be the same person
        same = Viewer(name, Role.ADMIN, None, session_id_hash="f" * 64)
        assert office.runner.run(_forecast_kind(office, same)) is RefusalKind.NOT_ALLOWED
    assert "an API token is no person" in refused(office, BOT, approve(office, "acme/ch_9")).message

    office.worker_reads()
    assert office.alert("acme/ch_9").decision.state is DecisionState.ACCEPT_REQUESTED  # type: ignore[union-attr]
    decide(office, BEN, approve(office, "acme/ch_9"))
    office.worker_reads()
    alert = office.alert("acme/ch_9")
    assert alert.lifecycle is BreakLifecycle.ACCEPTED
    assert alert.decision is not None
    assert (alert.decision.actor, alert.decision.approved_by) == ("ana", "ben")
    done_log = [(one.actor, one.action, one.outcome) for one in office.entries()]
    assert done_log == [
        ("ana", "decide.accept", "done"),
        ("ana", "decide.accept", "refused.invalid"),
        ("ana", "decide.approve", "refused.not_allowed"),
        ("ben", "decide.accept", "refused.changed"),
        ("ana", "decide.approve", "refused.not_allowed"),
        ("bot", "decide.approve", "refused.not_allowed"),
        ("ben", "decide.approve", "done"),
    ]
    assert broken_link(office.entries()) is None


async def _forecast_kind(office: Office, viewer: Viewer) -> RefusalKind | None:
    try:
        await office.service.forecast(viewer, approve(office, "acme/ch_9"))
    except Refused as refusal:
        return refusal.kind
    return None


def test_the_other_decisions(office: Office) -> None:
    alert = office.alert("P-1")
    decide(office, ANA, AcknowledgeBreak(alert.break_id, alert.evidence, AT + HOUR, "asked the bank"))
    assigned = decide(office, ANA, AssignBreak(alert.break_id, "ben", "knows cards"))
    assert assigned.text == ["The break stays open, assigned to ben."]
    decide(office, ANA, CommentOnBreak(alert.break_id, "the bank confirms"))
    office.worker_reads()
    decision = office.alert("P-1").decision
    assert decision is not None
    assert (decision.state, decision.assignee, decision.until) == (DecisionState.ASSIGNED, "ben", AT + HOUR)
    assert "assigned to ben already" in refused(office, BEN, AssignBreak(alert.break_id, "ben", "again")).message
    many = refused(office, ANA, WithdrawDecision(alert.break_id, None, "wrong"))
    assert assigned.record_id in many.message
    decide(office, ANA, WithdrawDecision(alert.break_id, assigned.record_id, "wrong"))
    office.worker_reads()
    assert office.alert("P-1").decision.assignee is None  # type: ignore[union-attr]


def test_a_break_that_changed_since_the_person_looked(office: Office) -> None:
    wanted = accept(office, "acme/ch_9")
    (first,) = read_facts("2026-07-03 20:00 acme/ch_9 SETTLED 850.00")
    assert isinstance(first, ProcessorSettled)
    office.unread.append(ProcessorSettled(**{
        name: getattr(first, name) for name in first.__struct_fields__
    } | {"movement_id": "second", "event_id": "e-second"}))  # fmt: skip
    office.worker_reads()
    changed = refused(office, ANA, wanted)
    assert changed.kind is RefusalKind.CHANGED
    assert (
        "the break has changed since you looked at it. It is reference_unknown with a difference of" in changed.message
    )
    assert "it also rests on event e-second" in changed.message
    decide(office, ANA, accept(office, "acme/ch_9"))


def test_a_resolved_break_takes_comments_only(office: Office) -> None:
    wanted = accept(office, "P-1")
    office.unread += read_facts("2026-07-02 15:00 P-1 SETTLED 850.00\n2026-07-02 18:00 P-1 posted 850.00 to O-1 as L-1")
    office.worker_reads()
    gone = refused(office, ANA, wanted)
    assert (gone.kind, "the break is resolved" in gone.message) == (RefusalKind.CHANGED, True)
    decide(office, ANA, CommentOnBreak(wanted.break_id, "came late"))


def test_a_reference_is_given_to_a_payment(office: Office) -> None:
    alert = office.alert("acme/ch_9")
    assert alert.evidence is not None
    wanted = MatchBreak(alert.break_id, "P-1", alert.evidence, "amount and day")
    done = decide(office, ANA, wanted)
    assert done.text[0] == "1 settlement record of acme/ch_9, USD 850.00 settled, will count for payment P-1."
    (fact,) = office.unread
    assert isinstance(fact, ReferenceAssigned)
    assert (fact.payment_id, fact.actor, fact.event_id) == ("P-1", "ana", done.record_id)
    elsewhere = MatchBreak(alert.break_id, "P-8", alert.evidence, "no, that one")
    moment = refused(office, BEN, elsewhere)
    assert (moment.kind, "ana decided about it a moment ago" in moment.message) == (RefusalKind.CHANGED, True)
    nobody = refused(office, ANA, MatchBreak(alert.break_id, "P-99", alert.evidence, "x"))
    assert nobody.kind is RefusalKind.CHANGED  # the match of a moment ago comes first
    office.worker_reads()
    assert office.payment("P-1").settled.standing_minor == 85_000
    resolved = refused(office, BEN, elsewhere)
    assert "the break is resolved" in resolved.message


def test_a_bank_entry_is_given_to_a_payout(office: Office) -> None:
    alert = office.alert("A/n1")
    assert alert.evidence is not None
    for target, kind, said in (
        ("acme/po_9", RefusalKind.NOT_FOUND, "there is no payout acme/po_9"),
        ("po_1", RefusalKind.INVALID, "is not a key of two parts"),
    ):
        wrong = refused(office, ANA, MatchBreak(alert.break_id, target, alert.evidence, "x"))
        assert wrong.kind is kind
        assert said in wrong.message
    done = decide(office, ANA, MatchBreak(alert.break_id, "acme/po_1", alert.evidence, "seen in the portal"))
    assert done.topic == "bank-entries"
    assert "Payout acme/po_1: it resolves deposit_missing on deposit." in done.text
    (fact,) = office.unread
    assert isinstance(fact, EntryMatched)
    office.worker_reads()
    with pytest.raises(ValueError, match="not enough values"):
        office.alert("A/n1")
    payment = office.alert("P-1")
    assert payment.evidence is not None
    nothing = refused(office, ANA, MatchBreak(payment.break_id, "P-4", payment.evidence, "x"))
    assert "a break of a payment has nothing to match" in nothing.message


def test_a_payment_is_moved(office: Office) -> None:
    seen = office.payment("P-4").version
    wanted = MovePayment("P-4", seen, (Target("O-2", None, 50_000), Target("O-1", "first", None)), "two months")
    assert office.run(office.service.forecast(ANA, wanted))[0] == (
        "USD 500.00 will be for obligation O-2: USD 500.00 of it is net settled."
    )
    done = decide(office, ANA, wanted)
    assert done.topic == "payment-initiated"
    (fact,) = office.unread
    assert isinstance(fact, PaymentReassigned)
    assert fact.assignment_version == 1
    unread = refused(office, BEN, MovePayment("P-4", seen, (Target("O-2", None, None),), "no, all of it"))
    assert (unread.kind, "ana decided about it a moment ago" in unread.message) == (RefusalKind.CHANGED, True)
    office.worker_reads()
    changed = refused(office, BEN, MovePayment("P-4", seen, (Target("O-2", None, None),), "no, all of it"))
    assert changed.kind is RefusalKind.CHANGED
    assert "it was for USD 850.00 of obligation O-1 and is for USD 500.00 of obligation O-2" in changed.message
    now = office.payment("P-4").version
    for targets, said in (
        ((Target("O-2", None, 1), Target("O-1", None, 2)), "the amounts add up to USD 0.03"),
        ((Target("O-2", None, None), Target("O-1", None, None)), "at most one may be without an amount"),
        ((Target("O-2", None, -5), Target("O-1", None, None)), "an amount has to be above 0"),
    ):
        assert said in refused(office, BEN, MovePayment("P-4", now, targets, "x")).message
    assert refused(office, BEN, MovePayment("P-99", 1, (Target("O-2", None, None),), "x")).kind is RefusalKind.NOT_FOUND


def belong(office: Office, **properties: list[str]) -> None:
    """Enter the properties of payments and their breaks, as the projector does."""

    async def enter() -> None:
        for payment_id, property_ids in properties.items():
            name = payment_id.replace("_", "-")
            await office.mongo.update("payments", {"_id": name}, {"property_ids": property_ids})
            await office.mongo.update("breaks", {"key": name}, {"property_ids": property_ids})

    office.run(enter())


def test_what_is_out_of_scope_is_not_there(office: Office) -> None:
    belong(office, P_1=["H"], P_4=["H"], P_8=["H-8"])
    decide(office, PAT, accept(office, "P-8"))
    reference = office.alert("acme/ch_9")
    assert reference.evidence is not None
    move = MovePayment("P-8", office.payment("P-8").version, (Target("O-2", None, None),), "x")
    for wanted in (
        accept(office, "P-1"),
        CommentOnBreak(office.alert("A/n1").break_id, "x"),
        MatchBreak(reference.break_id, "P-8", reference.evidence, "x"),
        MovePayment("P-4", office.payment("P-4").version, (Target("O-8", None, None),), "x"),
        move,
    ):
        assert refused(office, PAT, wanted).kind is RefusalKind.NOT_FOUND
    assert "there is no obligation O-2" in refused(office, PAT, move).message
    decide(office, ANA, move)  # who sees everything may


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_roles(office: Office, role: Role) -> None:
    viewer = Viewer("vic", role, None, session_id_hash="d" * 64)
    wanted: list[Wanted] = [approve(office, "P-1")]
    if role is Role.VIEWER:
        wanted += [accept(office, "P-1"), CommentOnBreak(office.alert("P-1").break_id, "x")]
        wanted.append(MovePayment("P-4", office.payment("P-4").version, (Target("O-2", None, None),), "x"))
    for each in wanted:
        no = refused(office, viewer, each)
        assert no.kind is RefusalKind.NOT_ALLOWED
        assert f"your role, {role}, may not" in no.message
    with pytest.raises(Refused):
        office.run(office.service.forecast(EVE, wanted[0]))
    assert {one.outcome for one in office.entries()} == {"refused.not_allowed"}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (CommentOnBreak("no-such", "x"), "there is no break no-such"),
        (CommentOnBreak("no-such", "  "), "a reason is needed"),
    ],
)
def test_what_makes_no_command(office: Office, wanted: Wanted, said: str) -> None:
    assert said in refused(office, ANA, wanted).message


def test_texts_are_checked_as_publish_checks_them(office: Office) -> None:
    break_id = office.alert("P-1").break_id
    assert "assignee" in refused(office, ANA, AssignBreak(break_id, "", "x")).message
    assert "reason" in refused(office, ANA, CommentOnBreak(break_id, "x" * 9_000)).message
    assert "requestId has to be a UUID" in refused(office, ANA, CommentOnBreak(break_id, "x"), "17").message
    for half in (CommentOnBreak(break_id, "\ud800"), CommentOnBreak("\udfff", "x")):
        assert "half of a surrogate pair" in refused(office, ANA, half).message
    past = refused(office, ANA, AcknowledgeBreak(break_id, None, AT, "x"))
    assert "is in the past" in past.message


def test_the_same_request_again_is_answered_and_not_repeated(office: Office) -> None:
    wanted, request_id = CommentOnBreak(office.alert("P-1").break_id, "asked the bank"), new_id()
    first = decide(office, ANA, wanted, request_id)
    assert decide(office, ANA, wanted, request_id) == first
    assert len(office.unread) == 1
    other = refused(office, ANA, CommentOnBreak(wanted.break_id, "something else"), request_id)
    assert "this requestId was used for another command" in other.message
    # Of another person it is another request.
    assert decide(office, BEN, wanted, request_id).record_id != first.record_id
    office.start_gateway()
    assert decide(office, ANA, wanted, request_id) == first
    assert len(office.unread) == 2


@pytest.mark.parametrize("read_by_worker", [False, True])
def test_a_request_is_repeated_after_a_crash_before_it_was_remembered(office: Office, read_by_worker: bool) -> None:
    alert = office.alert("acme/ch_9")
    assert alert.evidence is not None
    commands: list[Wanted] = [
        accept(office, "P-1"),
        MatchBreak(alert.break_id, "P-1", alert.evidence, "x"),
        MovePayment("P-4", office.payment("P-4").version, (Target("O-2", None, None),), "x"),
    ]
    for wanted in commands:
        request_id = new_id()
        first = decide(office, ANA, wanted, request_id)
        if read_by_worker and not isinstance(wanted, AcceptBreak):
            office.worker_reads()
        facts = len(office.unread)
        office.run(office.mongo.delete("gateway_requests", {}))
        office.start_gateway()  # it knows nothing of what the other wrote
        again = decide(office, ANA, wanted, request_id)
        assert again.record_id == first.record_id
        assert again.text == ["It was written already."]
        assert len(office.unread) == facts


def test_another_command_with_the_id_of_one_that_was_not_remembered_is_not_taken_for_it(office: Office) -> None:
    request_id = new_id()
    break_id = office.alert("P-1").break_id
    first = decide(office, ANA, CommentOnBreak(break_id, "x"), request_id)
    office.run(office.mongo.delete("gateway_requests", {}))
    other = decide(office, ANA, accept(office, "P-1"), request_id)
    assert other.record_id != first.record_id
    assert [fact.action for fact in office.unread if isinstance(fact, BreakDecided)] == ["COMMENT", "ACCEPT"]


def test_two_clicks_at_once_are_one_decision(office: Office) -> None:
    wanted = accept(office, "P-1")

    async def twice(first: str, second: str) -> list[Any]:
        return await asyncio.gather(
            office.service.decide(ANA, first, wanted),
            office.service.decide(ANA, second, wanted),
            return_exceptions=True,
        )

    same = new_id()
    one, other = office.run(twice(same, same))
    assert one == other
    assert len(office.unread) == 1
    office.start_gateway()
    office.unread.clear()
    outcomes = office.run(twice(new_id(), new_id()))
    assert {type(one) for one in outcomes} == {CarriedOut, Refused}
    assert len(office.unread) == 1


def test_a_client_that_gives_up_does_not_stop_a_command(office: Office) -> None:
    wanted, request_id = accept(office, "P-1"), new_id()

    async def give_up() -> None:
        asking = asyncio.create_task(office.service.decide(ANA, request_id, wanted))
        await asyncio.sleep(0.005)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await office.service.close()

    office.run(give_up())
    assert len(office.unread) == 1
    assert decide(office, ANA, wanted, request_id).about == wanted.break_id
    assert len(office.unread) == 1


def test_a_record_that_the_broker_does_not_acknowledge(office: Office) -> None:
    wanted, request_id = accept(office, "P-1"), new_id()
    office.broker_is_down = True
    lost = refused(office, ANA, wanted, request_id)
    assert lost.kind is RefusalKind.UNAVAILABLE
    assert "send the same request again" in lost.message
    office.broker_is_down = False
    assert decide(office, ANA, wanted, request_id).text[0].startswith("The break will be accepted")
    assert len(office.unread) == 1


def test_what_cannot_be_checked_is_not_written(office: Office) -> None:
    wanted = accept(office, "P-1")
    office.broken = BrokerError("no Kafka broker answers at broker-1:9092")
    down = refused(office, ANA, wanted)
    assert down.kind is RefusalKind.UNAVAILABLE
    assert "broker-1" not in down.message
    office.broken = RegistryError("registry:8081 does not answer")
    assert "the Schema Registry does not answer" in refused(office, ANA, wanted).message
    office.broken = TooFarBehind("7 records")
    assert "the workers are far behind" in refused(office, ANA, wanted).message
    office.broken = None
    office.live.recovered = False
    moving = refused(office, ANA, wanted)
    assert (moving.kind, "the workers do not say" in moving.message) == (RefusalKind.UNAVAILABLE, True)


def test_nothing_is_decided_while_the_audit_log_cannot_be_written(office: Office) -> None:
    async def down(*_: Any, **__: Any) -> None:
        raise AuditUnavailable("the audit log cannot be written now")

    office.audit.check = down  # type: ignore[method-assign]
    assert "the audit log cannot be written now" in refused(office, ANA, accept(office, "P-1")).message


def test_many_breaks_at_once(office: Office) -> None:
    ids = [office.alert(key).break_id for key in ("P-1", "acme/ch_9", "A/n1")]
    decisions: list[Decision] = [AssignBreak(each, "ben", "month end") for each in (*ids[:2], "no-such", ids[2])]
    request_id = new_id()
    outcomes = office.run(office.service.decide_many(ANA, request_id, decisions))
    assert [one.break_id for one in outcomes] == [*ids[:2], "no-such", ids[2]]
    assert [one.refused is None for one in outcomes] == [True, True, False, True]
    assert outcomes[2].refused is not None
    assert outcomes[2].refused.kind is RefusalKind.NOT_FOUND
    assert {one.decision_id for one in office.unread if isinstance(one, BreakDecided)} == {
        one.record_id for one in outcomes if one.record_id is not None
    }
    # The same again: what is written stays written, and what was refused is checked again.
    again = office.run(office.service.decide_many(ANA, request_id, decisions))
    assert [one.record_id for one in again] == [one.record_id for one in outcomes]
    assert len(office.unread) == 3
    office.worker_reads()
    assert {office.alert(key).decision.assignee for key in ("P-1", "acme/ch_9", "A/n1")} == {"ben"}  # type: ignore[union-attr]
    with pytest.raises(Refused, match="nothing else"):
        office.run(office.service.decide_many(ANA, new_id(), [accept(office, "P-1")]))
    with pytest.raises(Refused, match="named twice"):
        office.run(office.service.decide_many(ANA, new_id(), [decisions[0], decisions[0]]))
    office.broken = BrokerError("down")
    unread = office.run(office.service.decide_many(ANA, new_id(), [CommentOnBreak(each, "x") for each in ids]))
    assert {one.refused.kind for one in unread if one.refused is not None} == {RefusalKind.UNAVAILABLE}
