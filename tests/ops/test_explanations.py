"""Explanations as finance people read them: golden texts, one a class of breaks and kind of key."""

from pathlib import Path

import msgspec
import pytest

from domain.explain.explanation import as_json, explain
from domain.policy import Policy
from ops.breaks import rendering
from ops.console import put_rendered
from tests.kit.domain_world import World
from tests.kit.scenario_tables import read_facts
from tests.kit.scenario_words import instant


def explanation_text(
    facts: str, at: str, break_class: str, capsys: pytest.CaptureFixture[str], key_kind: str = ""
) -> str:
    world = World()
    for number, fact in enumerate(read_facts(facts), start=1):
        world.apply(msgspec.structs.replace(fact, event_id=f"e-{number}"))
    now = instant(at)
    world.publish(now)
    one, state = next(
        (one, state)
        for views, states in (
            (world.payment_views, world.payments),
            (world.obligation_views, world.obligations),
            (world.reference_views, world.references),
            (world.payout_views, world.payouts),
            (world.bank_entry_views, world.bank_entries),
        )
        for key, state in states.items()  # type: ignore[attr-defined]
        if not key_kind or views[key].key_kind == key_kind  # type: ignore[index]
        for one in views[key].breaks  # type: ignore[index]
        if one.break_class == break_class
    )
    put_rendered(
        rendering.render_explanation(as_json(explain(state, one, now, Policy(), opened_at=now))),
        rendering.EXPLANATION_WIDTH,
    )
    return capsys.readouterr().out


EXPLAINED = {
    "posting_missing": """
        2026-03-01 12:00 O1 charged 1000.00 KWD due 2026-04-01
        2026-03-02 15:00 P1 initiated 1000.00 KWD CARD for O1
        2026-03-03 15:00 P1 SETTLED 1000.00 KWD fee 30.00
    """,
    "overpayment": """
        2026-03-01 12:00 O1 charged 900.00 due 2026-04-01 plan A1:450.00:2026-04-01 A2:450.00:2026-04-15
        2026-03-02 15:00 P1 initiated 450.00 CARD for O1 naming A1
        2026-03-03 15:00 P1 SETTLED 450.00
        2026-03-04 12:00 O1 cancelled
    """,
    "conflicting_fact": """
        2026-03-02 15:00 P1 initiated 450.00 CARD for O1 naming A1
        2026-03-02 15:10 P1 initiated 450.00 CARD for O2
        2026-03-03 15:00 P1 SETTLED 450.00
        2026-03-03 17:00 P1 posted 450.00 to O1 as L1
    """,
    "property_mismatch": """
        2026-03-01 12:00 O1 charged 900.00 due 2026-04-01 property I
        2026-03-02 15:00 P1 initiated 900.00 CARD for O1
        2026-03-03 15:00 P1 SETTLED 900.00
    """,
    "posting_over_reversed": """
        2026-03-01 12:00 O1 charged 450.00 due 2026-04-01
        2026-03-02 15:00 P1 initiated 450.00 CARD for O1
        2026-03-03 15:00 P1 SETTLED 450.00
        2026-03-03 17:00 P1 posted 450.00 to O1 as L1
        2026-03-09 15:00 P1 RETURNED 450.00 because R01
        2026-03-10 15:00 P1 reversed 450.00 of L1 as V1
        2026-03-10 16:00 P1 reversed 450.00 of L1 as V2
    """,
    "posting_misallocated": """
        2026-03-01 12:00 O1 charged 450.00 due 2026-04-01
        2026-03-01 12:00 O2 charged 450.00 due 2026-05-01
        2026-03-02 15:00 P1 initiated 900.00 CARD for O1
        2026-03-03 15:00 P1 SETTLED 900.00
        2026-03-03 17:00 P1 posted 900.00 to O1 as L1
        2026-03-04 12:00 P1 reassigned 1 by ana because two_months allocating O1:450.00 O2:450.00
    """,
    "reversal_excess": """
        2026-03-01 12:00 O1 charged 450.00 due 2026-04-01
        2026-03-02 15:00 P1 initiated 450.00 CARD for O1
        2026-03-03 15:00 P1 SETTLED 450.00
        2026-03-03 17:00 P1 posted 450.00 to O1 as L1
        2026-03-09 15:00 P1 REFUND_REVERSED 200.00 ref re_1 original R1 fee unknown
    """,
    "reference_unknown": """
        2026-03-03 15:00 acme/R9 SETTLED 450.00 movement m1 fee unknown
        2026-03-04 09:00 acme/R9 ASSIGN reference as d-1 by ana because asks_acme to bo
        2026-03-05 09:00 acme/R9 ACCEPT reference as d-2 by bo because ours class fee_variance drift 1.00 events x
        2026-03-06 09:00 acme/R9 WITHDRAW reference as d-3 by bo because not_ours on d-2
    """,
    "reference_claimed_twice": """
        2026-03-02 15:00 P1 initiated 450.00 CARD for O1 ref R9
        2026-03-02 16:00 P2 initiated 450.00 CARD for O1 ref R9
        2026-03-03 15:00 acme/R9 SETTLED 450.00
    """,
    "payout_sum_mismatch": """
        2026-03-02 15:00 P1 SETTLED 450.00 fee 13.50 ref R1 payout Y1
        2026-03-02 16:00 acme/R2 SETTLED 900.00 fee unknown payout Y1
        2026-03-03 15:00 acme/rf1 REFUNDED 50.00 fee 0.00 net -50.00 original R0 movement m1 payout Y1
        2026-03-03 16:00 acme/Y1 reported PAID 1258.50 other -1.50 arriving 2026-03-04 account A ref ACME_4711
        2026-03-04 15:00 A/N1 booked 1258.50 on 2026-03-04 ref ACME_4711
    """,
    "payout_unreported": """
        2026-03-02 15:00 P1 SETTLED 450.00 fee 13.50 ref R1 payout Y1
    """,
    "deposit_missing": """
        2026-03-02 15:00 P1 SETTLED 450.00 fee 13.50 ref R1 payout Y1
        2026-03-03 16:00 acme/Y1 reported PAID 436.50 arriving 2026-03-04 account A
        2026-03-10 09:00 acme/Y1 ASSIGN deposit as d-1 by ana because asks_acme to bo
    """,
    "deposit_amount_mismatch": """
        2026-03-02 15:00 P1 SETTLED 450.00 fee 13.50 ref R1 payout Y1
        2026-03-03 16:00 acme/Y1 reported PAID 436.50 arriving 2026-03-04 account A
        2026-03-04 15:00 A/N1 booked 436.50 on 2026-03-04 names acme/Y1
        2026-03-05 15:00 A/N2 booked 40.00 on 2026-03-05
        2026-03-05 16:00 A/N2 matched acme/Y1 by ana because acme_is_in_the_text
    """,
    "deposit_after_failure": """
        2026-03-02 15:00 P1 SETTLED 450.00 fee 13.50 ref R1 payout Y1
        2026-03-03 16:00 acme/Y1 reported PAID 436.50 arriving 2026-03-04 account A
        2026-03-04 15:00 A/N1 booked 436.50 on 2026-03-04
        2026-03-05 16:00 acme/Y1 reported FAILED 436.50 arriving 2026-03-04 account A
    """,
    "currency_mismatch": """
        2026-03-02 15:00 P1 SETTLED 450.00 fee 13.50 ref R1 payout Y1
        2026-03-02 16:00 acme/R2 SETTLED 900.00 EUR fee unknown payout Y1
        2026-03-03 16:00 acme/Y1 reported PAID 436.50 arriving 2026-03-04 account none
    """,
    "conflicting_fact_at_a_payout": """
        2026-03-02 15:00 acme/R1 SETTLED 450.00 fee 13.50 payout Y1
        2026-03-02 16:00 acme/R1 SETTLED 450.00 fee 14.50 payout Y1
        2026-03-03 16:00 acme/Y1 reported PAID 436.50 arriving 2026-03-04 account none
    """,
    "bank_entry_unexplained": """
        2026-03-03 16:00 acme/Y1 reported PAID 436.50 other 436.50 arriving 2026-03-04 account A
        2026-03-04 16:00 acme/Y2 reported PAID 436.50 other 436.50 arriving 2026-03-05 account A
        2026-03-05 15:00 A/N1 booked 436.50 on 2026-03-05 ref 0815 text ACME_PAYMENTS_PAYOUT
    """,
    "reversed_after_posting": """
        2026-03-02 15:00 P1 initiated 450.00 CARD for O1 ref R9
        2026-03-03 15:00 acme/R9 SETTLED 450.00 fee 3.00
        2026-03-03 17:00 P1 posted 450.00 to O1 as L1
        2026-03-09 15:00 acme/rt_1 RETURNED 450.00 original R9 movement m2 because R01
    """,
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_explanation_reads_as_it_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    break_class, _, key_kind = name.partition("_at_a_")
    text = explanation_text(EXPLAINED[name], "2026-03-20 12:00", break_class, capsys, key_kind)
    golden = (Path(__file__).parent / "explanations" / f"{name}.txt").read_text()
    assert text == golden, f"if that is better, put it into explanations/{name}.txt:\n{text}"
