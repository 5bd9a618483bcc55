"""Where the time of the pipeline goes: a profile in process, by room and by function."""

import cProfile
import gc
import pstats
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.events import Backlog
from benchmarks.in_process import InProcess, timed
from benchmarks.report import Result

ROOT = Path(__file__).resolve().parents[1]

TOP = 40

Function = tuple[str, int, str]


def room_of(function: Function) -> str:
    """Return the room of a profiled function's file; `streams codec` counts apart, other libraries are `other`."""
    path = function[0]
    try:
        parts = Path(path).relative_to(ROOT).parts
    except ValueError:
        return "other"
    if parts[0] == ".venv":
        return "other"
    if parts[0] == "streams":
        edge = parts[1].startswith(("avro", "codec", "framing", "validation", "resolution"))
        return "streams: codec" if edge else "streams: transport"
    if parts[0] == "benchmarks":
        return "the harness"
    return parts[0].removesuffix(".py")


def seconds_by_room(stats: dict[Function, Any]) -> dict[str, float]:
    """Return the own time of each room; built-in and library functions count for the room that calls them."""
    rooms: dict[str, float] = defaultdict(float)
    for function, (_, _, own_s, _, callers) in stats.items():
        room = room_of(function)
        if room != "other":
            rooms[room] += own_s
            continue
        for caller, (_, _, own_for_caller_s, _) in callers.items():
            rooms[room_of(caller)] += own_for_caller_s
    return dict(sorted(rooms.items(), key=lambda item: -item[1]))


def run_profile(backlog: Backlog) -> Result:
    """Run the pipeline twice: once timing the stages only, once under cProfile."""
    events = len(backlog.records)
    result = Result(
        "profile", f"{events:,} events in process: stages, engine and store are real, Kafka and Faust not there"
    )
    with tempfile.TemporaryDirectory() as folder:
        plain_s, steps = _watched(InProcess.over(backlog, folder))
        result.add("all, without the profiler", plain_s / events * 1e6, "µs/event")
        for name, seconds in sorted(steps.items(), key=lambda item: -item[1]):
            result.add(name, seconds / events * 1e6, "µs/event")
        pipeline = InProcess.over(backlog, folder)
        profiler = cProfile.Profile()
        profiler.enable()
        pipeline.run()
        profiler.disable()
        result.details["commits"] = pipeline.commits
        result.details["written"] = {topic.name: count for topic, count in pipeline.written.items()}
        pipeline.store.close()
    stats: dict[Function, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    rooms = seconds_by_room(stats)
    total = sum(rooms.values())
    for room, seconds in rooms.items():
        result.add(f"share of {room}", seconds / total * 100, "% (profiled)")
    result.details["top"] = [
        {
            "function": f"{Path(function[0]).name}:{function[1]} {function[2]}",
            "room": room_of(function),
            "calls_an_event": round(calls / events, 2),
            "own_us_an_event": round(own_s / events * 1e6, 2),
            "with_callees_us_an_event": round(whole_s / events * 1e6, 2),
        }
        for function, (_, calls, own_s, whole_s, _) in sorted(stats.items(), key=lambda item: -item[1][2])[:TOP]
    ]
    return result


def _watched(pipeline: InProcess) -> tuple[float, dict[str, float]]:
    steps: dict[str, float] = {}
    clock = time.process_time
    for stage in pipeline.stages:
        name = type(stage).__name__
        for verb in ("handle", "flush"):
            setattr(stage, verb, timed(steps, f"{name}.{verb}", getattr(stage, verb), clock))
    store = pipeline.store
    for verb in ("write", "get_many"):
        setattr(store, verb, timed(steps, f"(of it) Store.{verb}", getattr(store, verb), clock))
    gc.collect()
    begin = clock()
    pipeline.run()
    spent = clock() - begin
    store.close()
    return spent, steps
