"""How recovery asks for offsets while a partition has no leader."""

from typing import Any

import pytest
import stamina
from confluent_kafka import KafkaError, KafkaException

from tables import recovery


class LeaderlessConsumer:
    """Fails with these errors, and then answers."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def get_watermark_offsets(self, partition: Any, timeout: float) -> tuple[int, int]:
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return 3, 9


def offsets_of(monkeypatch: pytest.MonkeyPatch, *codes: int) -> tuple[int, int]:
    monkeypatch.setattr(recovery, "Consumer", lambda conf: LeaderlessConsumer(*codes))
    with stamina.set_testing(True, attempts=5):
        return recovery.LogOffsets({}, "group").of("changelog", 0)


def test_a_partition_that_has_no_leader_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE
    assert offsets_of(monkeypatch, *codes) == (3, 9)


def test_another_error_is_raised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaException):
        offsets_of(monkeypatch, KafkaError.TOPIC_AUTHORIZATION_FAILED)
