"""Measure it: `python -m bench.roles --data DIR`."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench.roles.contest import LOAD, Outcome, contest, named, rate_of
from bench.roles.live import LIVE_S, RATES, REPLICAS, Acted, acted, alternating
from bench.roles.report import figures, met, table, target
from bench.roles.traffic import PHASES, phases, recorded
from cli.processes import Died
from cli.stack import say_if_compiling
from policies.native.library import ensure_built
from router import compiled
from sims.arrivals import Arrivals

DATA = Path(__file__).parents[3] / "shared" / "data"
SEEDS, PROCESSES = 8, 2


def main() -> int:
    """Progress and a table on stderr, one JSON line on stdout."""
    options = parse()
    begun = time.monotonic()
    try:
        traces = recorded(options.data)
    except (FileNotFoundError, ValueError) as error:
        say(f"{error}")
        return 2
    say_if_compiling()
    ensure_built()
    if why := compiled.ensure():
        say(f"the gateway runs interpreted: {why}")
    with ProcessPoolExecutor(PROCESSES) as pool:
        found = dict(zip(traces, pool.map(rate_of, traces.values()), strict=True))
        for kind, (most, best) in found.items():
            say(f"{kind}: {best.told()} serves 90 % within both deadlines up to {most:.1f} requests/s")
        rates = {kind: LOAD * most for kind, (most, _) in found.items()}
        jobs = [pool.submit(played, traces, rates, seed, options.phases) for seed in range(options.seeds)]
        outcomes = [told(seed, job.result()) for seed, job in enumerate(jobs)]
    say(table(outcomes))
    flat: dict[str, Any] = {f"{kind}_rate_rps": round(rate, 2) for kind, rate in rates.items()}
    flat |= {f"{kind}_best": named(best) for kind, (_, best) in found.items()}
    try:
        live = asyncio.run(acted(alternating(traces, RATES, options.live), REPLICAS, say))
    except Died as died:
        say(f"{died}")
        return 1
    flat |= figures(outcomes) | live.figures()
    print(json.dumps(summary(flat, outcomes, live, time.monotonic() - begun)), flush=True)
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.roles", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default {SEEDS}")
    parser.add_argument("--phases", type=int, default=PHASES, help=f"of half an hour; default {PHASES}")
    parser.add_argument(
        "--live", type=float, default=LIVE_S, help=f"seconds of each kind over emulated replicas; default {LIVE_S:g}"
    )
    return parser.parse_args()


def played(traces: Mapping[str, Arrivals], rates: Mapping[str, float], seed: int, count: int) -> Outcome:
    """One seed, in a process of its own."""
    return contest(phases(traces, rates, seed, count))


def told(seed: int, outcome: Outcome) -> Outcome:
    """Say what a seed showed."""
    policy, oracle = outcome.sides["policy"], outcome.sides["oracle"]
    say(f"seed {seed}: {policy.good / oracle.good:.4f} of the oracle's goodput, {policy.switches} switches")
    return outcome


def summary(flat: Mapping[str, Any], outcomes: Sequence[Outcome], live: Acted, seconds: float) -> dict[str, Any]:
    """The one JSON line."""
    return {
        "name": "roles",
        "figures": flat,
        "target": target(),
        "met": met(outcomes) and live.lost == 0 and bool(live.switches),
        "seconds": round(seconds, 1),
    }


def say(line: str) -> None:
    """Progress and tables go to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
