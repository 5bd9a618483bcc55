"""The catalogue of breaks: a row a class, with the contract's conditions, and its description in words.

Explanations, the demo's table, the Prometheus rules and the tables of docs/contract.md follow from these rows, or are
tested against them (tests/domain/test_break_catalogue.py). To add a class of breaks:

1. add it to `BreakClass` (domain/records.py), to `PRIORITIES` (domain/breaks/model.py) and to the enum of
   schemas/avro/mismatch_alert.avsc;
2. add its row to one of the files domain/breaks/…_rows.py;
3. open it by a rule in the folder of its kind of key, such as domain/payments/breaks.py, with its remedies in
   domain/explain;
4. add its scenario to tests/domain/scenarios;
5. add it to the simulator, whose truth evaluates the contract independently (simulator/truth_*.py).

Descriptions are `str.format` templates. `domain.explain.descriptions` fills in:

- `{expected}`, `{actual}`, `{difference}`: amounts; `{over_or_under}` is its direction;
- `{at_most}`: "At most " where the actual amount is over, else nothing;
- `{currency}`: that of the break; `{other_currency}`: that of the payment or adjustment which the break is about;
- `{processor}`: the processor of the payment or reference; `{obligation}`, `{installment}`: what the payment is for;
- `{subject}`: the last part of the subject; `{subject_parts}`: its parts but the first; `{second}`: its second part;
- `{reference}`: the processor's reference; `{claimants}`: the payments that claim it;
- `{settle_by}`, `{post_by}`: " by …", the deadline that passed and how it is counted, or nothing;
- `{payout}`: the payout_id; `{account}`, `{entry}`: those of the bank entry; `{due_by}`: " by …", or nothing;
- `{unknown}`: a sentence about lines of a payout without a net, or nothing; `{in_it}`: where an unreported payout is;
- `{grace}`: the orphan grace; `{refund}`: what may be done with a surplus.
"""

from domain.breaks.obligation_rows import OBLIGATION_ROWS
from domain.breaks.payment_rows import PAYMENT_ROWS
from domain.breaks.payout_rows import PAYOUT_ROWS
from domain.breaks.reference_rows import REFERENCE_ROWS
from domain.breaks.rules import BreakForm, BreakRule, KeyKind
from domain.records import BreakClass

__all__ = ["CATALOGUE", "BreakForm", "BreakRule", "KeyKind"]

CATALOGUE: dict[BreakClass, BreakRule] = {
    row.break_class: row for row in (*PAYMENT_ROWS, *OBLIGATION_ROWS, *REFERENCE_ROWS, *PAYOUT_ROWS)
}
