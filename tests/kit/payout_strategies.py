"""Payouts and bank entries for Hypothesis: few ids, amounts and days, so that they often collide. All are valid."""

from hypothesis import strategies as st

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    PayoutOutcome,
    PayoutReported,
    ProcessorSettled,
)
from domain.ids import break_id, evidence_of, two_part_key
from domain.time import DAY, HOUR, NOT_CAUGHT_UP
from tests.kit.fact_strategies import ACTIONS, amounts, event_ids, instants, movements, outcomes, people
from tests.kit.scenario_words import day, instant

START = instant("2026-06-30 12:00")
ARRIVAL = day("2026-07-02")
"""A Thursday before a weekend in which some banks, and not others, are closed."""

processors = st.sampled_from(["acme", "acme", "a/b%"])
payout_ids = st.sampled_from(["po1", "po1", "po2", "po3"])
accounts = st.sampled_from(["A", "A", "A", "B/1"])
entry_ids = st.sampled_from(["n1", "n2", "n3", "n4"])
currencies = st.sampled_from(["USD", "USD", "USD", "USD", "EUR", "CAD"])
statuses: st.SearchStrategy[PayoutOutcome] = st.sampled_from(["PAID", "PAID", "PAID", "FAILED", "CANCELLED"])
signed = st.sampled_from([50, 100, 100, 100, 150, -100])
days = st.integers(ARRIVAL - 2, ARRIVAL + 7)
texts = st.sampled_from([None, None, "", "po1", "REF", "REF"])


def lines(payment_ids: st.SearchStrategy[str | None]) -> st.SearchStrategy[ProcessorSettled]:
    """Settlement records that may name a payout."""
    return st.builds(
        ProcessorSettled, event_ids, instants, payment_ids, processors, st.sampled_from(["R1", "R2", "R3"]), outcomes,
        amounts, st.sampled_from([None, 0, 3]), st.sampled_from([None, 50, 50, 100, 100, -50]), currencies,
        st.sampled_from([None, "R01"]), st.sampled_from(["po1", "po1", "po2", "po3", None]),
        st.sampled_from([None, ARRIVAL]), st.sampled_from([None, None, None, "R1"]), movements,
        st.sampled_from([None, None, None, "USD", "CAD"]),
    )  # fmt: skip


reports = st.builds(
    PayoutReported, event_ids, instants, processors, payout_ids, statuses, signed, st.sampled_from([0, 0, 0, 50, -50]),
    currencies, days, st.sampled_from(["A", "A", "A", None, "B/1"]), texts,
)  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> BankEntryBooked:
    names = draw(st.sampled_from([False, False, False, True]))
    return BankEntryBooked(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        account_id=draw(accounts),
        entry_id=draw(entry_ids),
        amount_minor=draw(signed),
        currency=draw(currencies),
        booking_date=draw(days),
        value_date=draw(st.sampled_from([None, None, ARRIVAL])),
        processor=draw(processors) if names else None,
        payout_id=draw(payout_ids) if names else None,
        reference=draw(texts),
        text=draw(st.sampled_from([None, "PAYOUT", "reworded"])),
    )


matches = st.builds(
    EntryMatched,
    event_ids,
    instants,
    accounts,
    entry_ids,
    processors,
    payout_ids,
    people,
    st.just("seen in the portal"),
)


@st.composite
def decisions(draw: st.DrawFn) -> BreakDecided:
    """A decision about a break that a payout or an entry may have; an acceptance now and then fits."""
    action = draw(st.sampled_from(ACTIONS))
    kind, key, subject, break_class = draw(
        st.one_of(
            st.tuples(
                st.just("payout"),
                st.builds(two_part_key, processors, payout_ids),
                st.sampled_from([("deposit",), ("composition",), ("report",)]),
                st.sampled_from(["deposit_missing", "payout_sum_mismatch", "payout_unreported"]),
            ),
            st.tuples(
                st.just("bank_entry"),
                st.builds(two_part_key, accounts, entry_ids),
                st.just(("entry",)),
                st.just("bank_entry_unexplained"),
            ),
        )
    )
    accepts = action == "ACCEPT"
    return BreakDecided(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        decision_id=draw(st.sampled_from(["d1", "d2", "d3"])),
        key_kind=kind,
        key=key,
        break_id=break_id(kind, key, subject),
        action=action,
        actor=draw(people),
        reason="as agreed",
        break_class=break_class if accepts else None,
        drift_minor=draw(st.sampled_from([-100, 100, 50, -50])) if accepts else None,
        evidence=evidence_of(break_class, (draw(event_ids),)) if accepts else None,
        assignee=draw(st.one_of(st.none(), people)) if action == "ASSIGN" else None,
        until=draw(st.one_of(st.none(), instants)) if action == "ACKNOWLEDGE" else None,
        refers_to=draw(st.sampled_from(["d1", "d2"])) if action in {"APPROVE", "WITHDRAW"} else None,
    )


payout_facts: st.SearchStrategy[InputFact] = st.one_of(
    lines(st.sampled_from([None, "P1", "P1", "P2"])), lines(st.just("P1")), reports, reports, entries(), entries(),
    matches, decisions(),
)  # fmt: skip


@st.composite
def deposits(draw: st.DrawFn) -> list[InputFact]:
    """Payouts and entries of one account, currency and amount: what names nothing has to be matched."""
    found: list[InputFact] = [
        PayoutReported(
            event_id=f"y{number}",
            occurred_at=START,
            processor=draw(processors),
            payout_id=f"po{number}",
            status="PAID",
            amount_minor=100,
            other_minor=100,
            currency="USD",
            arrival_date=draw(days),
            account_id="A",
            bank_reference=draw(texts),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    for number in range(draw(st.integers(1, 4))):
        named = draw(st.integers(0, 5)) == 0
        found.append(
            BankEntryBooked(
                event_id=f"b{number}",
                occurred_at=START + DAY,
                account_id="A",
                entry_id=f"n{number}",
                amount_minor=100,
                currency="USD",
                booking_date=draw(days),
                processor="acme" if named else None,
                payout_id=f"po{number}" if named else None,
                reference=draw(texts),
            )
        )
    return found + draw(st.lists(payout_facts, max_size=4))


payout_histories: st.SearchStrategy[list[InputFact]] = st.one_of(
    st.lists(payout_facts, min_size=1, max_size=25), deposits(), deposits()
)
instants_to_look_at = st.one_of(st.just(NOT_CAUGHT_UP), st.integers(0, 24 * 40).map(lambda hours: START + hours * HOUR))
