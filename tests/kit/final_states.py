"""Compares two final states of the service, of which the records came in two ways."""

from dataclasses import replace

from simulator.compare import FieldDifference, FinalState, differences_of
from simulator.truth_facts import Row

LEFT_OUT = frozenset({"event_ids", "evidence", "version"})
"""Event ids differ by construction, since an importer makes its own from the content, and `evidence` is a hash of them.
A version numbers publications, not what they hold: it follows from how records arrived.
"""


def without(rows: dict[str, Row]) -> dict[str, Row]:
    return {key: {name: value for name, value in row.items() if name not in LEFT_OUT} for key, row in rows.items()}


def differences(expected: FinalState, found: FinalState) -> list[FieldDifference]:
    return [
        difference
        for kind, should, is_ in (
            ("payment", expected.payments, found.payments),
            ("obligation", expected.obligations, found.obligations),
            ("reference", expected.references, found.references),
            ("payout", expected.payouts, found.payouts),
            ("break", expected.breaks, found.breaks),
            ("alert", expected.alerts, found.alerts),
        )
        for difference in differences_of(kind, without(should), without(is_))
    ]


def as_it_is(state: FinalState) -> FinalState:
    """Without what depends on the order of arrival where deadlines are in the past already.

    That is breaks and alerts that have ended, and whether one was only opened or has changed since.
    """
    return replace(state, breaks=_now(state.open_breaks), alerts=_now(state.live_alerts))


def _now(rows: dict[str, Row]) -> dict[str, Row]:
    return {key: {name: value for name, value in row.items() if name != "lifecycle"} for key, row in rows.items()}
