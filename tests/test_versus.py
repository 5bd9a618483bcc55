"""The comparison with other programs: its input, what it expects, its table, and a small run of all of it."""

import json
from collections import deque
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path

import fastavro
import pytest
from rich.console import Console

from benchmarks import __main__ as command_line
from benchmarks import versus_backlog, versus_latency
from benchmarks.code import described
from benchmarks.latency import Latency, ReceivedOutput, latencies, percentile
from benchmarks.peers import records
from benchmarks.peers.kafka_streams import KAFKA_STREAMS
from benchmarks.peers.model import OUTPUTS, Peer
from benchmarks.peers.registry import PEERS, chosen
from benchmarks.peers.rentmatch import read, rentmatch
from benchmarks.report import Result, median_of, show
from benchmarks.versus_input import CLOCK, WINDOW, Outcomes, events_that_leave, generated
from benchmarks.versus_table import Measure, compared
from domain.time import Micros
from streams import topics
from streams.topics import Topic
from tests.kit.driver import Driver

ROOT = Path(__file__).resolve().parents[1]


def test_the_input_stays_the_same() -> None:
    """Figures of two months can only be compared if it does. Of the records their topics and keys: schemas may grow."""
    expected, digest = Outcomes(), sha256()
    for name, key, _ in generated(2_000, expected):
        digest.update(b"%s|%s\n" % (name.encode(), key))
    assert digest.hexdigest().startswith("c3641819f7aae565810613a6a5e47aee")
    assert expected.counts == {"payments": 616, "obligations": 154, "breaks": 3}
    assert expected.sums == {
        "payments": 5669427420676350361969, "obligations": 1361584687708204314727, "breaks": 34174290104797367442,
    }  # fmt: skip


def test_the_input_is_made_on_the_way() -> None:
    expected = Outcomes()
    assert len(list(islice(generated(10**12, expected), 5_000))) == 5_000
    # An obligation has 13 events and 4 payments, so this is what 5,000 events and those that may come before them make.
    assert expected.counts["payments"] < (5_000 + 2 * WINDOW) / 3


def test_another_seed_makes_another_input() -> None:
    assert list(generated(500, Outcomes(), seed=8)) != list(generated(500, Outcomes()))
    assert list(generated(500, Outcomes(), seed=8)) == list(generated(500, Outcomes(), seed=8))


def test_an_input_is_chosen_by_the_keys_that_it_leaves() -> None:
    expected = Outcomes()
    for _ in generated(events_that_leave(2_000), expected):
        pass
    assert expected.counts["payments"] + expected.counts["obligations"] == pytest.approx(2_000, rel=0.01)
    assert events_that_leave(1_000_000) == 2_605_200


def test_what_the_comparison_expects_is_what_the_rules_say() -> None:
    expected = Outcomes()
    records_of_input = list(generated(6_000, expected))
    assert len(records_of_input) == pytest.approx(6_000, rel=0.02)
    assert expected.counts["payments"] == 4 * expected.counts["obligations"]
    assert expected.counts["breaks"] > 5
    driver = Driver(now=CLOCK)
    by_name = {topic.name: topic for topic in topics.INPUTS}
    for name, key, value in records_of_input:
        driver.world.broker.publish(by_name[name], key, value)
    driver.run()
    found = Outcomes()
    for topic in OUTPUTS:
        for output_key, output in driver.world.broker.last(topic).items():
            read(found, topic, output_key, output)
    assert found.differences(expected) == []


@pytest.mark.parametrize("kind", ["payments", "obligations", "breaks"])
def test_the_comparison_notices_a_wrong_amount_and_a_missing_key(kind: str) -> None:
    def outcomes(*lines: str) -> Outcomes:
        found = Outcomes()
        for line in lines:
            found.add(kind, line)
        return found

    right = outcomes("a|1", "b|2")
    assert outcomes("b|2", "a|1").differences(right) == []
    assert outcomes("a|1", "b|3").differences(right) == [
        f"{kind}: 2 keys, expected 2, but others or with other amounts"
    ]
    assert outcomes("a|1").differences(right) == [f"{kind}: 1 keys, expected 2"]
    assert right.differences(Outcomes()) == [f"{kind}: 2 keys, expected 0"]


def encoded(topic: Topic, record: dict[str, object]) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, records.schemas()[topic.name], record)
    return b"\xc3\x01" + bytes(8) + body.getvalue()


PAYMENT: dict[str, object] = {
    "payment_id": "p1", "version": 3, "rests_on": 7_000, "currency": "USD", "initiated_minor": 100,
    "settled_gross_minor": 90, "settled_fee_minor": 1, "settled_net_minor": 89, "returned_minor": 5,
    "posted_minor": 80, "paid_minor": 85, "pending_minor": 0, "status": "exception",
}  # fmt: skip

OBLIGATION: dict[str, object] = {
    "obligation_id": "o1", "version": 3, "rests_on": 8_000, "currency": "USD", "charged_minor": 100,
    "balance_minor": 100, "paid_minor": 85, "pending_minor": 0, "posted_minor": 80, "overpaid_minor": 0,
    "status": "partially_paid",
    "installments": [
        {"installment_id": "i1", "due_date": 1, "amount_minor": 100, "allocated_minor": 85, "allocations": []}
    ],
}  # fmt: skip


def test_records_of_peers_are_read() -> None:
    found, expected = Outcomes(), Outcomes()
    payment, obligation = topics.PAYMENT_RECONCILIATIONS, topics.OBLIGATION_RECONCILIATIONS
    records.read(found, payment, b"p1", encoded(payment, PAYMENT))
    records.read(found, obligation, b"o1", encoded(obligation, OBLIGATION))
    expected.add_payment("p1", 100, 90, 5, 80)
    expected.add_obligation("o1", 100, 85, {"i1": 85})
    assert found == expected
    assert records.rests_on(payment, encoded(payment, PAYMENT)) == ("p1", 7_000)
    assert records.rests_on(obligation, encoded(obligation, OBLIGATION)) == ("o1", 8_000)


def test_peers_are_chosen_by_name_and_in_order() -> None:
    assert [peer.name for peer in chosen(",".join(PEERS))] == list(PEERS)
    assert all(name == peer.name for name, peer in PEERS.items())
    assert rentmatch().name not in PEERS


@pytest.mark.parametrize(
    "option",
    [
        "--peers=kafka-streams,kafka-streams", "--peers=flink", "--peers=", "--peers=kafka-streams,",
        "--sizes=1000,x", "--sizes=0", "--rates=-5", "--measure=all", "--against=tests", "--code=nowhere",
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.arguments(["versus", option])
    assert f"{option.partition('=')[0]}: " in capsys.readouterr().err


def test_an_event_counts_until_the_first_output_that_includes_it() -> None:
    def rests_on(topic: Topic, value: bytes) -> tuple[str, Micros]:
        key, _, instant = value.decode().partition("@")
        return key, int(instant)

    payments = topics.PAYMENT_RECONCILIATIONS
    waiting = {("payment", "p"): deque([100, 200, 300]), ("obligation", "p"): deque([100])}
    received = [
        ReceivedOutput(payments, at=150, written_at=140, value=b"p@90"),  # includes none of them
        ReceivedOutput(payments, at=450, written_at=420, value=b"p@250"),  # two at once
        ReceivedOutput(payments, at=460, written_at=440, value=b"p@250"),  # the same again
        ReceivedOutput(payments, at=470, written_at=465, value=b"other@300"),
    ]
    found = latencies(received, waiting, rests_on)
    assert found == {"payment": [Latency(350, 320), Latency(250, 220)], "obligation": []}
    assert waiting == {("payment", "p"): deque([300]), ("obligation", "p"): deque([100])}


def test_percentiles_are_of_all_values() -> None:
    values = [number * 1_000 for number in range(1_000, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 0.999, 1.0)] == [1, 501, 991, 1_000, 1_000]
    assert percentile([5_000], 0.999) == 5


def other(title: str) -> Peer:
    def process(*_: object) -> object:
        raise AssertionError("nothing is started")

    return Peer(name=title, title=title, exactly_once=False, process=process, read=records.read)  # type: ignore[arg-type]


def test_a_round_is_compared_with_each_peer_and_with_the_targets() -> None:
    programs = [rentmatch(), KAFKA_STREAMS, other("Other")]
    measures = [
        Measure("CPU", "s", ratio_max=1.0), Measure("memory", "MiB", value_max=1_024), Measure("records read", ""),
    ]  # fmt: skip
    rounds = []
    for cpu_s in (60.0, 40.0, 44.0):
        result = Result("versus", "")
        compared(result, measures, programs, {
            "rentmatch": {"CPU": cpu_s, "memory": 2_000, "records read": 5},
            "Kafka Streams": {"CPU": 50.0, "memory": 500, "records read": 0},
            "Other": {"CPU": 200.0},
        })  # fmt: skip
        rounds.append(result)
    merged = median_of(rounds)
    found = {(figure.name, figure.column): (figure.value, figure.low, figure.high) for figure in merged.figures}
    assert found[("CPU", "rentmatch")] == (44.0, 40.0, 60.0)
    assert found[("CPU", "beside Kafka Streams")] == (0.88, 0.8, 1.2)
    assert found[("CPU", "beside Other")] == (0.22, 0.2, 0.3)
    assert ("memory", "Other") not in found
    assert ("records read", "beside Kafka Streams") not in found
    targets = {(figure.name, figure.column): figure.is_met for figure in merged.figures if figure.target}
    assert targets == {("CPU", "beside Kafka Streams"): True, ("memory", "rentmatch"): False}
    console = Console(width=160, record=True)
    show(merged, console)
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines()]
    assert [
        "CPU, s", "44 (40 to 60)", "50", "200", "0.88 (0.8 to 1.20)", "0.22 (0.2 to 0.3)", "<= 1.0 times met",
    ] in lines  # fmt: skip
    assert ["memory, MiB", "2,000", "500", "", "4", "", "<= 1,024 MiB missed"] in lines


def test_targets_stand_where_the_issue_sets_them() -> None:
    def targets(events: int, payments: int) -> list[str]:
        given = versus_backlog.Input(None, events, Outcomes())  # type: ignore[arg-type]
        given.expected.counts["payments"] = payments
        return [one.name for one in versus_backlog.measures(given) if one.ratio_max or one.value_max]

    assert targets(200_000, 70_000) == ["CPU a million events"]
    assert targets(2_605_200, 1_000_000) == ["CPU a million events", "recovery from nothing"]
    assert targets(5_000_000, 1_900_000) == [
        "CPU a million events", "peak memory, one process", "recovery from nothing",
    ]  # fmt: skip
    assert [one.name for one in versus_latency.measures(2_000) if one.ratio_max] == [
        "payment events: p99", "ledger events: p99",
    ]  # fmt: skip
    assert [one.name for one in versus_latency.measures(200) if one.ratio_max] == []


def test_a_result_says_which_code_it_is_of(tmp_path: Path) -> None:
    assert described(ROOT).startswith("plain Python, commit ")
    assert described(tmp_path).startswith(f"plain Python of {tmp_path.name}, measured by commit ")


@pytest.mark.kafka
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_all_is_measured_and_both_are_right(kafka: str, tmp_path: Path) -> None:
    """Of sizes that prove nothing about speed."""
    file = tmp_path / "results.json"
    command_line.main([
        "versus", "backlog", "--sizes=3000", "--recover-keys=1000", "--rates=200", "--seconds=3", "--events=3000",
        f"--against={ROOT}", f"--broker={kafka}", f"--json={file}",
    ])  # fmt: skip
    written = json.loads(file.read_text(encoding="utf-8"))["results"]
    against, *compared_ = [result for result in written if result["figures"][0]["column"]]
    assert against["benchmark"] == "backlog against"
    size, keys, rate = (
        {(figure["name"], figure["column"]): figure["value"] for figure in result["figures"]} for result in compared_
    )
    names = {name for name, _ in size}
    assert names == {one.name for one in versus_backlog.measures(versus_backlog.Input(None, 1, Outcomes()))}  # type: ignore[arg-type]
    assert size[("records written, an event", "Kafka Streams")] > 1 > size[("records written, an event", "rentmatch")]
    assert size[("CPU a million events", "beside Kafka Streams")] > 0
    for program in ("rentmatch", "Kafka Streams"):
        assert size[("records read in it", program)] >= 5 * 3_000 // 13
        assert size[("records read at it", program)] == 0
        assert keys[("records read in it", program)] >= 1_000
        assert ("events a second, two processes", program) not in keys
        assert 0 < rate[("payment events: p50", program)] <= rate[("payment events: p99", program)]
