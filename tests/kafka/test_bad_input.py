"""What cannot be read or breaks a rule, on every input, with good records behind: dead letters byte for byte, and the
worker goes on. And what is legal but extreme: it has to come out."""

import json
import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from domain.facts import (
    InputFact,
    Installment,
    ObligationAdjusted,
    ObligationCharged,
    PaymentInitiated,
    PaymentPosted,
    ProcessorSettled,
)
from domain.time import DAY
from simulator.bad_input import BROKEN_BYTES, BROKEN_RULES, spoiled
from simulator.compare import compare, found_from_records, plain
from simulator.deliver import Delivery, InputTopic
from simulator.scenario import simulate
from simulator.truth import truth_of_deliveries
from streams.codec.codec import Codec
from streams.codec.registry import SchemaRegistry
from streams.headers import Header
from tests.kit import wire
from tests.kit.command_line import Run
from tests.kit.deployment import AuditedDeployment
from tests.kit.reading import read_all, read_last
from tests.kit.verifier import KEYS, OWN_HEADERS, Outputs

pytestmark = pytest.mark.kafka

YEAR_1 = -719_162 * DAY
YEAR_2000 = 10_957 * DAY
YEAR_9999 = 2_932_896 * DAY
"""1 January of the years 1 and 2000, and 31 December of year 9999."""
CLOCK = 20_700 * DAY

CLASS_OF = {
    "empty": "empty_value",
    "text": "unknown_framing",
    "noise": "unknown_framing",
    "unknown_fingerprint": "unknown_schema",
    "unknown_schema_id": "unknown_schema",
    "half_a_header": "truncated",
    "trailing": "trailing_bytes",
    "no_event_id": "empty_id",
    "no_key_id": "empty_id",
    "unknown_currency": "unknown_currency",
    "lower_case_currency": "unknown_currency",
    "unknown_zone": "unknown_time_zone",
    "wrong_amount": "wrong_amount",
    "installment_twice": "duplicate_installment",
    "installment_of_nothing": "wrong_amount",
    "plan_version_zero": "out_of_range",
    "null": "empty_value",
    "wrong_record": "wrong_record",
    "not_utf8": "undecodable",
    "long_id": "too_large",
    "great_amount": "too_large",
    "year_1": "out_of_range",
    "year_9999": "out_of_range",
    "wrong_period": "wrong_period",
    "milliseconds": "out_of_range",
    "last_century": "out_of_range",
    "far_future": "out_of_range",
    "grace_before_due_date": "out_of_range",
    "assignment_version_zero": "out_of_range",
    "allocations_off": "wrong_allocations",
    "allocations_elsewhere": "wrong_allocations",
    "allocated_twice": "wrong_allocations",
    "allocated_to_nothing": "wrong_allocations",
    "reference_of_nothing": "empty_id",
    "notification_of_change": "no_return",
    "unknown_settlement_currency": "unknown_currency",
    "dated_for_an_installment": "wrong_adjustment",
    "dated_credit": "wrong_adjustment",
    "fee_below_zero": "wrong_adjustment",
    "fee_for_an_installment": "wrong_adjustment",
    "accepts_nothing": "wrong_decision",
    "approves_nothing": "wrong_decision",
    "withdraws_nothing": "wrong_decision",
    "decides_about_nothing": "empty_id",
    "half_a_payout": "wrong_entry",
    "matched_by_nobody": "empty_id",
    "alien_schema": "incompatible_schema",
}
"""The class under which each kind of bad input must be set aside, where there is but one."""


def changed(host: Delivery, kind: str, **changes: object) -> Delivery | None:
    if host.fact is None or not set(changes) <= set(host.fact.__struct_fields__):
        return None
    return Delivery(host.topic, host.key, 0, msgspec.structs.replace(host.fact, **changes), fault=kind)


def spoiled_more(host: Delivery, kind: str, stranger: Delivery) -> tuple[Delivery, bytes | None] | None:
    """Kinds that the simulator does not make; None where a kind does not fit the record."""
    assert host.fact is not None
    match kind:
        case "null":
            return Delivery(host.topic, host.key, 0, raw=b"", fault=kind), None
        case "wrong_record":
            assert stranger.fact is not None
            return Delivery(host.topic, host.key, 0, stranger.fact, fault=kind), wire.encode(stranger.fact)
        case "not_utf8":
            value = wire.encode(host.fact).replace(host.fact.event_id.encode(), b"\xff" * len(host.fact.event_id), 1)
            return Delivery(host.topic, host.key, 0, raw=value, fault=kind), value
        case "long_id":
            bad = changed(host, kind, event_id="e" * (1 << 20))
        case "great_amount":
            bad = changed(host, kind, amount_minor=(1 << 63) - 1) or changed(host, kind, gross_minor=(1 << 63) - 1)
        case "year_1":
            bad = changed(host, kind, occurred_at=YEAR_1)
        case "year_9999":
            bad = changed(host, kind, occurred_at=YEAR_9999)
        case "wrong_period":
            bad = changed(host, kind, period="2026-13")
        case _:
            raise ValueError(kind)
    return None if bad is None else (bad, wire.encode(bad.fact))


TOPICS: tuple[InputTopic, ...] = get_args(InputTopic)
MORE = ("null", "wrong_record", "not_utf8", "long_id", "great_amount", "year_1", "year_9999", "wrong_period")


def bad_of(topic: InputTopic, good: list[Delivery], rng: random.Random) -> Iterator[tuple[Delivery, bytes | None]]:
    """Each kind of bad input that an input topic can have, once."""
    hosts = [delivery for delivery in good if delivery.topic == topic]
    stranger = next(delivery for delivery in good if delivery.topic != topic)
    for kind in (*BROKEN_BYTES, *BROKEN_RULES, "truncated", "trailing"):
        found = (spoiled(rng, host, kind) for host in rng.sample(hosts, len(hosts)))
        bad = next((one for one in found if one is not None), None)
        if bad is not None:
            value = bad.raw if bad.raw is not None else wire.encode(bad.fact)
            cut = value[: len(value) * 2 // 3] if kind == "truncated" else value
            yield bad, cut + (b"\x00" if kind == "trailing" else b"")
    for kind in MORE:
        more = next((one for host in hosts if (one := spoiled_more(host, kind, stranger)) is not None), None)
        if more is not None:
            yield more


def classes_by_fault(deployment: AuditedDeployment, outputs: Outputs) -> set[tuple[str, str]]:
    """The kind of bad input and the class under which it was set aside, of each dead letter."""
    found = set()
    for letter in outputs.dead_letters:
        headers = {name: (value or b"").decode() for name, value in letter.headers[-OWN_HEADERS:]}
        topic = headers["rentmatch.source.topic"].removeprefix(deployment.prefix)
        place = (topic, int(headers["rentmatch.source.partition"]), int(headers["rentmatch.source.offset"]))
        found.add((deployment.published[place].fault or "", headers["rentmatch.error.class"]))
    return found


HEADERS: list[Header] = [
    ("traceparent", b"00-4bf92f3577b34da6"),
    ("rentmatch.error.class", b"none"),
    ("rentmatch.source.offset", None),
    ("traceparent", b""),
    ("", b"\xff\x00"),
]
"""Legal headers that are awkward to keep: repeated, null, empty, binary, and with the names of a dead letter's own."""


def test_every_kind_of_bad_input_becomes_a_dead_letter_and_later_records_are_processed(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    scenario = simulate(3, 150)
    rng = random.Random(3)
    good = [delivery for delivery in scenario.deliveries if not delivery.is_bad]
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:
        worker = deployment.worker()
        deployment.publish(good[:200])
        for topic in TOPICS:
            found = bad_of(topic, good, rng)
            deployment.publish_values(((bad, value, rng.randrange(3)) for bad, value in found), HEADERS)
        deployment.publish(good[200:], spread=True)
        deployment.wait_settled()
        outputs = deployment.check()
        told = classes_by_fault(deployment, outputs)
        assert worker.exit_code is None
    assert {kind for kind, _ in told} == {*CLASS_OF, "truncated", "negative_amount"} - {"alien_schema"}
    assert {(kind, found) for kind, found in told if CLASS_OF.get(kind, found) != found} == set()
    assert {found for kind, found in told if kind == "truncated"} <= {"truncated", "undecodable"}


def test_extreme_but_valid_input_is_reconciled(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """10,000 installments with their payments, the longest ids, the greatest amounts, the first and the last year."""
    plan = tuple(Installment(f"I-{number}", number, 100, 20_500 + number // 100) for number in range(10_000))
    facts: list[InputFact] = [charged("O-large", 1_000_000, plan)]
    for number in range(0, 10_000, 100):
        facts += paid(f"P-large-{number}", "O-large", 100, f"I-{number}")
    long = "L" + "ö" * 255
    facts += [charged(long, 5_000), *paid(long + "P", long, 5_000, None)]
    facts += [charged("O-great", 10**13)]
    facts += [
        ObligationAdjusted(
            event_id=f"E-adj-{number}",
            occurred_at=CLOCK - DAY,
            obligation_id="O-great",
            adjustment_id=f"A-{number}",
            amount_delta_minor=10**13,
            currency="USD",
            reason="more",
        )
        for number in range(200)
    ]
    for number in range(50):
        facts += paid(f"P-great-{number}", "O-great", 10**13, None)
    facts += [charged("O-first", 700, at=YEAR_2000, due=YEAR_2000 // DAY)]
    facts += [charged("O-last", 700, at=YEAR_9999 - 4_026 * DAY, due=YEAR_9999 // DAY - 4_026)]
    # Set going only, by the one method whose deadline is no banking day: the truth's holidays are those of our days.
    facts += [
        set_going("P-first", "O-first", YEAR_2000),
        set_going("P-last", "O-last", YEAR_9999 - 4_026 * DAY),
    ]
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=CLOCK, commit_interval_ms=20) as deployment:
        worker = deployment.worker()
        deployment.publish([delivered(fact) for fact in facts], rng=random.Random(4), shuffled=True, spread=True)
        deployment.wait_settled()
        outputs = deployment.check()
        assert worker.exit_code is None
    assert outputs.dead_letters == []
    last = outputs.last().obligations
    assert len(last["O-large"]["installments"]) == 10_000
    assert last["O-large"]["paid_minor"] == 100 * 100
    assert last["O-great"]["balance_minor"] == 201 * 10**13
    assert last["O-great"]["paid_minor"] == 50 * 10**13


def charged(
    obligation_id: str,
    amount: int,
    plan: tuple[Installment, ...] = (),
    *,
    at: int = CLOCK - 300 * DAY,
    due: int = 20_500,
) -> ObligationCharged:
    return ObligationCharged(
        event_id=f"E{len(obligation_id)}-{obligation_id[:20]}",
        occurred_at=at,
        obligation_id=obligation_id,
        lease_id="L-1",
        tenant_id="T-1",
        property_id="PR-1",
        period="2026-06",
        amount_minor=amount,
        currency="USD",
        due_date=due,
        time_zone="America/New_York",
        grace_days=5,
        installments=plan,
    )


def paid(
    payment_id: str, obligation_id: str, amount: int, installment_id: str | None, at: int = CLOCK - 200 * DAY
) -> list[InputFact]:
    event = payment_id[:20] + str(len(payment_id))
    return [
        PaymentInitiated(
            event_id=f"EI-{event}",
            occurred_at=at,
            payment_id=payment_id,
            tenant_id="T-1",
            property_id="PR-1",
            obligation_id=obligation_id,
            installment_id=installment_id,
            amount_minor=amount,
            currency="USD",
            method="CARD",
            processor="p",
            processor_reference=None,
        ),
        ProcessorSettled(
            event_id=f"ES-{event}",
            occurred_at=at,
            payment_id=payment_id,
            processor="p",
            processor_reference=f"R-{event}",
            outcome="SETTLED",
            gross_minor=amount,
            fee_minor=0,
            net_minor=amount,
            currency="USD",
            reason_code=None,
            payout_id=None,
            value_date=None,
        ),
        PaymentPosted(
            event_id=f"EP-{event}",
            occurred_at=at,
            obligation_id=obligation_id,
            posting_id=f"PO-{event}",
            payment_id=payment_id,
            installment_id=installment_id,
            amount_minor=amount,
            currency="USD",
        ),
    ]


def set_going(payment_id: str, obligation_id: str, at: int) -> PaymentInitiated:
    return PaymentInitiated(
        event_id=f"EI-{payment_id}",
        occurred_at=at,
        payment_id=payment_id,
        tenant_id="T-1",
        property_id="PR-1",
        obligation_id=obligation_id,
        installment_id=None,
        amount_minor=700,
        currency="USD",
        method="INSTANT",
        processor="p",
        processor_reference=None,
    )


def delivered(fact: InputFact) -> Delivery:
    if isinstance(fact, PaymentInitiated):
        return Delivery("payment-initiated", fact.payment_id, 0, fact)
    if isinstance(fact, ProcessorSettled):
        return Delivery("processor-settled", fact.payment_id, 0, fact)
    return Delivery("ledger-events", fact.obligation_id, 0, fact)


def test_with_a_registry_foreign_schemas_are_read_where_avro_allows_it(
    kafka: str, topic_prefix: str, tmp_path: Path, schema_registry_url: str
) -> None:
    scenario = simulate(8, 60)
    older = json.loads((wire.SCHEMAS / "payment_initiated.avsc").read_text(encoding="utf-8"))
    older["fields"] = [field for field in older["fields"] if field["name"] != "processor_reference"]
    alien = json.loads((wire.SCHEMAS / "payment_initiated.avsc").read_text(encoding="utf-8"))
    next(field for field in alien["fields"] if field["name"] == "amount_minor")["type"] = "string"
    frames = {
        name: b"\0" + registered(schema_registry_url, f"{topic_prefix}{name}", schema).to_bytes(4, "big")
        for name, schema in (("older", older), ("alien", alien))
    }
    with AuditedDeployment(
        kafka, topic_prefix, tmp_path, clock=scenario.closes_at, schema_registry_url=schema_registry_url
    ) as deployment:
        deployment.worker()
        for delivery in scenario.deliveries:
            fact = delivery.fact
            if delivery.is_bad or not isinstance(fact, PaymentInitiated):
                deployment.publish([delivery])
                continue
            without = msgspec.structs.replace(fact, processor_reference=None)
            row = plain(without)
            body = wire.encode_as(older, row)
            read = Delivery(delivery.topic, delivery.key, 0, without)
            strange = wire.encode_as(alien, row | {"amount_minor": str(fact.amount_minor)})
            unread = Delivery(delivery.topic, delivery.key, 0, raw=frames["alien"] + strange, fault="alien_schema")
            deployment.publish_values([(unread, unread.raw, -1), (read, frames["older"] + body, -1)])
        deployment.wait_settled()
        outputs = deployment.check()
        told = {found for kind, found in classes_by_fault(deployment, outputs) if kind == "alien_schema"}
    assert told == {CLASS_OF["alien_schema"]}


def test_the_schema_in_a_header_is_read_with_a_registry(
    kafka: str, topic_prefix: str, tmp_path: Path, schema_registry_url: str
) -> None:
    scenario = simulate(9, 40)
    ids = {
        name: registered(schema_registry_url, topic_prefix + name, schema) for name, schema in wire.schemas().items()
    }
    with AuditedDeployment(
        kafka, topic_prefix, tmp_path, clock=scenario.closes_at, schema_registry_url=schema_registry_url
    ) as deployment:
        deployment.worker()
        for number, delivery in enumerate(scenario.deliveries):
            if delivery.is_bad or number % 2:
                deployment.publish([delivery])
                continue
            name, body = type(delivery.fact).__name__, wire.encode(delivery.fact)[10:]
            header = ("__value_schema_id", b"\0" + ids[name].to_bytes(4, "big"))
            deployment.publish_values([(delivery, body, -1)], [("__key_schema_id", b"\0\0\0\0\x01"), header])
            if number < 6:  # This registry does not look schemas up by GUID.
                guid = ("__value_schema_id", b"\x01" + bytes(range(16)))
                bad = Delivery(delivery.topic, delivery.key, 0, raw=body, fault="schema_guid")
                deployment.publish_values([(bad, body, -1)], [*HEADERS, guid])
        deployment.wait_settled()
        outputs = deployment.check()
        found = {found for kind, found in classes_by_fault(deployment, outputs) if kind == "schema_guid"}
        assert found == {"unknown_schema"}


def test_a_record_refed_has_its_headers_and_is_read_once_a_registry_is_set(
    kafka: str, topic_prefix: str, tmp_path: Path, schema_registry_url: str, bare_run: Run
) -> None:
    scenario = simulate(10, 20)
    good = [delivery for delivery in scenario.deliveries if not delivery.is_bad]
    ids = {
        name: registered(schema_registry_url, topic_prefix + name, schema) for name, schema in wire.schemas().items()
    }
    sent: dict[tuple[str, bytes], tuple[Header, ...]] = {}
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:

        def refeed() -> Any:
            return bare_run("dead-letters", "refeed", "--class", "unknown_schema", "--yes", env=deployment.env)

        def letters() -> list[tuple[Header, ...]]:
            return [letter.headers for letter in read_all(kafka, deployment.name("dead-letter"))]

        deployment.worker()
        for delivery in good:
            if not isinstance(delivery.fact, PaymentPosted):
                deployment.publish([delivery])
                continue
            body = wire.encode(delivery.fact)[10:]
            headers = [*HEADERS, ("__value_schema_id", b"\0" + ids["PaymentPosted"].to_bytes(4, "big"))]
            sent[delivery.topic, body] = tuple(headers)
            deployment.publish_values([(delivery, body, -1)], headers)
        deployment.wait_settled()
        assert len(sent) > 5
        assert all(
            b"RENTMATCH_SCHEMA_REGISTRY_URL" in (dict(one)["rentmatch.error.message"] or b"") for one in letters()
        )

        before = len(letters())
        assert refeed().exit_code == 0  # too early: each becomes a dead letter again
        deployment.wait_settled()
        refed = [one for one in letters() if one[-7][0] == "rentmatch.refed.from"]
        assert len(refed) == len(sent)
        assert len(letters()) == before + len(sent)
        assert {one[:-7] for one in refed} == set(sent.values())

        deployment.end("a")
        deployment.env["RENTMATCH_SCHEMA_REGISTRY_URL"] = schema_registry_url
        deployment.worker()
        result = refeed()
        assert result.exit_code == 0, result.output
        assert result.stdout.count("re-fed to") == len(sent)
        deployment.wait_settled()
        assert len(letters()) == before + len(sent)

        topic = deployment.name("ledger-events")
        last = sorted(read_all(kafka, topic), key=lambda record: record.timestamp_ms)[-len(sent) :]
        assert {(record.value, record.headers[:-1]) for record in last} == {(body, h) for (_, body), h in sent.items()}
        assert {record.headers[-1][0] for record in last} == {"rentmatch.refed.from"}

        codec = Codec(SchemaRegistry(schema_registry_url))
        written = [
            codec.decode_output(record.value)
            for topic_ in KEYS
            for record in read_last(kafka, deployment.name(topic_)).values()
            if record.value is not None
        ]
        expected = truth_of_deliveries(good, scenario.closes_at, deployment.settings.policy)
        assert compare(expected, found_from_records(written)) == []


def ids_of_schemas(registry_url: str, prefix: str) -> dict[str, int]:
    """Register the schemas of the contract, each under a subject of its own, and return their ids by record."""
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(wire.SCHEMAS.glob("*.avsc"))]
    return {schema["name"]: registered(registry_url, prefix + schema["name"], schema) for schema in schemas}


def registered(registry_url: str, subject: str, schema: object) -> int:
    request = urllib.request.Request(
        f"{registry_url}/subjects/{subject}/versions",
        data=json.dumps({"schema": json.dumps(schema)}).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        schema_id: int = json.load(response)["id"]
        return schema_id
