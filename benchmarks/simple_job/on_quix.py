"""The job on Quix Streams as its documentation shows how to write one, configured by variables PEER_….

Three dataframes: the inputs, sent on by the key of the join, because their own partitioning is not trusted; payments;
obligations. Keyed states are in its RocksDB, with changelogs. Run as `python -m benchmarks.simple_job.on_quix`.
"""

import os
from typing import Any

from quixstreams import Application
from quixstreams.models import Deserializer, Serializer

from benchmarks.simple_job import codec, rules
from benchmarks.simple_job.codec import ALERT, OBLIGATION, PAYMENT, Decoded
from benchmarks.simple_job.rules import Fields

INPUTS = ("payment-initiated", "processor-settled", "ledger-events")

COMMIT_EVERY_S = 0.1
"""As rentmatch and Kafka Streams, not its default of 5 s. At 1 s a backlog of 100,000 events costs the same."""


class Decoder(Deserializer):  # type: ignore[misc]
    """Decodes any record of the job."""

    def __call__(self, value: bytes, ctx: object) -> Decoded:
        return codec.decode(value)


class Encoder(Serializer):  # type: ignore[misc]
    """Encodes records of one name. What was decoded is sent on with the bytes that it came in."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __call__(self, value: Decoded | Fields, ctx: object) -> bytes:
        return value.value if isinstance(value, Decoded) else codec.encode(self._name, value)


def learn_payment(fact: Decoded, state: Any) -> tuple[Fields, Fields | None] | None:
    """The payment's reconciliation and its alert; None if the event is known."""
    payment = state.get("payment") or rules.new_payment()
    if not rules.apply_to_payment(payment, fact.name, fact.fields):
        return None
    view = rules.payment_view(payment, fact.fields["payment_id"])
    alert = rules.payment_alert(payment, view)
    state.set("payment", payment)
    return view, alert


def learn_obligation(fact: Decoded, state: Any) -> Fields | None:
    """The obligation's reconciliation; None if nothing changed."""
    obligation = state.get("obligation") or rules.new_obligation()
    if not rules.apply_to_obligation(obligation, fact.name, fact.fields):
        return None
    state.set("obligation", obligation)
    return rules.obligation_view(obligation, fact.fields["obligation_id"])


def create_app(broker: str, name: str, inputs: str, state: str) -> Application:
    """Build the job; its topics must exist, but for the changelogs."""
    app = Application(
        broker_address=broker,
        consumer_group=name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_EVERY_S,
        state_dir=state,
        loglevel="WARNING",
        producer_extra_config={"linger.ms": 20},
    )

    def topic(of: str, record: str) -> Any:
        return app.topic(
            of,
            key_serializer="str",
            key_deserializer="str",
            value_serializer=Encoder(record),
            value_deserializer=Decoder(),
        )

    payment_facts = topic(f"{name}-payment-facts", PAYMENT)
    obligation_facts = topic(f"{name}-obligation-facts", PAYMENT)

    def destination(fact: Decoded, *_: object) -> Any:
        return obligation_facts if fact.is_charge else payment_facts

    for each in INPUTS:
        app.dataframe(topic(f"{inputs}-{each}", PAYMENT)).to_topic(destination, key=lambda fact: fact.key)

    learned = app.dataframe(payment_facts).apply(learn_payment, stateful=True).filter(lambda found: found is not None)
    alerts = learned.apply(lambda found: found[1]).filter(lambda alert: alert is not None)
    alerts.to_topic(topic(f"{name}-mismatch-alerts", ALERT), key=lambda alert: alert["break_id"])
    payments = learned.apply(lambda found: found[0])
    payments.to_topic(topic(f"{name}-payment-reconciliations", PAYMENT))
    joined = payments.filter(lambda view: view["obligation_id"] is not None)
    joined.to_topic(obligation_facts, key=lambda view: view["obligation_id"])

    obligations = app.dataframe(obligation_facts).apply(learn_obligation, stateful=True)
    changed = obligations.filter(lambda view: view is not None)
    changed.to_topic(topic(f"{name}-obligation-reconciliations", OBLIGATION))
    return app


if __name__ == "__main__":
    create_app(
        os.environ["PEER_BROKER"], os.environ["PEER_NAME"], os.environ["PEER_INPUTS"], os.environ["PEER_STATE"]
    ).run()
