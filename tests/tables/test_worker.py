"""Opening a worker: whole, or not at all."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import tables.worker
from streams import topics
from streams.broker.cluster import BrokerError
from streams.settings import Settings
from streams.topology import TOPOLOGY
from streams.transport.commit_listener import NullListener
from tables import slots


def fail(*_: Any) -> Any:
    raise BrokerError("the broker is away")


@pytest.mark.parametrize("step", ["identity", "codec_of"])
def test_a_worker_that_cannot_be_opened_gives_slot_and_store_back(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(state_dir=tmp_path, worker_id="a")
    monkeypatch.setattr(tables.worker, "partition_counts", lambda *_: dict.fromkeys(topics.ALL, 1))
    monkeypatch.setattr(tables.worker, "identity", lambda *_: "cluster")
    monkeypatch.setattr(tables.worker, step, fail)

    async def open_and_close() -> None:
        async with tables.worker.open_worker(
            settings,
            topology=TOPOLOGY,
            clock=lambda: 0,
            make_stages=lambda *_: [],
            deliver=lambda _: None,
            failed=lambda _: asyncio.sleep(0),
            listener=NullListener(),
        ):
            pass

    with pytest.raises(BrokerError):
        asyncio.run(open_and_close())
    slot = slots.take(settings.state_dir, settings.application_id, "a")
    if (slot.folder / "store").exists():
        tables.worker.Store(slot.folder / "store", "cluster").close()
    slot.lock.close()
