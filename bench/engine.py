"""The engine model beside measured vLLM runs, request by request: `python -m bench.engine --data DIR`.

Step times are those of the model sheets, fitted to operator profiles; nothing is fitted to these runs but one constant,
host seconds a sequence and step, which is shipped. How well it carries over is shown by leaving each run out.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import mean

from sims.calibrate.serving_run import BadRun, ServingRun, perf, replay, runs

DATA = Path(__file__).parents[2] / "shared" / "data"
FOLDER = "perf_llmservingsim/e2e"
MOST = 0.05
"""Relative error of a mean that is allowed."""

HOST_S = 10e-6
"""Host work a sequence and step under asynchronous scheduling: between what the two open runs ask for, 0 and 19 us."""

MOST_HOST_S = 200e-6

Errors = tuple[float, float]
"""Relative errors of the mean TTFT and the mean TPOT."""


def main() -> int:
    """Progress on stderr, one JSON line on stdout; 2 when there is nothing to replay."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data (default ../shared/data)")
    begun = time.monotonic()
    try:
        measured = runs(parser.parse_args().data / FOLDER)
    except (BadRun, OSError) as error:
        say(f"{error}")
        return 2
    figures: dict[str, float | int] = {}
    for run in measured:
        figures |= shown(run, errors(run, HOST_S))
    target = {name: {"most": MOST} for name in figures if name.endswith("_error")}
    met = all(abs(figures[name]) <= MOST for name in target)
    figures |= left_out(measured)
    summary = {"name": "engine", "figures": figures, "target": target, "met": met}
    print(json.dumps(summary | {"seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return 0


def errors(run: ServingRun, host_s: float) -> Errors:
    """How far the replayed means are off, as signed fractions of the measured ones."""
    times = replay(run, perf(run, host_s))
    ttft = mean(found for found, _ in times) / mean(one.ttft_s for one in run.served) - 1.0
    tpot = mean(found for _, found in times) / mean(one.tpot_s for one in run.served) - 1.0
    return ttft, tpot


def shown(run: ServingRun, found: Errors) -> dict[str, float | int]:
    """The run's figures, and a line of them on stderr."""
    say(f"{run.name}: {len(run.served)} requests, mean TTFT off by {found[0]:+.1%}, mean TPOT by {found[1]:+.1%}")
    name = run.name.lower().replace("/", "_")
    return {f"{name}_ttft_error": round(abs(found[0]), 4), f"{name}_tpot_error": round(abs(found[1]), 4)}


def left_out(measured: list[ServingRun]) -> dict[str, float | int]:
    """The worst error of a run under the host constant that the others ask for; nothing where there is one run."""
    if len(measured) < 2:
        return {}
    say("leaving each run out")
    asked = {run.name: host_seconds(run) for run in measured}
    worst = 0.0
    for run in measured:
        others = mean(host_s for name, host_s in asked.items() if name != run.name)
        found = errors(run, others)
        say(f"{run.name}: with {1e6 * others:.0f} us off by {found[0]:+.1%} and {found[1]:+.1%}")
        worst = max(worst, *map(abs, found))
    return {"left_out_worst": round(worst, 4), "runs": len(measured)}


def host_seconds(run: ServingRun) -> float:
    """The host constant at which the run's mean TPOT is right, by bisection; 0 where even that is too slow."""
    low, high = 0.0, MOST_HOST_S
    if errors(run, low)[1] >= 0.0:
        return low
    while high - low > 2e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if errors(run, middle)[1] < 0.0 else (low, middle)
    return (low + high) / 2


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
