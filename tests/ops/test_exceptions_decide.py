"""`rentmatch exceptions acknowledge|assign|comment|accept|approve|withdraw`: what is written, and what is refused."""

import json
from typing import Any

import msgspec
import pytest

from domain.breaks.model import Break, new_break
from domain.decisions import Decisions, apply_decision
from domain.facts import BreakDecided, InputFact
from domain.policy import Policy
from domain.records import BreakClass, DecisionState
from domain.time import HOUR
from ops.breaks import decisions
from ops.breaks.decisions import Author, BreakAtHand, Refused, forecast
from streams import topics
from streams.broker import reading
from streams.codec.codec import Codec
from streams.codec.json_form import instant_from_text
from streams.settings import Settings
from tests.kit.command_line import Run
from tests.kit.driver import Driver
from tests.ops.test_exceptions import BREAK, NOW, WITH_CLOCK, driver, parsed, put_on, written

__all__ = ["driver", "written"]

AT = instant_from_text(NOW)
ANA, BO = Author("ana", "agreed with the owner"), Author("bo", "checked")


def a_break(
    break_class: BreakClass = BreakClass.POSTING_MISSING, drift_minor: int = -5_000, events: str = "e-1 e-2"
) -> Break:
    return new_break(
        "payment", "P-9", ("posting",), break_class, currency="USD", event_ids=events.split(), expected_minor=5_000,
        actual_minor=5_000 + drift_minor,
    )  # fmt: skip


def at_hand(
    *decided: BreakDecided, mismatch: Break | None = None, resolved: bool = False, now: int = AT
) -> BreakAtHand:
    known: Decisions = {}
    for fact in decided:
        assert apply_decision(known, fact)
    return BreakAtHand("payment", "P-9", mismatch or a_break(), resolved, known, now, Policy())


def refusal(what: Any) -> str:
    with pytest.raises(Refused) as refused:
        what()
    return str(refused.value)


def test_an_acceptance_of_a_small_difference_needs_nobody_else() -> None:
    accepted = decisions.accept(at_hand(), ANA)
    assert (accepted.action, accepted.break_class, accepted.drift_minor) == ("ACCEPT", "posting_missing", -5_000)
    assert forecast(at_hand(), accepted).startswith("The break will be accepted. It opens again as soon as")
    after = at_hand(accepted)
    assert "ana has accepted it, so it is not open" in refusal(lambda: decisions.accept(after, BO))
    assert "ana has accepted it, so it is not open" in refusal(lambda: decisions.approve(after, BO, None))
    assert "so it is not open" in refusal(lambda: decisions.acknowledge(after, BO, None))


@pytest.mark.parametrize(
    ("mismatch", "why"),
    [
        (a_break(BreakClass.DUPLICATE_POSTING), "its priority is 1"),
        (a_break(drift_minor=-100_000), "its difference of USD -1,000.00 reaches the limit of USD 1,000.00"),
    ],
)
def test_four_eyes(mismatch: Break, why: str) -> None:
    before = at_hand(mismatch=mismatch)
    accepted = decisions.accept(before, ANA)
    assert forecast(before, accepted) == (
        f"The break stays open. It will be accepted once another person approves it: {why}."
    )
    requested = at_hand(accepted, mismatch=mismatch)
    assert "you have accepted it already" in refusal(lambda: decisions.accept(requested, ANA))
    assert "ana has accepted it already. Approve it" in refusal(lambda: decisions.accept(requested, BO))
    assert "you accepted it yourself, ana: another person" in refusal(lambda: decisions.approve(requested, ANA, None))
    approved = decisions.approve(requested, BO, None)
    assert approved.refers_to == accepted.decision_id
    assert forecast(requested, approved).startswith("The break will be accepted, approved by bo.")
    done = at_hand(accepted, approved, mismatch=mismatch)
    taken_back = decisions.withdraw(done, ANA, approved.decision_id)
    assert "once another person approves it" in forecast(done, taken_back)


def test_an_acceptance_that_no_longer_fits_is_not_approved() -> None:
    accepted = decisions.accept(at_hand(mismatch=a_break(BreakClass.DUPLICATE_POSTING)), ANA)
    grown = at_hand(accepted, mismatch=a_break(BreakClass.DUPLICATE_POSTING, drift_minor=-6_000))
    assert refusal(lambda: decisions.approve(grown, BO, None)) == (
        "ana accepted duplicate_posting with a difference of USD -50.00, and it is duplicate_posting with a difference "
        "of USD -60.00 now: that acceptance no longer fits. Look at the break, and accept it as it is now"
    )
    other_events = at_hand(accepted, mismatch=a_break(BreakClass.DUPLICATE_POSTING, events="e-1 e-3"))
    assert "its evidence has changed since ana accepted it" in refusal(
        lambda: decisions.approve(other_events, BO, None)
    )
    again = decisions.accept(other_events, ANA)
    assert again.evidence == other_events.evidence != accepted.evidence
    assert "nobody has accepted it" in refusal(lambda: decisions.approve(at_hand(), BO, None))


def test_withdrawing() -> None:
    assert "nothing to withdraw" in refusal(lambda: decisions.withdraw(at_hand(), ANA, None))
    accepted = decisions.accept(at_hand(), ANA)
    done = at_hand(accepted)
    assert "there is no decision nonsense about this break" in refusal(lambda: decisions.withdraw(done, BO, "nonsense"))
    withdrawn = decisions.withdraw(done, BO, None)
    assert withdrawn.refers_to == accepted.decision_id
    assert forecast(done, withdrawn) == "The break stays open, and nobody has decided anything about it."
    after = at_hand(accepted, withdrawn)
    assert "is withdrawn already" in refusal(lambda: decisions.withdraw(after, BO, accepted.decision_id))
    assert "nothing to withdraw" in refusal(lambda: decisions.withdraw(after, BO, None))
    back = decisions.withdraw(after, ANA, withdrawn.decision_id)
    assert forecast(after, back).startswith("The break will be accepted.")

    noted = decisions.comment(at_hand(), ANA)
    assert "is a comment" in refusal(lambda: decisions.withdraw(at_hand(noted), ANA, noted.decision_id))
    assigned = decisions.assign(at_hand(), ANA, "bo")
    seen = decisions.acknowledge(at_hand(assigned), ANA, None)
    two = refusal(lambda: decisions.withdraw(at_hand(assigned, seen), ANA, None))
    assert "2 decisions about it count; name one with --decision" in two
    assert assigned.decision_id in two


def test_acknowledging_and_assigning() -> None:
    assert "is in the past" in refusal(lambda: decisions.acknowledge(at_hand(), ANA, AT))
    until = decisions.acknowledge(at_hand(), ANA, AT + HOUR)
    assert forecast(at_hand(), until) == "The break stays open, acknowledged until 2026-07-08 13:00 UTC."
    for_good = decisions.acknowledge(at_hand(until), ANA, None)
    assert forecast(at_hand(until), for_good) == "The break stays open, acknowledged for good."
    shorter = refusal(lambda: decisions.acknowledge(at_hand(until, for_good), BO, AT + 2 * HOUR))
    assert (
        f"ana has acknowledged it for good already; withdraw that first: `rentmatch exceptions withdraw {BREAK_ID}"
        in shorter
    )
    later = at_hand(until, now=AT + HOUR)
    assert decisions.acknowledge(later, BO, AT + 2 * HOUR).until == AT + 2 * HOUR

    assigned = decisions.assign(at_hand(), ANA, "bo")
    assert forecast(at_hand(), assigned) == "The break stays open, assigned to bo."
    assert "assigned to bo already" in refusal(lambda: decisions.assign(at_hand(assigned), ANA, "bo"))
    assert "assigned to nobody already" in refusal(lambda: decisions.assign(at_hand(), ANA, None))
    freed = decisions.assign(at_hand(assigned), ANA, None)
    assert freed.occurred_at > assigned.occurred_at  # although the clock stands still
    assert forecast(at_hand(assigned), freed) == "The break stays open, and nobody has decided anything about it."


BREAK_ID = a_break().break_id


def test_a_resolved_break_takes_comments_only() -> None:
    gone = at_hand(resolved=True)
    for decide in (
        lambda: decisions.accept(gone, ANA),
        lambda: decisions.assign(gone, ANA, "bo"),
        lambda: decisions.acknowledge(gone, ANA, None),
        lambda: decisions.approve(gone, ANA, None),
    ):
        assert "the break is resolved" in refusal(decide)
    assert "changes nothing else" in forecast(gone, decisions.comment(gone, ANA))


# At the command line


def decided_on(broker: str) -> list[InputFact]:
    """The decisions on the broker, in order."""
    settings = Settings(broker=broker, topic_prefix="here.")
    codec = Codec()
    return [
        codec.decode_input(topics.DECISIONS, record.value, record.headers)
        for record in reading.records(settings, topics.DECISIONS)
    ]


def act(run: Run, verb: str, *words: str, actor: str = "ana", **env: str) -> Any:
    options = ("--from-topics", "--actor", actor, "--reason", "because", *words)
    return run("exceptions", verb, BREAK, *options, env=WITH_CLOCK | env)


def test_two_people_accept_a_break_and_one_takes_it_back(written: Run, mock_broker: str, driver: Driver) -> None:
    def worker_reads() -> None:
        known = decided_on(mock_broker)
        driver.pipe(*known)
        driver.run()
        put_on(mock_broker, driver)

    def states(*words: str) -> list[str]:
        listed = written("exceptions", "list", "--from-topics", "--json", "--key", "P-9", *words, env=WITH_CLOCK)
        return [
            alert["lifecycle"] + ("" if alert["decision"] is None else f" {alert['decision']['state']}")
            for alert in parsed(listed.stdout)
        ]

    shown = act(written, "accept", "--dry-run", "--json")
    assert shown.exit_code == 0, shown.output
    assert "ana accepts reversed_after_posting of payment P-9, difference USD 850.00: because\n" in shown.stderr
    assert "It will be accepted once another person approves it: its priority is 1." in shown.stderr
    assert "nothing is written (--dry-run)" in shown.stderr
    assert decided_on(mock_broker) == []

    asked = act(written, "accept")
    assert asked.exit_code == 1  # nobody said yes
    assert decided_on(mock_broker) == []
    done = act(written, "accept", "--yes", "--json")
    assert done.exit_code == 0, done.output
    (record,) = parsed(done.stdout)
    assert (record["type"], record["key"], record["class"], record["drift_minor"]) == (
        "BreakDecided", "P-9", "reversed_after_posting", 85_000,
    )  # fmt: skip
    assert f"written as decision {record['decision_id']}; its effect: rentmatch exceptions show {BREAK}" in done.stderr

    # Before a worker has read it, the log alone says what is decided.
    assert "you have accepted it already" in act(written, "accept", "--yes").stderr
    assert "another person has to approve it" in act(written, "approve", "--yes").stderr
    changed = act(written, "approve", "--yes", "--evidence", "f" * 32, actor="bo")
    assert changed.exit_code == 1
    assert f"the break has changed since: its evidence is {record['evidence']} now" in changed.stderr
    worker_reads()
    assert states() == ["updated accept_requested"]
    assert states("--decision", "none") == []

    approved = act(written, "approve", "--yes", "--evidence", record["evidence"], actor="bo")
    assert approved.exit_code == 0, approved.output
    worker_reads()
    assert states() == []
    assert states("--state", "accepted") == states("--decision", "accepted", "--state", "any") == ["accepted accepted"]
    table = written("exceptions", "list", "--from-topics", "--state", "accepted", env=WITH_CLOCK).stdout
    assert [line.replace("│", "").split()[-4:] for line in table.splitlines() if BREAK in line] == [
        ["accepted", "-", "-", BREAK]
    ]

    history = written("exceptions", "show", BREAK, "--from-topics", env=WITH_CLOCK).stdout
    assert "accepted by ana 2026-07-08 12:00 UTC, approved by bo: because" in history
    assert f"evidence {record['evidence']}" in history
    assert "ana accepted the break as it was: because" in history
    assert f"bo approved acceptance {record['decision_id']}: because" in history
    explained = parsed(written("exceptions", "explain", BREAK, "--from-topics", "--json", env=WITH_CLOCK).stdout)[0]
    assert explained["decision"]["state"] == "accepted"
    assert [one["action"] for one in explained["decisions"]] == ["ACCEPT", "APPROVE"]
    assert [one["text"] for one in explained["story"] if one["source"] == "people"] == [
        "ana accepted the break as it was: because.", f"bo approved acceptance {record['decision_id']}: because.",
    ]  # fmt: skip
    text = written("exceptions", "explain", BREAK, "--from-topics", env=WITH_CLOCK).stdout
    assert "What was decided" in text

    two = act(written, "withdraw", "--yes")
    assert two.exit_code == 1
    assert "2 decisions about it count" in two.stderr
    back = act(written, "withdraw", "--yes", "--decision", record["decision_id"])
    assert back.exit_code == 0, back.output
    worker_reads()
    assert states() == ["opened"]


def test_assigned_breaks_are_listed_by_person(written: Run, mock_broker: str, driver: Driver) -> None:
    assigned = act(written, "assign", "--to", "bo", "--yes", RENTMATCH_ACTOR="ignored")
    assert assigned.exit_code == 0, assigned.output
    acknowledged = act(written, "acknowledge", "--until", "3h", "--yes")
    assert "assigned to bo. It is also acknowledged until 2026-07-08 15:00 UTC.\n" in acknowledged.stderr
    driver.pipe(*decided_on(mock_broker))
    driver.run()
    put_on(mock_broker, driver)
    for words, keys in (
        (("--assignee", "bo"), ["P-9"]),
        (("--assignee", "ana"), []),
        (("--decision", "assigned"), ["P-9"]),
        (("--decision", "none"), ["P-7"]),
    ):
        listed = written("exceptions", "list", "--from-topics", "--json", *words, env=WITH_CLOCK)
        assert [alert["key"] for alert in parsed(listed.stdout)] == keys, words
    table = written("exceptions", "list", "--from-topics", env=WITH_CLOCK).stdout
    assert [line.replace("│", "").split()[-4:-2] for line in table.splitlines() if BREAK in line] == [
        ["assigned", "bo"]
    ]
    (_, *shown) = parsed(written("exceptions", "show", BREAK, "--from-topics", "--json", env=WITH_CLOCK).stdout)
    assert [one["action"] for one in shown if one["type"] == "Decision"] == ["ASSIGN", "ACKNOWLEDGE"]
    assert shown[-1]["until"] == "2026-07-08T15:00:00.000000Z"


def test_the_actor_is_the_setting_or_the_login(written: Run, mock_broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def actor(**env: str) -> str:
        words = ("exceptions", "comment", BREAK, "--from-topics", "--reason", "x", "--dry-run", "--json")
        (record,) = parsed(written(*words, env=WITH_CLOCK | env).stdout)
        return str(record["actor"])

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "cleo")
    assert actor() == "cleo"
    assert actor(RENTMATCH_ACTOR="dan") == "dan"
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found")))
    nameless = written("exceptions", "comment", BREAK, "--from-topics", "--reason", "x", "--dry-run", env=WITH_CLOCK)
    assert nameless.exit_code == 2
    assert "--actor or RENTMATCH_ACTOR" in nameless.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("accept", "0" * 32, "--reason", "x"), 1, "there is no break"),
        (("accept", BREAK), 2, "--reason"),
        (("assign", BREAK, "--reason", "x"), 2, "--to NAME, or --to-nobody"),
        (("assign", BREAK, "--reason", "x", "--to", "bo", "--to-nobody"), 2, "--to NAME, or --to-nobody"),
        (("acknowledge", BREAK, "--reason", "x", "--until", "soon"), 2, "neither a span"),
        (("acknowledge", BREAK, "--reason", "x", "--until", "2020-01-01T00:00:00Z"), 1, "is in the past"),
        (("withdraw", BREAK, "--reason", "x"), 1, "nothing to withdraw"),
        (("comment", BREAK, "--reason", "x", "--actor", " "), 2, "a name is needed"),
    ],
)
def test_wrong_decisions(written: Run, words: tuple[str, ...], status: int, said: str) -> None:
    wrong = written("exceptions", *words, "--from-topics", env=WITH_CLOCK | {"RENTMATCH_ACTOR": "ana"})
    assert wrong.exit_code == status, wrong.output
    assert said in wrong.stderr


def test_a_decision_that_the_broker_refuses_is_reported(
    written: Run, mock_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(producer: Any) -> int:
        producer.undelivered.append(msgspec.defstruct("Lost", ["reason"])("not leader"))
        return 0

    monkeypatch.setattr("ops.producing.BulkProducer.finish", refuse)
    lost = act(written, "comment", "--yes", "--json")
    assert lost.exit_code == 1
    assert "not written to here.decisions: not leader" in lost.stderr
    assert lost.stdout == ""


def test_the_forecast_is_what_the_worker_decides(written: Run, mock_broker: str, driver: Driver) -> None:
    for verb, words in (("assign", ("--to", "bo")), ("acknowledge", ()), ("accept", ())):
        done = act(written, verb, *words, "--yes", "--json")
        fact = decided_on(mock_broker)[-1]
        assert json.loads(done.stdout)["decision_id"] == fact.decision_id  # type: ignore[union-attr]
    driver.pipe(*decided_on(mock_broker))
    driver.run()
    (alert,) = (one for one in driver.last(topics.MISMATCH_ALERTS).values() if one.break_id == BREAK)
    assert alert.decision.state is DecisionState.ACCEPT_REQUESTED
    assert (alert.decision.actor, alert.decision.assignee) == ("ana", "bo")
