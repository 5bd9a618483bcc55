"""`rentmatch receive-webhooks`: 200 only for a signed request whose records Kafka has."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from connectors.stripe_webhooks import StripeEvents
from ops.webhooks.metrics import WebhookMetrics
from ops.webhooks.receiver import BODY_BYTES_MAX, Receiver
from streams.broker.cluster import BrokerError
from streams.broker.sending import AcknowledgedProducer, NotAcknowledged
from streams.codec.codec import Codec
from streams.headers import Header
from streams.settings import load
from streams.topics import DEAD_LETTER, PROCESSOR_SETTLED
from tests.kit.command_line import Run
from tests.kit.reading import read_all
from tests.kit.stripe_events import NOW_S, SECRET, a_charge, a_dispute, a_movement, event, signature
from tools.local.processes import free_ports

SUCCEEDED = event("charge.succeeded", a_charge())


class Recording:
    """A broker that takes everything, after a while, or nothing."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, bytes]] = []
        self.is_away = False
        self.after_s = 0.0

    async def send(self, topic_name: str, key: bytes, value: bytes, headers: list[Header] | None = None) -> None:
        await asyncio.sleep(self.after_s)
        if self.is_away:
            raise NotAcknowledged("away")
        self.taken.append((topic_name, key, value))


class Receiving:
    """A receiver over a recording broker."""

    def __init__(self) -> None:
        self.broker = Recording()
        self.metrics = WebhookMetrics()
        self.receiver = Receiver(
            load({}), [SECRET.encode()], StripeEvents(payment_id_key="rent"), Codec(), self.broker, self.metrics,
            clock=lambda: NOW_S,
        )  # fmt: skip

    def post(self, *payloads: bytes, header: str | None = None) -> list[int]:
        """The statuses of requests that come together."""

        async def run() -> list[int]:
            async with TestClient(TestServer(self.receiver.application())) as client:
                given = [{"Stripe-Signature": signature(one) if header is None else header} for one in payloads]
                answers = await asyncio.gather(
                    *(client.post("/stripe", data=one, headers=own) for one, own in zip(payloads, given, strict=True))
                )
                return [answer.status for answer in answers]

        return asyncio.run(run())

    def count(self, outcome: str) -> float | None:
        return self.metrics.registry.get_sample_value("rentmatch_webhook_requests_total", {"outcome": outcome})


@pytest.fixture
def receiving(bare_run: Run) -> Receiving:
    return Receiving()


def test_a_signed_event_is_published(receiving: Receiving) -> None:
    assert receiving.post(SUCCEEDED) == [200]
    ((topic, key, _),) = receiving.broker.taken
    assert (topic, key) == ("processor-settled", b"P-1")
    assert receiving.count("published") == 1


def test_the_answer_waits_for_the_broker(receiving: Receiving) -> None:
    receiving.broker.after_s = 0.3
    began = time.monotonic()
    assert receiving.post(SUCCEEDED, SUCCEEDED) == [200, 200]
    assert time.monotonic() - began > 0.3
    receiving.broker.is_away = True
    assert receiving.post(SUCCEEDED) == [503]
    assert receiving.receiver.ready().state == "blocked"
    assert len(receiving.broker.taken) == 2
    receiving.broker.is_away = False
    assert receiving.post(SUCCEEDED) == [200]
    assert receiving.receiver.ready().good
    assert len(set(receiving.broker.taken)) == 1  # the same record each time


@pytest.mark.parametrize(
    "header", ["", "t=1,v1=00", signature(SUCCEEDED, "whsec_of_a_stranger"), signature(SUCCEEDED, at=1)]
)
def test_an_unsigned_request_is_refused_before_it_is_read(receiving: Receiving, header: str) -> None:
    assert receiving.post(SUCCEEDED, header=header) == [400]
    assert receiving.broker.taken == []
    assert receiving.count("bad_signature") == 1


def test_what_is_not_understood_is_a_dead_letter_with_its_bytes(receiving: Receiving) -> None:
    odd = event("charge.succeeded", a_charge(amount_captured="850"))
    assert receiving.post(odd) == [200]
    ((topic, _, value),) = receiving.broker.taken
    assert (topic, value) == ("dead-letter", odd)
    receiving.broker.is_away = True
    assert receiving.post(odd) == [503]


def test_events_that_report_nothing_are_answered(receiving: Receiving) -> None:
    assert receiving.post(event("customer.created", {})) == [200]
    assert (receiving.broker.taken, receiving.count("ignored")) == ([], 1)


def test_a_request_that_is_too_large_is_refused(receiving: Receiving) -> None:
    assert receiving.post(b" " * (BODY_BYTES_MAX + 1)) == [413]


def test_an_event_with_several_records_needs_all(receiving: Receiving) -> None:
    both = a_dispute(a_movement("txn_5", -85_000, 1_500), a_movement("txn_7", 85_000, 0))
    assert receiving.post(event("charge.dispute.closed", both)) == [200]
    assert len(receiving.broker.taken) == 2


def test_the_producer_returns_once_the_broker_has_it(run: Run, mock_broker: str) -> None:
    settings = load()
    name = settings.topic(PROCESSOR_SETTLED)
    producer = AcknowledgedProducer(settings, [name, settings.topic(DEAD_LETTER)])

    async def send() -> None:
        await asyncio.gather(*(producer.send(name, b"k", b"%d" % number) for number in range(100)))

    asyncio.run(send())
    assert len(read_all(mock_broker, name)) == 100
    producer.close()
    with pytest.raises(BrokerError, match="nowhere"):
        AcknowledgedProducer(settings, ["nowhere"])


def test_it_refuses_to_start_without_a_secret(run: Run) -> None:
    refused = run("receive-webhooks")
    assert (refused.exit_code, "RENTMATCH_STRIPE_WEBHOOK_SECRET is not set" in refused.stderr) == (2, True)
    short = run("receive-webhooks", env={"RENTMATCH_STRIPE_WEBHOOK_SECRET": "short"})
    assert (short.exit_code, "16 characters" in short.stderr, "short" in short.stderr) == (2, True, False)


@pytest.fixture
def process(run: Run, mock_broker: str, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int, int]]:
    """`rentmatch receive-webhooks` as a process, with its two ports."""
    port, pages = free_ports(2)
    env = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")} | {
        "RENTMATCH_BROKER": mock_broker, "RENTMATCH_TOPIC_PREFIX": "here.", "RENTMATCH_HTTP_PORT": str(pages),
        "RENTMATCH_WEBHOOK_PORT": str(port), "RENTMATCH_STRIPE_WEBHOOK_SECRET": f"whsec_the_former_one,{SECRET}",
        "RENTMATCH_STRIPE_PAYMENT_ID_KEY": "rent",
    }  # fmt: skip
    with open(tmp_path / "log", "wb") as log:
        running = subprocess.Popen([sys.executable, "-m", "ops.cli", "receive-webhooks"], env=env, stderr=log)
    until = time.monotonic() + 60
    while f":{port}/stripe" not in (tmp_path / "log").read_text():
        assert time.monotonic() < until, (tmp_path / "log").read_text()
        time.sleep(0.05)
    yield running, port, pages
    running.kill()
    running.wait()


def test_a_process_of_its_own(process: tuple["subprocess.Popen[bytes]", int, int], mock_broker: str) -> None:
    running, port, pages = process
    for at, status in ((int(time.time()), 200), (int(time.time()) - 400, 400)):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/stripe", SUCCEEDED, {"Stripe-Signature": signature(SUCCEEDED, at=at)}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                found = response.status
        except urllib.error.HTTPError as error:
            found = error.code
        assert found == status
    (record,) = read_all(mock_broker, "here.processor-settled")
    assert record.key == b"P-1"
    with urllib.request.urlopen(f"http://127.0.0.1:{pages}/metrics", timeout=5) as response:
        assert 'rentmatch_webhook_requests_total{outcome="published"} 1.0' in response.read().decode()
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
