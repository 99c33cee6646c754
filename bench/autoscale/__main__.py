"""Measure scaling policies over a recorded week: `python -m bench.autoscale [--data DIR] [--seeds N] [--days N]`.

Weir's rule runs as it is. The one setting of every other is sought on all the days, with a seed of its own, until it
is as late as Weir's: they are given the week beforehand. Then all serve the days on seeds that no fit has seen.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.autoscale.contest import ALLOWED, CONTESTANTS, ORACLE, OURS, Contestant, fitted, ours, served
from bench.autoscale.fitting import Fit
from bench.autoscale.report import TARGETS, Found, figures, holds, told
from bench.autoscale.week import DATA, Days, recorded_days
from cli.stack import say_if_compiling
from policies.native.library import ensure_built

DAYS, SEEDS, PROCESSES = 7, 8, 2


def main() -> int:
    """Progress on stderr, one JSON line on stdout."""
    options, begun = parse(), time.monotonic()
    try:
        days = Days(first=0, count=min(options.days, recorded_days(options.data)))
    except (FileNotFoundError, ValueError) as error:
        say(f"{error}")
        return 2
    say_if_compiling()
    ensure_built()
    with ProcessPoolExecutor(options.processes) as pool:
        fits = fits_of(pool, options.data, days)
        found = contests(pool, options.data, days, options.seeds, fits)
    results = figures(fits, found, days)
    print(json.dumps({
        "name": "autoscale", "figures": results, "target": TARGETS, "met": holds(results),
        "seconds": round(time.monotonic() - begun, 1),
    }), flush=True)  # fmt: skip
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.autoscale", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="draws of the period (default 8)")
    parser.add_argument("--days", type=int, default=DAYS, help="days served (default 7)")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="at once (default 2, 3 GB each)")
    return parser.parse_args()


def fits_of(pool: ProcessPoolExecutor, data: Path, days: Days) -> dict[str, Fit]:
    """The setting of everybody, those first that take longest."""
    oracle = pool.submit(fitted, _named(ORACLE), data, days, ALLOWED)
    fits = {OURS: pool.submit(ours, data, days).result()}
    say(f"{OURS}: {told(fits[OURS].outcome)}")
    aim = fits[OURS].outcome.late
    rivals = [each for each in CONTESTANTS if each.name not in (OURS, ORACLE)]
    waiting = {ORACLE: oracle} | {each.name: pool.submit(fitted, each, data, days, aim) for each in rivals}
    for name, job in waiting.items():
        fits[name] = job.result()
        unable = "" if fits[name].keeps else "; it does not keep the deadlines at any"
        say(f"{name}: {fits[name].setting:.3g} fitted: {told(fits[name].outcome)}{unable}")
    return fits


def contests(pool: ProcessPoolExecutor, data: Path, days: Days, seeds: int, fits: dict[str, Fit]) -> Found:
    """Everybody on every seed."""
    settings = {name: each.setting for name, each in fits.items()}
    jobs = [pool.submit(served, data, days, seed, settings) for seed in range(seeds)]
    found = []
    for seed, job in enumerate(jobs):
        found.append(job.result())
        for name, outcome in found[-1].items():
            say(f"seed {seed}: {name}: {told(outcome)}")
    return found


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def _named(name: str) -> Contestant:
    return next(each for each in CONTESTANTS if each.name == name)


if __name__ == "__main__":
    sys.exit(main())
