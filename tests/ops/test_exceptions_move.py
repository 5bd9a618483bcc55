"""`rentmatch exceptions match|move`, and the payments that `show` proposes for an unknown reference."""

from collections.abc import Iterable
from typing import Any

import pytest

from domain.commands import candidates
from domain.commands.moving import Target
from domain.commands.proposals import PaymentSought
from domain.commands.refusal import Refused
from domain.facts import InputFact
from domain.ids import break_id
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import DAY
from ops.breaks.from_alerts import of_missing_settlements
from ops.breaks.targets import minor_of, target_of
from streams import topics
from streams.broker import reading
from streams.codec.codec import Codec
from streams.codec.json_form import fact_from_json, instant_from_text
from streams.settings import Settings
from tests.kit.command_line import Run
from tests.kit.domain_world import World
from tests.kit.driver import Driver
from tests.kit.scenario_tables import read_facts
from tests.ops.test_exceptions import NOW, WITH_CLOCK, parsed, put_on

AT = instant_from_text(NOW)
REFERENCE = "acme/ch_9"
UNKNOWN = break_id("reference", REFERENCE, ("reference",))

FACTS = """
    2026-06-20 12:00 O-1 charged 850.00 due 2026-07-01
    2026-06-20 12:00 O-2 charged 850.00 due 2026-08-01
    2026-06-20 12:00 O-3 charged 850.00 EUR due 2026-08-01
    2026-07-01 15:00 P-1 initiated 850.00 CARD for O-1
    2026-07-02 15:00 P-2 initiated 850.00 CARD for O-2 via other
    2026-07-02 15:00 P-3 initiated 700.00 CARD for O-1
    2026-07-02 16:00 P-4 initiated 850.00 CARD for O-1
    2026-07-02 17:00 P-4 SETTLED 850.00
    2026-07-02 18:00 P-4 posted 850.00 to O-1 as L-4
"""


def in_suspense(**fields: Any) -> InputFact:
    """A settlement record without a payment id."""
    return fact_from_json({
        "type": "ProcessorSettled", "event_id": "s-1", "occurred_at": "2026-07-02T20:00:00Z", "payment_id": None,
        "processor": "acme", "processor_reference": "ch_9", "outcome": "SETTLED", "gross_minor": 85_000,
        "fee_minor": None, "net_minor": None, "currency": "USD", "reason_code": None, "payout_id": None,
        "value_date": None,
    } | fields)  # fmt: skip


@pytest.fixture
def driver() -> Driver:
    driver = Driver(now=AT)
    driver.pipe(*read_facts(FACTS), in_suspense())
    driver.run()
    return driver


@pytest.fixture
def written(run: Run, mock_broker: str, driver: Driver) -> Run:
    put_on(mock_broker, driver)
    return run


def given(broker: str) -> list[InputFact]:
    """What the commands wrote to `payment-initiated`."""
    settings = Settings(broker=broker, topic_prefix="here.")
    codec = Codec()
    return [
        codec.decode_input(topics.PAYMENT_INITIATED, record.value, record.headers)
        for record in reading.records(settings, topics.PAYMENT_INITIATED)
    ]


def act(run: Run, *words: str) -> Any:
    return run("exceptions", *words, "--actor", "ana", "--reason", "by the bank's file", env=WITH_CLOCK)


def breaks_of(driver: Driver) -> set[tuple[str, BreakClass]]:
    return {
        (one.key, one.break_class) for one in driver.last(topics.MISMATCH_ALERTS).values() if one.resolved_at is None
    }


def test_an_unknown_reference_is_shown_with_the_payments_that_it_may_be_for(written: Run) -> None:
    shown = written("exceptions", "show", UNKNOWN, "--from-topics", env=WITH_CLOCK)
    assert shown.exit_code == 0, shown.output
    proposed = [line.strip() for line in shown.stdout.partition("none is chosen")[2].splitlines() if line.strip()]
    assert proposed == [
        "1. payment P-1: USD 850.00, without an outcome, initiated 2026-07-01 15:00 UTC by CARD through acme, the "
        "record came within its settlement window",
        "2. payment P-2: USD 850.00, without an outcome, the record came within its settlement window",
        "but initiated 2026-07-02 15:00 UTC by CARD through other",
        f"to give it to one: rentmatch exceptions match {UNKNOWN} --to P-1 --reason …",
    ]


def test_a_reference_in_suspense_is_given_to_a_payment(written: Run, mock_broker: str, driver: Driver) -> None:
    assert (REFERENCE, BreakClass.REFERENCE_UNKNOWN) in breaks_of(driver)
    tried = act(written, "match", REFERENCE, "--to", "P-1", "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert tried.stderr.splitlines() == [
        "ana gives reference acme/ch_9 to payment P-1: by the bank's file",
        "1 settlement record of acme/ch_9, USD 850.00 settled, will count for payment P-1.",
        "It resolves reference_unknown on reference.",
        "nothing is written (--dry-run)",
    ]
    assert given(mock_broker) == []

    done = act(written, "match", UNKNOWN, "--to", "P-1", "--yes", "--json", "--from-topics")
    assert done.exit_code == 0, done.output
    (record,) = parsed(done.stdout)
    assert (record["type"], record["payment_id"], record["processor"], record["processor_reference"]) == (
        "ReferenceAssigned", "P-1", "acme", "ch_9",
    )  # fmt: skip
    assert "ana has given reference acme/ch_9" in act(written, "match", REFERENCE, "--to", "P-1", "--yes").stderr
    driver.pipe(*given(mock_broker))
    driver.run()
    assert (REFERENCE, BreakClass.REFERENCE_UNKNOWN) not in breaks_of(driver)
    assert driver.last(topics.PAYMENT_RECONCILIATIONS)["P-1"].settled.standing_minor == 85_000
    put_on(mock_broker, driver)

    again = act(written, "match", REFERENCE, "--to", "P-1", "--yes")
    assert again.exit_code == 1
    assert "ana has given reference acme/ch_9 to payment P-1 already" in again.stderr
    elsewhere = act(written, "match", REFERENCE, "--to", "P-3", "--yes")
    assert "will count for payment P-3 instead of payment P-1." in elsewhere.stderr
    assert "Payment P-3 was initiated with USD 700.00: the amounts differ." in elsewhere.stderr
    first, second = given(mock_broker)
    assert second.occurred_at > first.occurred_at  # although the clock stands still

    story = parsed(written("exceptions", "explain", UNKNOWN, "--from-topics", "--json", env=WITH_CLOCK).stdout)[0][
        "story"
    ]
    assert [one["text"] for one in story if one["source"] == "people"] == [
        "ana gave the reference to payment P-1: by the bank's file."
    ]


def test_what_nothing_is_known_of_is_matched_only_on_purpose(written: Run) -> None:
    for words, what in (
        (("acme/ch_10", "--to", "P-1"), "reference acme/ch_10"),
        ((REFERENCE, "--to", "P-99"), "payment P-99"),
    ):
        refused = act(written, "match", *words, "--yes")
        assert refused.exit_code == 1
        assert f"nothing is known of {what}" in refused.stderr
        assert act(written, "match", *words, "--force", "--dry-run").exit_code == 0
    of_payment = break_id("payment", "P-1", ("settlement",))
    wrong = act(written, "match", of_payment, "--to", "P-1", "--from-topics")
    assert wrong.exit_code == 2
    assert "and of no reference" in wrong.stderr
    assert "there is no break nonsense" in act(written, "match", "nonsense", "--to", "P-1", "--from-topics").stderr


def test_a_payment_is_moved(written: Run, mock_broker: str, driver: Driver) -> None:
    parts = ("--to", "O-2=500.00", "--to", "O-1/first")
    moved = act(written, "move", "P-4", *parts, "--yes", "--json")
    assert moved.exit_code == 0, moved.output
    assert moved.stderr.splitlines()[:-1] == [
        "ana moves payment P-4 (assignment version 1): by the bank's file",
        "USD 500.00 will be for obligation O-2: USD 500.00 of it is net settled.",
        "USD 350.00 will be for obligation O-1, installment first: USD 350.00 of it is net settled.",
        "It opens posting_misallocated on obligation O-1.",
        "It opens posting_misallocated on obligation O-2.",
    ]
    (record,) = parsed(moved.stdout)
    assert record["assignment_version"] == 1
    # Before a worker has read it.
    again = act(written, "move", "P-4", *parts, "--yes")
    assert again.exit_code == 2
    assert "is assigned so already" in again.stderr
    driver.pipe(*given(mock_broker))
    driver.run()
    assert ("P-4", BreakClass.POSTING_MISALLOCATED) in breaks_of(driver)
    assert driver.last(topics.OBLIGATION_RECONCILIATIONS)["O-2"].paid_minor == 50_000
    put_on(mock_broker, driver)
    back = act(written, "move", "P-4", "--to", "O-1", "--yes", "--json")
    (record,) = parsed(back.stdout)
    assert record["assignment_version"] == 2
    assert "It resolves posting_misallocated on obligation O-2." in back.stderr

    doubtful = act(written, "move", "P-4", "--to", "O-3=850", "--dry-run")
    assert "The charge of obligation O-3 is in EUR: the money will not be allocated there." in doubtful.stderr
    unknown = act(written, "move", "P-4", "--to", "O-99", "--dry-run")
    assert "No charge of obligation O-99 is known: its money waits for one (obligation_unknown)." in unknown.stderr


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (["O-1=1.00", "O-2=1.00"], "the amounts add up to USD 2.00, and the payment is USD 850.00"),
        (["O-1=850.00", "O-2"], "nothing is left for"),
        (["O-1", "O-2"], "at most one may be without an amount"),
        (["O-1=400.00", "O-1=450.00"], "named twice"),
        (["O-1=8,50"], "is not an amount in USD"),
        (["O-1=1.001", "O-2"], "at most 2 decimals"),
        (["O-1=0.00", "O-2"], "above 0"),
        (["/x"], "is not OBLIGATION"),
        (["O-1/"], "is not OBLIGATION"),
    ],
)
def test_targets_that_make_no_allocations(written: Run, to: list[str], said: str) -> None:
    words = [word for each in to for word in ("--to", each)]
    wrong = act(written, "move", "P-4", *words, "--yes")
    assert wrong.exit_code == 2, wrong.output
    assert said in wrong.stderr


def test_payments_that_cannot_be_moved(written: Run, mock_broker: str) -> None:
    assert "nothing is known of payment P-99" in act(written, "move", "P-99", "--to", "O-1").stderr
    driver = Driver(now=AT)
    driver.pipe(*read_facts("2026-07-02 17:00 P-5 SETTLED 850.00"))
    driver.run()
    put_on(mock_broker, driver)
    assert "is not initiated" in act(written, "move", "P-5", "--to", "O-1").stderr


def test_targets_with_awkward_ids() -> None:
    assert target_of("O%2F1%3D/a%25=7", "JPY") == Target("O/1=", "a%", 7)
    with pytest.raises(Refused, match="no decimals"):
        target_of("O-1=7.0", "JPY")
    assert minor_of("1.5", "KWD") == 1_500


def states_of(facts: Iterable[InputFact]) -> list[Any]:
    world = World()
    for fact in facts:
        world.apply(fact)
    return list(world.payments.values())


def test_only_payments_that_wait_for_that_money_are_proposed() -> None:
    sought = PaymentSought("acme", "ch_9", 85_000, "USD", instant_from_text("2026-07-02T20:00:00Z"))
    states = states_of(read_facts(FACTS))
    assert [one.key for one in candidates.of_payments(states, sought, Policy())] == ["P-1", "P-2"]
    late = PaymentSought("acme", "ch_9", 85_000, "USD", sought.at + 30 * DAY)
    (first, _) = candidates.of_payments(states, late, Policy())
    assert first.key == "P-1"
    assert first.doubts == ("it was due to settle by 2026-07-04 04:00 UTC",)
    too_late = PaymentSought("acme", "ch_9", 85_000, "USD", sought.at + 90 * DAY)
    assert candidates.of_payments(states, too_late, Policy()) == []
    in_it = PaymentSought("acme", "rent/p1", 85_000, "USD", sought.at)
    assert candidates.of_payments(states, in_it, Policy())[0].reasons[-1] == "P-1 is in the reference"
    named = states_of(read_facts("2026-07-01 15:00 P-1 initiated 850.00 CARD for O-1 ref ch_1"))
    assert candidates.of_payments(named, sought, Policy())[0].doubts == ("it names reference ch_1",)


def test_an_api_proposes_payments_whose_settlement_is_missing() -> None:
    sought = PaymentSought("acme", "ch_9", 85_000, "USD", AT)
    alert = {"class": "settlement_missing", "currency": "USD", "expected_minor": 85_000, "key": "P-1",
             "due_at": "2026-07-03T04:00:00.000000Z"}  # fmt: skip
    found = of_missing_settlements(
        [alert, alert | {"key": "P-2", "expected_minor": 1}, alert | {"key": "P-3", "currency": "EUR"}], sought
    )
    assert [one.key for one in found] == ["P-1"]
    assert found[0].reasons == ("USD 850.00, whose settlement is missing since 2026-07-03T04:00:00.000000Z",)
