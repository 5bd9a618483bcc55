"""When a fetcher is behind, on a consumer that the test controls."""

from typing import Any, cast

from confluent_kafka import Consumer

from streams import topics
from streams.transport.batch import TopicPartition
from streams.transport.fetcher import BACKLOG_RECORDS, Fetcher


class StubConsumer:
    """Knows the ends of the partitions as librdkafka does, which has -1001 for one that it does not know yet."""

    def __init__(self) -> None:
        self.end = -1001

    def assign(self, partitions: Any) -> None:
        pass

    def get_watermark_offsets(self, partition: Any, cached: bool) -> tuple[int, int]:
        assert cached
        return 0, self.end


def test_records_that_the_broker_has_are_a_backlog_also_while_none_is_delivered() -> None:
    fetcher = Fetcher({}, {topics.LEDGER_EVENTS: "ledger"}, lambda batches: None, lambda error: None)
    fetcher.assign(1, {TopicPartition(topics.LEDGER_EVENTS, 0): 100})
    consumer = StubConsumer()
    command = fetcher._command
    assert command is not None
    command(cast(Consumer, consumer))
    for end, behind in (
        (-1001, False),
        (100 + BACKLOG_RECORDS - 1, False),
        (100 + BACKLOG_RECORDS, True),
        (100, False),
    ):
        consumer.end = end
        fetcher._counted_at = 0.0
        fetcher._count_unread(cast(Consumer, consumer))
        assert fetcher.behind is behind
