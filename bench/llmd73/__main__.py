"""Hold the simulator against llm-d's "73 % capacity" benchmark: `python -m bench.llmd73`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path

from bench.llmd73.fit import Fitted, fitted
from bench.llmd73.policies import POLICIES
from bench.llmd73.published import PRECISE
from bench.llmd73.stages import Ran, run
from bench.llmd73.verdict import summary, table, throughput

SEEDS = 3
PROCESSES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, run the four policies, print a table (stderr) and one JSON line (stdout)."""
    options = parse(arguments)
    begun = time.monotonic()
    with ProcessPoolExecutor(PROCESSES) as pool:
        fit = fitted(partial(precise, pool, options.seeds))
        runs = measure(pool, fit, options.seeds)
    say(table(runs))
    found = summary(fit, runs)
    print(json.dumps({**found, "seconds": round(time.monotonic() - begun, 1)}, allow_nan=False), flush=True)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.llmd73", description=__doc__)
    parser.add_argument("--data", type=Path, help="taken as every claim takes it; the report's figures are in the code")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default {SEEDS}")
    return parser.parse_args(arguments)


def precise(pool: Executor, seeds: int, slowdown: float, frontend_s: float) -> list[Ran]:
    """The precise policy's runs under those constants."""
    ran = list(pool.map(partial(run, PRECISE, slowdown, frontend_s), range(seeds)))
    say(f"precise at slowdown {slowdown:.3f}, frontend {1e3 * frontend_s:.0f} ms: {throughput(ran):.0f} tokens/s")
    return ran


def measure(pool: Executor, fit: Fitted, seeds: int) -> dict[str, list[Ran]]:
    """Every policy on every seed."""
    found: dict[str, list[Ran]] = {}
    for policy in POLICIES:
        found[policy] = list(pool.map(partial(run, policy, fit.slowdown, fit.frontend_s), range(seeds)))
        say(f"{policy}: {throughput(found[policy]):.0f} tokens/s")
    return found


def say(line: str) -> None:
    """Progress and tables go to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
