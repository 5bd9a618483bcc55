"""The rows of the catalogue for the breaks of payouts and bank entries."""

from domain.breaks.rules import BreakRule
from domain.explain import payout_remedies
from domain.records import BreakClass

PAYOUT_ROWS = (
    BreakRule(
        break_class=BreakClass.PAYOUT_SUM_MISMATCH,
        rule="a payout is paid, and its lines with what belongs to no payment do not add up to it",
        section=11,
        opens_at_deadline=True,
        feed="processor-settled",
        key_kinds=("payout",),
        subject=("composition",),
        condition="PAID in force, expected ≠ amount, past the end of the 1st banking day after the date (in the "
        "calendar's zone) of its `occurred_at`; while a line is unknown, of the 10th (amount → expected)",
        title="Payout is not the sum of its lines",
        expected="The lines of payout {payout}, with what in it belongs to no payment, add up to the {expected} that "
        "{processor} paid out{due_by}.",
        missing="They add up to {actual}: {difference} {over_or_under}.{unknown}",
        advice="Compare its lines with the statement of {processor} (rentmatch payouts show). One may be missing, "
        "belong to another payout, or have no net; or a fee or a reserve belongs to no payment, and is not "
        "reported as such. If the difference is agreed, accept it.",
        remedies=payout_remedies.lines_are_reported,
    ),
    BreakRule(
        break_class=BreakClass.PAYOUT_UNREPORTED,
        rule="settlement records or bank entries name a payout that its processor does not report",
        section=11,
        opens_at_deadline=True,
        feed="payouts",
        key_kinds=("payout",),
        subject=("report",),
        condition="lines or entries and no report, past the end of the 10th banking day after the latest line's date "
        "or entry's booking_date (Σ lines → 0; without lines Σ entries → 0)",
        title="Payout is not reported",
        expected="{processor} reports payout {payout}{due_by}.",
        missing="It does not. {expected} {in_it}.{unknown}",
        advice="Import the report of the payout, or ask {processor} for it. Look for it among the dead letters and the "
        "files that were not imported, too.",
        remedies=payout_remedies.payout_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.DEPOSIT_MISSING,
        rule="a payout is paid, and no entry of it is on the bank account",
        section=11,
        opens_at_deadline=True,
        feed="bank-entries",
        key_kinds=("payout",),
        subject=("deposit",),
        condition="PAID in force with account_id, no entry, past the end of the 2nd banking day after arrival_date "
        "(amount → 0)",
        title="Payout is not on the bank account",
        expected="The bank books the {expected} of payout {payout}{due_by}.",
        missing="No entry is booked for it, or none of which that is clear.",
        advice="Look for the entry among those that are unexplained (rentmatch exceptions list --class "
        "bank_entry_unexplained), and match it (rentmatch exceptions match). If it is not there, import the statement, "
        "or ask {processor} where the money is.",
        remedies=payout_remedies.deposit_is_found,
    ),
    BreakRule(
        break_class=BreakClass.DEPOSIT_AMOUNT_MISMATCH,
        rule="the bank entries of a payout do not add up to what was paid out",
        section=11,
        key_kinds=("payout",),
        subject=("deposit",),
        condition="PAID in force, entries that do not add up to amount (amount → Σ entries)",
        title="Bank booked another amount than paid out",
        expected="The bank entries of payout {payout} add up to the {expected} that {processor} paid out.",
        missing="They add up to {actual}: {difference} {over_or_under}.",
        advice="Check whether another entry belongs to the payout, or one of these to another payout, and match it "
        "(rentmatch exceptions match). If the bank took a fee, accept the difference.",
        remedies=payout_remedies.deposits_add_up,
    ),
    BreakRule(
        break_class=BreakClass.DEPOSIT_AFTER_FAILURE,
        rule="a payout failed or was cancelled, and its money is on the bank account",
        section=11,
        opens_at_deadline=True,
        feed="bank-entries",
        key_kinds=("payout",),
        subject=("deposit",),
        condition="FAILED or CANCELLED in force, entries that do not add up to 0, past the end of the 2nd banking day "
        "after the date of its `occurred_at` (0 → Σ entries)",
        title="Booked, though the payout failed",
        expected="The bank entries of payout {payout} add up to nothing{due_by}, since it failed or was cancelled.",
        missing="{actual} is left on the account.",
        advice="Ask {processor} whether the payout really failed. If so, the bank takes the money back: match that "
        "entry to the payout (rentmatch exceptions match). Or the money is of another payout.",
        remedies=payout_remedies.deposit_goes_back,
    ),
    BreakRule(
        break_class=BreakClass.BANK_ENTRY_UNEXPLAINED,
        rule="a bank entry belongs to no payout",
        section=11,
        opens_at_deadline=True,
        feed="payouts",
        key_kinds=("bank_entry",),
        subject=("entry",),
        condition="matched to nothing, past the end of the 2nd banking day after booking_date (0 → amount)",
        title="Bank entry that nobody can explain",
        expected="It is known{due_by} to which payout entry {entry} on account {account} belongs.",
        missing="{actual} is booked that belongs to none.",
        advice="Find the payout by amount, day and text (rentmatch exceptions show proposes some), and match the entry "
        "to it (rentmatch exceptions match). Accept an entry that is no payout, such as a bank fee.",
        remedies=payout_remedies.entry_is_matched,
    ),
)
