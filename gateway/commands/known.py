"""What is known of a key when a person decides: what workers have committed, and what no worker has read yet.

The facts that are not read yet are looked up first and the state last, in the order of flow: what a worker reads
meanwhile is then in the state. A worker's store follows its commit by some milliseconds, in which a fact is in neither.
So the facts that this gateway has written are kept for a while, too. Facts are applied by identity, so that one that is
found twice counts once.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeAlias

from domain.bank_entries import view as bank_entry
from domain.bank_entries.view import BankEntryState
from domain.commands.refusal import RefusalKind, Refused
from domain.decisions import apply_decision
from domain.facts import BreakDecided, EntryMatched, InputFact, PaymentReassigned, ReferenceAssigned
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.publishing import Published
from domain.references import view as reference
from domain.references.view import ReferenceState
from gateway.commands.unread import RECORDS_MAX, TooFarBehind, unread
from gateway.workers import Workers
from streams import topics
from streams.broker.cluster import BrokerError
from streams.codec.codec import Codec
from streams.codec.registry import RegistryError
from streams.settings import Settings
from streams.topology import TOPOLOGY

log = logging.getLogger(__name__)

THREADS = 4
"""That wait for Kafka. They are their own, so that nothing else waits while it does not answer."""
KEPT_S = 600.0
"""How long the facts that this gateway has written are kept: far longer than a store is behind its commit."""

KeyOf: TypeAlias = tuple[str, str]
"""The kind of a key, and the key."""
PersonsFact: TypeAlias = BreakDecided | PaymentReassigned | ReferenceAssigned | EntryMatched

INPUT_OF = {
    "payment": topics.PAYMENT_INITIATED,
    "reference": topics.PAYMENT_INITIATED,
    "bank_entry": topics.BANK_ENTRIES,
}
"""The input of the facts by which people move the money of a kind of key."""
_FACTS_OF = {table.key_kind: sources[0] for table, sources in TOPOLOGY.sources_of.items()}


def key_of_fact(fact: InputFact) -> KeyOf | None:
    """The key whose state a person's fact changes; None for a fact of another type."""
    match fact:
        case BreakDecided():
            return fact.key_kind, fact.key
        case PaymentReassigned():
            return "payment", fact.payment_id
        case ReferenceAssigned():
            return "reference", fact.reference_key
        case EntryMatched():
            return "bank_entry", fact.bank_entry_key
    return None


class UnreadFacts(Protocol):
    """Looks up people's facts that no worker has read yet. Blocking."""

    def decisions(self, keys: Collection[KeyOf]) -> Sequence[InputFact]:
        """The decisions about breaks of some keys.

        Raises:
            BrokerError: no broker answers.
            TooFarBehind: too much is not read yet.

        """

    def moves(self, key: KeyOf) -> Sequence[InputFact]:
        """The facts by which people move the money of a key.

        Raises:
            BrokerError: no broker answers.
            TooFarBehind: too much is not read yet.

        """


class UnreadOnKafka:
    """Reads the ends of the topics, after what the workers have committed."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec

    def decisions(self, keys: Collection[KeyOf]) -> Sequence[InputFact]:
        """The decisions about breaks of some keys."""
        found = list(unread(self._settings, self._codec, topics.DECISIONS, records_max=RECORDS_MAX))
        for kind in sorted({kind for kind, _ in keys}):
            alone = next(key for of, key in keys if of == kind) if len(keys) == 1 else None
            found += unread(self._settings, self._codec, _FACTS_OF[kind], alone, records_max=RECORDS_MAX)
        wanted = set(keys)
        return [fact for fact in found if isinstance(fact, BreakDecided) and key_of_fact(fact) in wanted]

    def moves(self, key: KeyOf) -> Sequence[InputFact]:
        """The facts by which people move the money of a key."""
        kind, name = key
        found = list(unread(self._settings, self._codec, INPUT_OF[kind], records_max=RECORDS_MAX))
        found += unread(self._settings, self._codec, _FACTS_OF[kind], name, records_max=RECORDS_MAX)
        return [fact for fact in found if not isinstance(fact, BreakDecided) and key_of_fact(fact) == key]


class WrittenFacts:
    """The facts that this gateway has written lately."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._in_order: deque[tuple[float, KeyOf]] = deque()
        self._of_key: dict[KeyOf, deque[InputFact]] = {}

    def add(self, fact: InputFact) -> None:
        """Keep a person's fact for a while."""
        key = key_of_fact(fact)
        if key is None:
            raise TypeError(f"a {type(fact).__name__} is no fact of a person")
        now = self._monotonic()
        while self._in_order and self._in_order[0][0] < now - KEPT_S:
            _, old = self._in_order.popleft()
            self._of_key[old].popleft()
            if not self._of_key[old]:
                del self._of_key[old]
        self._in_order.append((now, key))
        self._of_key.setdefault(key, deque()).append(fact)

    def of(self, key: KeyOf) -> Sequence[InputFact]:
        """The kept facts of a key, in the order in which they were written."""
        return tuple(self._of_key.get(key, ()))


class KnownKey(NamedTuple):
    """What is known of a key. The caller owns it."""

    state: Any
    """Facts that no worker has read yet included."""
    published: Published
    unread: tuple[InputFact, ...]
    """The facts that the workers' state does not have."""


class KnownKeys:
    """Gives what is known of keys now.

    Args:
        workers: give the committed states.
        unread: looks up what they have not read.
        written: what this gateway has written.

    """

    def __init__(self, workers: Workers, unread: UnreadFacts, written: WrittenFacts) -> None:
        self._workers = workers
        self._unread = unread
        self._written = written
        self._threads = ThreadPoolExecutor(THREADS, "rentmatch-unread")

    async def with_decisions(self, keys: Collection[KeyOf]) -> dict[KeyOf, KnownKey | Refused]:
        """What is known of keys, with the decisions about their breaks.

        Raises:
            Refused: the broker cannot be read.

        """
        facts = await self._looked_up(lambda: self._unread.decisions(keys))
        found = await asyncio.gather(*(self._known(key, facts) for key in keys))
        return dict(zip(keys, found, strict=True))

    async def with_moves(self, key: KeyOf) -> KnownKey:
        """What is known of a payment, reference or bank entry, with the moves of its money.

        Raises:
            Refused: it cannot be read.

        """
        facts = await self._looked_up(lambda: self._unread.moves(key))
        known = await self._known(key, facts)
        if isinstance(known, Refused):
            raise known
        return known

    async def state(self, kind: str, key: str) -> Any:
        """The committed state of a key; None where nothing is known of it.

        Raises:
            Refused: no worker answers.

        """
        answer = await self._workers.state(kind, key)
        if answer.error is not None:
            raise _unanswered(answer.error)
        return None if answer.value is None else answer.value.state

    async def _looked_up(self, look: Callable[[], Sequence[InputFact]]) -> Sequence[InputFact]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, look)
        except BrokerError as error:
            log.warning("what no worker has read yet cannot be looked up: %s", error)
            raise Refused(
                "Kafka does not answer, so it cannot be checked. Nothing was written; try again",
                RefusalKind.UNAVAILABLE,
            ) from None
        except RegistryError as error:
            log.warning("what no worker has read yet cannot be decoded: %s", error)
            raise Refused(
                "the Schema Registry does not answer, so it cannot be checked. Nothing was written; try again",
                RefusalKind.UNAVAILABLE,
            ) from None
        except TooFarBehind as error:
            log.warning("no decision is taken while the workers are behind: %s", error)
            raise Refused(
                "the workers are far behind, so it cannot be checked. Nothing was written; try again when they are not",
                RefusalKind.UNAVAILABLE,
            ) from None

    async def _known(self, key: KeyOf, facts: Sequence[InputFact]) -> KnownKey | Refused:
        kind, name = key
        answer = await self._workers.state(kind, name)
        if answer.error is not None:
            return _unanswered(answer.error)
        if answer.value is None:
            return Refused(
                f"the workers know nothing of {kind.replace('_', ' ')} {name}. Nothing was written; if they are being "
                "rebuilt, try again later",
                RefusalKind.UNAVAILABLE,
            )
        state = answer.value.state
        mine = (*(fact for fact in facts if key_of_fact(fact) == key), *self._written.of(key))
        new = tuple(fact for fact in mine if apply(state, fact))
        return KnownKey(state, answer.value.published, new)


def apply(state: Any, fact: InputFact) -> bool:
    """Apply a person's fact to the state of its key, in place; whether it was new."""
    if isinstance(fact, BreakDecided):
        return apply_decision(state.decisions, fact)
    if isinstance(state, PaymentState) and isinstance(fact, PaymentReassigned):
        return payment.apply(state, fact)
    if isinstance(state, ReferenceState) and isinstance(fact, ReferenceAssigned):
        return reference.apply(state, fact)
    if isinstance(state, BankEntryState) and isinstance(fact, EntryMatched):
        return bank_entry.apply(state, fact)
    raise TypeError(f"a {type(fact).__name__} does not change a {type(state).__name__}")


def _unanswered(error: str) -> Refused:
    return Refused(
        f"the workers do not say what is known of it now ({error}). Nothing was written; try again",
        RefusalKind.UNAVAILABLE,
    )
