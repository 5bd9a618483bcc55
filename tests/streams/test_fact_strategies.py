"""The facts that the domain's properties are tested with are facts that a topic can bring."""

from hypothesis import given

from domain.facts import BankEntryBooked, EntryMatched, InputFact, PayoutReported
from streams.codec.codec import Codec
from streams.codec.validation import check
from tests.kit.avro_samples import TOPIC_BY_TYPE
from tests.kit.fact_strategies import histories


@given(histories)
def test_every_fact_is_valid_input(facts: list[InputFact]) -> None:
    codec = Codec()
    for fact in facts:
        assert check(fact) == fact
        assert codec.decode_input(TOPIC_BY_TYPE[type(fact)], codec.encode(fact, "any")) == fact


def test_every_record_is_drawn() -> None:
    drawn: set[type] = set()

    @given(histories)
    def collect(facts: list[InputFact]) -> None:
        drawn.update(map(type, facts))

    collect()
    # tests/domain/test_payout_properties.py draws what is reported of payouts and booked by banks.
    assert drawn == set(TOPIC_BY_TYPE) - {PayoutReported, BankEntryBooked, EntryMatched}
