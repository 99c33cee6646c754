"""Measure Envoy with Weir beside Envoy alone and with other processors: `python -m bench.envoy`."""

import argparse
import json
import random
import signal
import sys
import time
from dataclasses import dataclass

from bench.envoy.contestants import AIO, ALONE, DUPLEX, IDEAL, IDEAL_HEADERS, NOOP, TWO, WEIR, contestants
from bench.gateway.__main__ import pin_harness
from bench.gateway.client import Cell
from bench.gateway.figures import Bound, Measured, middle
from bench.gateway.measure import Results, install, measure, say
from bench.gateway.places import make_folders
from bench.gateway.plan import Plan
from bench.gateway.report import cells, header, other_cores

CONNECTIONS = (16, 64)
TARGETS = {
    "rps_per_core_over_envoy_c64": Bound(least=0.5),
    "rps_per_core_over_grpc_aio_c64": Bound(least=3.5),
    "errors": Bound(most=0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chats(Plan):
    """Chats at 16 and 64 connections."""

    def cells(self) -> tuple[Cell, ...]:
        """The cells of one round."""
        return tuple(Cell(stream=False, connections=c, seconds=self.seconds, warm_s=0.3) for c in CONNECTIONS)


def main() -> None:
    """Measure, and print the table (stderr) and one JSON line (stdout)."""
    parser = argparse.ArgumentParser(prog="python -m bench.envoy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs each cell (default 5)")
    parser.add_argument("--secs", type=float, default=1.0, help="window of one run in seconds (default 1)")
    options = parser.parse_args()
    make_folders()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    results, begun = Results(), time.monotonic()
    everybody = install(list(contestants()), results)
    pin_harness()
    measure(everybody, Chats(rounds=options.rounds, seconds=options.secs), results, random.Random(7))
    say("\n".join([*header(results), *cells(results.samples)]))
    found = figures(results)
    print(json.dumps({
        "name": "envoy", "figures": found, "target": {name: bound.as_json() for name, bound in TARGETS.items()},
        "met": all(bound.holds(found.get(name)) for name, bound in TARGETS.items()),
        "seconds": round(time.monotonic() - begun, 1),
    }), flush=True)  # fmt: skip


def figures(results: Results) -> dict[str, float | None]:
    """Every figure; None where a contestant is missing."""
    measured, found = Measured(results.samples), dict[str, float | None]()
    for c in CONNECTIONS:
        for other in (ALONE, NOOP, IDEAL, AIO):
            found[f"rps_per_core_over_{other}_c{c}"] = _times(measured, WEIR, other, c)
        for one in (NOOP, IDEAL_HEADERS, IDEAL, DUPLEX):
            found[f"{one}_rps_per_core_over_envoy_c{c}"] = _times(measured, one, ALONE, c)
        for one in (ALONE, NOOP, IDEAL_HEADERS, IDEAL, AIO, WEIR, DUPLEX, TWO):
            cost = measured.median(one, f"chat c={c}", lambda s: s.cpu_us_request)
            found[f"{one}_rps_per_core_c{c}"] = None if not cost else 1e6 / cost
        found[f"{TWO}_rps_c{c}"] = measured.median(TWO, f"chat c={c}", lambda s: s.rps)
        for one in (NOOP, IDEAL, AIO, WEIR, DUPLEX):
            found[f"{one}_added_p50_ms_c{c}"] = _added(measured, one, c, "latency_p50_us")
            found[f"{one}_added_p99_ms_c{c}"] = _added(measured, one, c, "latency_p99_us")
    found["errors"] = float(sum(sample.errors for sample in results.samples if sample.target.startswith(WEIR)))
    found["other_cores"] = other_cores(results.samples)
    return {name: None if value is None else round(value, 3) for name, value in found.items()}


def _times(measured: Measured, one: str, other: str, c: int) -> float | None:
    """How many requests a core-second `one` serves for each of another's: the median over rounds."""
    ours = measured.values(one, f"chat c={c}", lambda s: s.cpu_us_request)
    theirs = measured.values(other, f"chat c={c}", lambda s: s.cpu_us_request)
    return middle([theirs[turn] / ours[turn] for turn in ours.keys() & theirs.keys() if ours[turn]])


def _added(measured: Measured, one: str, c: int, field: str) -> float | None:
    """Milliseconds more than Envoy alone takes in the same round: the median over rounds."""
    ours = measured.values(one, f"chat c={c}", lambda s: getattr(s, field))
    theirs = measured.values(ALONE, f"chat c={c}", lambda s: getattr(s, field))
    return middle([(ours[turn] - theirs[turn]) / 1e3 for turn in ours.keys() & theirs.keys()])


if __name__ == "__main__":
    main()
