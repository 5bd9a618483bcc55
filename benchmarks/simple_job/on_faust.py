"""The job on Faust as its documentation shows how to write one, configured by variables PEER_….

Agents, tables in RocksDB, topics with a codec, one awaited send a record, at least once. Run as
`python -m benchmarks.simple_job.on_faust --datadir FOLDER worker`.
"""

import os
from typing import Any

import faust
from faust.serializers.codecs import Codec

from benchmarks.simple_job import codec, rules
from benchmarks.simple_job.codec import ALERT, OBLIGATION, PAYMENT, Decoded
from benchmarks.simple_job.rules import Fields

INPUTS = ("payment-initiated", "processor-settled", "ledger-events")


class Records(Codec):  # type: ignore[misc]
    """Decodes any record of the job, and encodes those of one name. What was decoded is sent on with its own bytes."""

    def __init__(self, record: str) -> None:
        super().__init__(record=record)
        self.record = record

    def _loads(self, s: bytes) -> Decoded:
        return codec.decode(s)

    def _dumps(self, s: Decoded | Fields) -> bytes:
        return s.value if isinstance(s, Decoded) else codec.encode(self.record, s)


def create_app(broker: str, name: str, inputs: str, partitions: int) -> Any:
    """Build the job; the topics must exist."""
    app = faust.App(
        name,
        broker=f"kafka://{broker}",
        store="rocksdb://",
        processing_guarantee="at_least_once",
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        autodiscover=False,
        web_enabled=False,
        origin="benchmarks.simple_job",
    )

    def topic(record: str, *names: str) -> Any:
        return app.topic(*names, value_serializer=Records(record))

    payment_facts = topic(PAYMENT, f"{name}-payment-facts")
    obligation_facts = topic(PAYMENT, f"{name}-obligation-facts")
    payments_out = topic(PAYMENT, f"{name}-payment-reconciliations")
    obligations_out = topic(OBLIGATION, f"{name}-obligation-reconciliations")
    alerts_out = topic(ALERT, f"{name}-mismatch-alerts")
    payments = app.Table("payments", default=rules.new_payment)
    obligations = app.Table("obligations", default=rules.new_obligation)

    @app.agent(topic(PAYMENT, *(f"{inputs}-{each}" for each in INPUTS)))  # type: ignore[untyped-decorator]
    async def route(stream: Any) -> None:
        async for fact in stream:
            await (obligation_facts if fact.is_charge else payment_facts).send(key=fact.key, value=fact)

    @app.agent(payment_facts)  # type: ignore[untyped-decorator]
    async def learn_payment(stream: Any) -> None:
        async for fact in stream:
            payment_id = fact.fields["payment_id"]
            state = payments[payment_id]
            if not rules.apply_to_payment(state, fact.name, fact.fields):
                continue
            view = rules.payment_view(state, payment_id)
            alert = rules.payment_alert(state, view)
            payments[payment_id] = state
            await payments_out.send(key=payment_id, value=view)
            if view["obligation_id"] is not None:
                await obligation_facts.send(key=view["obligation_id"], value=view)
            if alert is not None:
                await alerts_out.send(key=alert["break_id"], value=alert)

    @app.agent(obligation_facts)  # type: ignore[untyped-decorator]
    async def learn_obligation(stream: Any) -> None:
        async for fact in stream:
            obligation_id = fact.fields["obligation_id"]
            state = obligations[obligation_id]
            if rules.apply_to_obligation(state, fact.name, fact.fields):
                obligations[obligation_id] = state
                await obligations_out.send(key=obligation_id, value=rules.obligation_view(state, obligation_id))

    return app


if __name__ == "__main__":
    create_app(
        os.environ["PEER_BROKER"],
        os.environ["PEER_NAME"],
        os.environ["PEER_INPUTS"],
        int(os.environ["PEER_PARTITIONS"]),
    ).main()
