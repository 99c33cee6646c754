"""One side of the comparison, in a process of its own: `python -m bench.kv.side weir|dynamo STREAM`.

It is told what to do by lines on stdin and answers each with a line of JSON. It imports nothing of Weir's unless it is
Weir's side: the other runs in its own virtual environment.
"""

import gc
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Protocol

import numpy as np

from bench.kv.stream import Numbers, Stream, read

BATCH = 64  # events prepared, then applied under the clock
MODULES = {"weir": "bench.kv.weir_side", "dynamo": "bench.kv.dynamo_side"}


class Side(Protocol):
    """An index as Python sees it: `prepare` is not timed, `apply` and `find` are."""

    @property
    def ways(self) -> Sequence[str]:
        """How an event may come."""

    def prepare(self, way: str, event: Numbers) -> Any:
        """An event as it would come."""

    def apply(self, way: str, prepared: Any) -> None:
        """Take it in."""

    def asked(self, numbers: Numbers) -> Any:
        """A prompt's blocks as the look-up takes them."""

    def find(self, asked: Any) -> Any:
        """Who holds how much of it."""

    def answer(self, found: Any) -> dict[int, int]:
        """The same as blocks by replica, those with none left out."""

    def overhead_us(self) -> dict[str, float]:
        """What hashing 32,768 tokens costs."""


def apply_all(side: Side, events: Numbers) -> dict[str, Any]:
    """Every event in order, the ways in turn; events, blocks, seconds and CPU seconds (all threads) of each way."""
    told = {way: [0, 0, 0.0, 0.0] for way in side.ways}
    for turn, start in enumerate(range(0, len(events), BATCH)):
        way, some = side.ways[turn % len(side.ways)], events[start : start + BATCH]
        prepared = [side.prepare(way, event) for event in some]
        begun, ran = perf_counter(), process_time()
        for each in prepared:
            side.apply(way, each)
        told[way][2] += perf_counter() - begun
        told[way][3] += process_time() - ran
        told[way][0] += len(some)
        told[way][1] += int(some[:, 3].sum())
    return {
        way: dict(zip(("events", "blocks", "seconds", "cpu_s"), counts, strict=True)) for way, counts in told.items()
    }


def find_all(side: Side, asked: Sequence[Any]) -> dict[str, float]:
    """Median and 99th percentile in µs of the look-ups, each prompt once; the median of as many that ask nothing."""
    taken, nothing, calls = list[float](), side.asked(np.zeros(0, dtype=np.int64)), list[float]()
    for times, some in ((taken, asked), (calls, [nothing] * len(asked))):
        for each in some:
            begun = perf_counter()
            side.find(each)
            times.append(1e6 * (perf_counter() - begun))
        times.sort()
    half = len(taken) // 2
    return {"p50_us": taken[half], "p99_us": taken[int(0.99 * len(taken))], "call_us": calls[half]}


def resident() -> int:
    """Bytes of memory that this process has."""
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


def commands(side: Side, stream: Stream) -> dict[str, Callable[[], Any]]:
    """What may be asked of a side."""
    asked = [side.asked(stream.prompt(number)) for number in range(stream.prompts)]

    def load() -> Any:
        gc.collect()
        before = resident()
        told = apply_all(side, stream.events)
        gc.collect()
        return {"ways": told, "bytes": resident() - before}

    return {
        "load": load,
        "churn": lambda: {"ways": apply_all(side, stream.churn)},
        "find": lambda: find_all(side, asked),
        "answers": lambda: [sorted(side.answer(side.find(each)).items()) for each in asked],
        "overhead": side.overhead_us,
    }


def main(name: str, path: str) -> None:
    """Answer until stdin ends."""
    stream = read(Path(path))
    side: Side = importlib.import_module(MODULES[name]).side(stream)
    known = commands(side, stream)
    for line in sys.stdin:
        print(json.dumps(known[line.strip()]()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
