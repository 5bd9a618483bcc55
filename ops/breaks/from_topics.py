"""Breaks straight from the topics: alerts from `mismatch-alerts`, the state of a key from its changelog."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from domain.bank_entries.view import BankEntryState
from domain.commands import candidates, deposits
from domain.commands.proposals import Proposal
from domain.explain.decided import decision_as_json, decisions_on
from domain.explain.explanation import State, as_json, break_of, explain
from domain.explain.timeline import property_of
from domain.ids import parts_of_key
from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from domain.payouts.view import PayoutState
from domain.publishing import Published, PublishedBreak
from domain.records import BreakClass, BreakLifecycle, MismatchAlert
from domain.references.view import ReferenceState
from domain.time import Micros
from ops.breaks.alerts import break_of_alert, payment_sought
from ops.breaks.decision_log import decisions_of_key
from ops.breaks.source import BreakFilter, Json, Page
from ops.console import fail, meter, misuse
from streams import topics
from streams.broker import reading
from streams.clocks import clock_of
from streams.codec.codec import codec_of
from streams.codec.dead_letters import BadInput
from streams.codec.json_form import output_to_json
from streams.settings import Settings
from streams.topology import PAYMENTS, PAYOUTS, TOPOLOGY, Table
from tables.packing import Unpacker
from tables.store import TALLY_KEY

S = TypeVar("S", PaymentState, ObligationState, ReferenceState, PayoutState, BankEntryState)

_SEPARATOR = "~"
"""Separates the parts of a cursor: priority, opened_at in microseconds since 1970, break id."""


class TopicSource:
    """Breaks read from the topics, from their beginning each time: for an operator, not for a service."""

    none_proposed = "no payment of that amount waits for an outcome"

    def __init__(self, settings: Settings, *, with_properties: bool = False) -> None:
        """`with_properties` also reads the property of each listed break from the changelogs."""
        self._settings = settings
        self._codec = codec_of(settings)
        self._with_properties = with_properties

    def page(self, filters: BreakFilter) -> Page:
        """List breaks, one page of them."""
        after = None if filters.after is None else _position_of_cursor(filters.after)
        last: dict[str, MismatchAlert] = {}
        for alert in self._alerts():
            known = last.get(alert.break_id)
            if known is None or alert.version > known.version:
                last[alert.break_id] = alert
        matching = sorted((alert for alert in last.values() if _matches(alert, filters)), key=_position)
        if after is not None:
            matching = [alert for alert in matching if _position(alert) > after]
        shown = matching[: filters.limit]
        cursor = None
        if len(matching) > filters.limit:
            cursor = _SEPARATOR.join(map(str, _position(shown[-1])))
        items = [output_to_json(alert) for alert in shown]
        if self._with_properties:
            for alert, item in zip(shown, items, strict=True):
                state, _ = self._state(alert)
                item["property_id"] = None if state is None else property_of(state)
        return Page(items, cursor)

    def history(self, break_id: str) -> list[Json]:
        """Give the alerts of a break that are still on the topic: compaction keeps only the last for good."""
        return [output_to_json(alert) for alert in self._history(break_id)]

    def explanation(self, break_id: str) -> Json | None:
        """Explain a break, open or resolved; None where there is no such break."""
        alerts = self._history(break_id)
        if not alerts:
            return None
        state, known_breaks = self._state(alerts[-1])
        one = known_breaks.get(break_id)
        if one is None and alerts[-1].lifecycle is not BreakLifecycle.RESOLVED:
            alerts = self._history(break_id)  # it was resolved between the two reads
        alert = alerts[-1]
        if state is None:
            fail(
                f"the changelog topic has no state of {alert.key_kind} {alert.key}, but a break of it was published. "
                "Is RENTMATCH_TOPIC_PREFIX right? `rentmatch provision --check` compares the topics."
            )
        policy, now = self._settings.policy, clock_of(self._settings)()
        if one is not None:
            return as_json(explain(state, one.last, now, policy, opened_at=one.opened_at))
        resolved_at = now if alert.resolved_at is None else alert.resolved_at
        return as_json(explain(state, break_of(alert), now, policy, opened_at=alert.opened_at, resolved_at=resolved_at))

    def decisions(self, alert: Json) -> list[Json]:
        """Give the decisions about a break, the earliest first, those included that no worker has read yet."""
        decisions = decisions_of_key(self._settings, alert["key_kind"], alert["key"])
        return [decision_as_json(each) for each in decisions_on(decisions, break_of_alert(alert))]

    def proposals(self, alert: Json) -> list[Proposal]:
        """Give initiated payments without an outcome, or payouts that are not on the account, from their changelog."""
        if alert["class"] == BreakClass.BANK_ENTRY_UNEXPLAINED:
            state = self.state_of(BankEntryState, alert["key"])
            booking = None if state is None else state.booking
            if booking is None:
                return []
            account_id, _ = parts_of_key(alert["key"])
            payouts = self._states(PAYOUTS, lambda state: deposits.is_one(state, account_id, booking))
            return deposits.of_payouts(payouts, account_id, booking)
        sought = payment_sought(alert, self._settings.policy)
        payments = self._states(PAYMENTS, lambda state: candidates.is_one(state, sought))
        return candidates.of_payments(payments, sought, self._settings.policy)

    def _states(self, table: Table, matches: Callable[[Any], bool]) -> Iterable[Any]:
        """Give the states of a table that match, from its whole changelog."""
        unpack = Unpacker(table.state)
        matching: dict[bytes, Any] = {}
        with meter(f"reading {table.name}") as progress:
            for record in reading.records(self._settings, table.changelog):
                progress.step()
                if record.key is None or record.key == TALLY_KEY:
                    continue
                state = None if record.value is None else unpack(record.value)[0]
                if state is not None and matches(state):
                    matching[record.key] = state
                else:
                    matching.pop(record.key, None)  # an earlier state of it may have matched
        return matching.values()

    def _alerts(self) -> Iterable[MismatchAlert]:
        with meter("reading") as progress:
            for record in reading.records(self._settings, topics.MISMATCH_ALERTS):
                progress.step()
                if record.value is None:
                    continue
                try:
                    alert = self._codec.decode_output(record.value)
                except BadInput as error:
                    fail(
                        f"{record.name} {record.partition}:{record.offset} cannot be decoded: {error.message}. "
                        "`rentmatch read mismatch-alerts` shows it. Does another producer write to that topic?"
                    )
                if isinstance(alert, MismatchAlert):
                    yield alert

    def _history(self, break_id: str) -> list[MismatchAlert]:
        return sorted((alert for alert in self._alerts() if alert.break_id == break_id), key=lambda one: one.version)

    def state_of(self, kind: type[S], key: str) -> S | None:
        """Give the state of a key as workers have committed it; None where nothing is known of it.

        Args:
            kind: the type of the state.
            key: the payment_id, the obligation_id, or a key of two parts.

        Raises:
            BrokerError: no broker answers, or the changelog does not exist.

        """
        state, _ = self.stored_of(kind, key)
        return state

    def stored_of(self, kind: type[S], key: str) -> tuple[S | None, Published]:
        """Give the state of a key, and what was published of it in the same transaction, as `state_of` does."""
        state, published = self._stored(next(table for table in TOPOLOGY.tables if table.state is kind), key)
        return state if isinstance(state, kind) else None, published or Published()

    def _state(self, alert: MismatchAlert) -> tuple[State | None, dict[str, PublishedBreak]]:
        """Give the state of the break's key, and its breaks as published in the same transaction."""
        table = next(table for table in TOPOLOGY.tables if table.key_kind == alert.key_kind)
        state, published = self._stored(table, alert.key)
        return state, {} if published is None else published.breaks

    def _stored(self, table: Table, key: str) -> tuple[Any, Published | None]:
        record = reading.last_of_key(self._settings, table.changelog, key)
        return (None, None) if record is None or record.value is None else Unpacker(table.state)(record.value)


_ENDED = {BreakLifecycle.RESOLVED: "resolved", BreakLifecycle.ACCEPTED: "accepted"}


def _matches(alert: MismatchAlert, filters: BreakFilter) -> bool:
    decision = alert.decision
    return (
        filters.state in ("any", _ENDED.get(alert.lifecycle, "open"))
        and filters.break_class in (None, alert.break_class)
        and filters.priority in (None, alert.priority)
        and filters.currency in (None, alert.currency)
        and filters.key in (None, alert.key)
        and filters.decision in (None, "none" if decision is None else decision.state)
        and filters.assignee in (None, None if decision is None else decision.assignee)
    )


def _position(alert: MismatchAlert) -> tuple[int, Micros, str]:
    return alert.priority, alert.opened_at, alert.break_id


def _position_of_cursor(cursor: str) -> tuple[int, Micros, str]:
    try:
        priority, opened_at, break_id = cursor.split(_SEPARATOR, 2)
        return int(priority), int(opened_at), break_id
    except ValueError:
        misuse(f"--after: {cursor!r} is not the cursor of a page that was read from the topics")
