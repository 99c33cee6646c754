"""Hold the simulator against AIBrix's campaigns: `python -m bench.aibrix --data DIR`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from bench.aibrix.calibrate import Fitted, fitted
from bench.aibrix.client import offered
from bench.aibrix.fleet import Pods
from bench.aibrix.rows import Campaign, Row, campaigns
from bench.aibrix.setups import Setup, order, setup, version
from bench.aibrix.verdict import APART, WITHIN, Compared, figures, ranked, table

DATA = Path(__file__).parents[3] / "shared" / "data"
CALIBRATED_ON = "naive"  # the plain Kubernetes Service, in every campaign
SEEDS = 11  # of hash rings, connections and draws; a measured run is one draw, so the median stands beside it
PROCESSES = 2

Answered = dict[float, dict[tuple[int, int], float]]
"""TTFT in seconds by rate and request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One run of one set-up: plain data, so that another process can do it."""

    setup: Setup
    fit: Fitted
    steps: Sequence[tuple[float, Sequence[Row]]]  # what is offered, in the order of the campaign
    warm: Sequence[Row]
    seed: int


def perform(task: Task) -> Answered:
    """Play the warm-up and all steps."""
    pods = Pods(task.setup, task.fit.perf(task.setup.whole_prompts), task.seed)
    pods.warm_up(task.warm)
    return {rate: {key: sent.ttft_s for key, sent in pods.step(rows).items()} for rate, rows in task.steps}


def measure(pool: Executor, release: str, campaign: Campaign, seeds: int) -> dict[str, Any]:
    """One campaign: its fit, every set-up on every seed, the verdict's figures."""
    if CALIBRATED_ON not in campaign:
        raise ValueError(f"release {release} has no set-up {CALIBRATED_ON!r} to fit the constants on")
    fit = fitted(campaign[CALIBRATED_ON], version(release) < (0, 3))
    say(f"{release}: {fit.gpu}, slowdown {fit.slowdown:.3f}, frontend {1e3 * fit.frontend_s:.0f} ms")
    each = [compared(pool, release, campaign, name, fit, seeds) for name in campaign]
    say(f"\n{release}\n{table(each)}")
    for pair in ranked(each):
        if not pair.right:
            say(f"wrong at {pair.rate:g}: measured {pair.slower} slower than {pair.faster}")
    constants = {"gpu": fit.gpu, "slowdown": round(fit.slowdown, 3), "frontend_s": round(fit.frontend_s, 4)}
    return constants | figures(each)


def compared(
    pool: Executor, release: str, campaign: Campaign, name: str, fit: Fitted, seeds: int
) -> Compared:  # fmt: skip
    """One set-up: beside the measured means the median seed's, over the requests that were answered."""
    steps, arranged = campaign[name], setup(name, release, fit.profile)
    sent = {rate: offered(campaign, rate) for rate in steps}
    tasks = [
        Task(
            setup=arranged,
            fit=fit,
            steps=[(rate, sent[rate]) for rate in order(name, arranged.router, steps)],
            warm=sent[max(sent)],
            seed=seed,
        )
        for seed in range(seeds)
    ]
    answered = list(pool.map(perform, tasks))
    say(f"{release} {name}: {seeds} seeds done")
    return Compared(
        name=name,
        measured={rate: fmean(row.ttft_s for row in rows) for rate, rows in steps.items()},
        simulated={rate: median(mean(run[rate], rows) for run in answered) for rate, rows in steps.items()},
        requests={rate: len(rows) for rate, rows in steps.items()},
    )


def mean(answered: dict[tuple[int, int], float], rows: Sequence[Row]) -> float:
    """Mean TTFT of the requests that were measured."""
    return fmean(answered[row.key] for row in rows if row.key in answered)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when measured, 2 when there is nothing to measure."""
    options = parse(arguments)
    begun = time.monotonic()
    try:
        found = campaigns(options.data)
        with ProcessPoolExecutor(PROCESSES) as pool:
            measured = {release: measure(pool, release, found[release], options.seeds) for release in sorted(found)}
    except (FileNotFoundError, ValueError) as error:
        say(f"{error}")
        return 2
    print(json.dumps({**summary(measured), "seconds": round(time.monotonic() - begun, 1)}, allow_nan=False), flush=True)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.aibrix", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of measurements (default ../shared/data)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default {SEEDS}")
    return parser.parse_args(arguments)


def summary(measured: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The claim's figures: of all campaigns, then of each."""
    wrong = sum(each["pairs_wrong"] for each in measured.values())
    error = max(each["error_below_knee"] for each in measured.values())
    found: dict[str, Any] = {"pairs_wrong": wrong, "error_below_knee": error, "ranked_apart_by": APART}
    for release, each in measured.items():
        found |= {f"{release}_{name}": value for name, value in each.items()}
    target = {"pairs_wrong": {"most": 0}, "error_below_knee": {"most": WITHIN}}
    return {"name": "aibrix", "figures": found, "target": target, "met": wrong == 0 and error <= WITHIN}


def say(line: str) -> None:
    """Progress and tables go to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
