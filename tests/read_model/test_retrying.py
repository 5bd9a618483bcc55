"""Retries end with success, with another error, or with cancellation; each is logged with its service and its wait."""

import asyncio
import logging

import pytest
import stamina

from read_model.mongo import MongoUnavailable
from read_model.retrying import WAIT_MAX_S, retry_forever
from streams.codec.registry import RegistryError


def failing(*errors: Exception):
    left = list(errors)

    async def operation() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return operation


def test_an_unavailable_service_is_retried_and_logged(caplog):
    with caplog.at_level(logging.ERROR), stamina.set_testing(True, attempts=9):
        result = asyncio.run(retry_forever(failing(MongoUnavailable("no primary"), RegistryError("refused"))))
    assert result == "done"
    assert ["MongoDB: no primary" in caplog.text, "the Schema Registry: refused" in caplog.text] == [True, True]


def test_another_error_is_not_retried():
    with pytest.raises(ValueError, match="of ours"):
        asyncio.run(retry_forever(failing(ValueError("of ours"))))


def test_a_wait_is_bounded_and_can_be_cancelled():
    async def run() -> None:
        away = failing(*(MongoUnavailable("away") for _ in range(5)))
        retrying = asyncio.create_task(retry_forever(away))
        await asyncio.sleep(0.1)
        assert not retrying.done()
        retrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await retrying

    asyncio.run(run())
    assert stamina._core._compute_backoff(5_000, WAIT_MAX_S, 0.2, 2, 1.0) == WAIT_MAX_S
