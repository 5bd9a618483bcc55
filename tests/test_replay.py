"""The replay of a year: its events need no memory of each other, and its table says what was measured."""

import json
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as command_line
from benchmarks.replay.last_records import read
from benchmarks.replay.months import HEADINGS, Reading, ReplayedMonth, add_quarters, cells
from benchmarks.replay.worker import clock_in, write_clock
from benchmarks.replay.year import SCRIPTS, Year
from benchmarks.report import Result
from benchmarks.versus_input import Outcomes
from domain.time import DAY, Micros
from streams import topics
from streams.codec.codec import Codec
from tests.kit.driver import Driver


def records_of(year: Year) -> list[tuple[Micros, str, str, bytes]]:
    """The instant by which each arrives, its topic, key and value."""
    encode = Codec().encode
    return [
        (at, topic.name, key, encode(fact, topic.name))
        for at, events in year.hours(year.starts_at(0), year.closes_at)
        for topic, key, fact in events
    ]


def test_a_year_is_made_twice_alike_and_otherwise_from_another_seed() -> None:
    made = records_of(Year(60, 3, scripts=20))
    assert made == records_of(Year(60, 3, scripts=20))
    assert made != records_of(Year(60, 3, scripts=20, seed=8))


def test_months_follow_each_other_with_keys_of_their_own() -> None:
    year = Year(60, 3, scripts=20)
    made = records_of(year)
    arrivals = [at for at, *_ in made]
    assert arrivals == sorted(arrivals)
    first_seen: dict[str, Micros] = {}
    for at, topic, key, _ in made:
        if topic == "ledger-events":
            first_seen.setdefault(key, at)  # an obligation's charge comes before its postings
    assert len(first_seen) == 60
    for number, key in enumerate(sorted(first_seen)):
        month = number // 20
        assert year.starts_at(month) < first_seen[key] <= year.starts_at(month + 1)


def test_an_hour_does_not_depend_on_the_hours_before_it() -> None:
    year = Year(60, 3, scripts=20)
    middle = year.starts_at(1) + 3 * DAY
    whole = {at: list(events) for at, events in year.hours(year.starts_at(0), year.closes_at)}
    later = {at: list(events) for at, events in Year(60, 3, scripts=20).hours(middle, year.closes_at)}
    assert later == {at: events for at, events in whole.items() if at > middle}
    assert later


def test_making_events_takes_no_memory_for_those_made_before() -> None:
    year, made = Year(12_000, 2), 0
    tracemalloc.start()
    try:
        for _, events in year.hours(year.starts_at(0), year.starts_at(0) + 4 * DAY):
            made += sum(1 for _ in events)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made > 2_000
    assert peak < 250_000 < made * 120  # Python keeps up to 2,000 freed tuples of a size for the next ones


def test_what_the_year_expects_is_what_the_rules_say() -> None:
    year = Year(SCRIPTS, 1)
    driver = Driver(now=year.starts_at(0))
    kinds: Counter[str] = Counter()
    for at, events in year.hours(year.starts_at(0), year.closes_at):
        for topic, key, fact in events:
            driver.world.broker.publish(topic, key.encode(), driver.world.codec.encode(fact, topic.name))
            kinds[type(fact).__name__] += 1
        if at % DAY == 0:  # so that deadlines fire while their payments are under way
            driver.advance(at)
    driver.advance(year.closes_at)
    found = Outcomes()
    for topic in (
        topics.PAYMENT_RECONCILIATIONS,
        topics.OBLIGATION_RECONCILIATIONS,
        topics.MISMATCH_ALERTS,
        topics.LATE_PAYMENT_ALERTS,
    ):
        for key, value in driver.world.broker.last(topic).items():
            assert value is not None
            read(found, topic, key, value)
    expected = year.expected()
    assert found.differences(expected) == []
    assert expected.counts["obligations"] == SCRIPTS
    assert min(expected.counts[kind] for kind in ("payments", "breaks", "late")) > 20
    assert set(kinds) == {
        "ObligationCharged", "PaymentInitiated", "ProcessorSettled", "PaymentPosted", "PostingReversed",
    }  # fmt: skip
    assert len(driver.emitted(topics.LATE_PAYMENT_ALERTS)) > 3 * expected.counts["late"]  # and many were cured


def test_a_year_needs_an_obligation_a_month() -> None:
    with pytest.raises(ValueError, match="give one a month"):
        Year(3, 12)


def test_a_worker_reads_the_clock_that_was_set_last(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    write_clock(file, 1_767_225_600_000_000)
    clock = clock_in(file)
    assert clock() == 1_767_225_600_000_000
    write_clock(file, 1_767_225_600_000_001)
    assert clock() == 1_767_225_600_000_001


MIB = 2**20

MONTH = ReplayedMonth(
    number=1,
    events=500_000,
    seconds=50.0,
    waited_s=20.0,
    cpu_s=40.0,
    resident_bytes=600 * MIB,
    peak_bytes=700 * MIB,
    store_bytes=300 * MIB,
    states=650_000,
    commits=25,
    outputs=550_000,
)


def test_a_month_is_the_difference_of_two_readings() -> None:
    before = Reading(10.0, 1_000, 5.0, 1, 2, 3, 4, 5)
    after = Reading(60.0, 501_000, 45.0, 600 * MIB, 300 * MIB, 650_003, 29, 550_005)
    assert ReplayedMonth.between(1, before, after, peak_bytes=700 * MIB, waited_s=20.0) == MONTH


def test_a_row_has_what_the_headings_say() -> None:
    row = dict(zip(HEADINGS, cells(MONTH), strict=True))
    assert row == {
        "month": "1", "events": "500,000", "CPU s/M": "80.0", "ev/s": "10,000", "waited": "40%", "RSS": "600",
        "peak": "700", "store": "300", "states": "1.30", "outputs": "1.10", "a commit": "26,000",
    }  # fmt: skip


@pytest.mark.parametrize(("cpu_s", "peak_mib", "flat"), [(44.0, 760, [True, True]), (48.0, 790, [False, False])])
def test_the_last_quarter_is_judged_beside_the_first(cpu_s: float, peak_mib: int, flat: list[bool]) -> None:
    first = [replace(MONTH, number=number) for number in range(1, 10)]
    last = [replace(MONTH, number=number, cpu_s=cpu_s, peak_bytes=700 * MIB) for number in range(10, 13)]
    last[1] = replace(last[1], peak_bytes=peak_mib * MIB)
    result = Result("replay", "")
    add_quarters(result, [*first, *last])
    assert result.value("CPU a million events, months 1 to 3") == pytest.approx(80.0)
    assert result.value("CPU a million events, the last 3") == pytest.approx(2 * cpu_s)
    assert result.value("peak memory, the last 3") == peak_mib
    assert result.value("CPU a million events: last beside first") == pytest.approx(cpu_s / 40.0)
    assert [figure.is_met for figure in result.figures if figure.target] == flat


@pytest.mark.kafka
def test_a_small_year_comes_out_right(kafka: str, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    command_line.main(["replay", "--obligations=120", "--months=2", f"--broker={kafka}", f"--json={file}"])
    (written,) = json.loads(file.read_text(encoding="utf-8"))["results"]
    figures = {figure["name"]: figure["value"] for figure in written["figures"]}
    keys = written["details"]["keys"]
    assert keys["obligation-reconciliations"] == 120
    assert keys["payments-changelog"] >= keys["payment-reconciliations"] > 400
    assert sum(month["events"] for month in written["details"]["months"]) > 1_400
    assert figures["recovery: records read"] > keys["payments-changelog"] + 120
    assert figures["states written, months 1 to 1"] > 0.3  # at least a state a key; how many more, commits decide
