"""`rentmatch exceptions acknowledge|assign|comment|accept|approve|withdraw` at the command line."""

import json
from typing import Any

import msgspec
import pytest

from domain.commands.refusal import Hint, Refused
from domain.facts import InputFact
from domain.records import DecisionState
from ops.breaks.refusals import refusal_text
from streams import topics
from streams.broker import reading
from streams.codec.codec import Codec
from streams.settings import Settings
from tests.kit.command_line import Run
from tests.kit.driver import Driver
from tests.ops.test_exceptions import BREAK, WITH_CLOCK, driver, parsed, put_on, written

__all__ = ["driver", "written"]


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


@pytest.mark.parametrize("hint", [None, *Hint])
def test_a_refusal_names_the_command_that_helps(hint: Hint | None) -> None:
    text = refusal_text(Refused("it would do nothing", hint=hint, decision_id="d-1"), "b-1")
    assert text.startswith("it would do nothing")
    assert ("rentmatch exceptions" in text) == (hint not in (None, Hint.NAME_DECISION))
    assert ("--decision d-1" in text) == (hint is Hint.WITHDRAW)
