"""Compare the shipped routing policies on real traces: `python -m bench.policies --data DIR`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.policies.capacity import BEST, capacities
from bench.policies.contest import Outcomes, contest
from bench.policies.plan import FLEET, LOAD, arrivals_of, deadlines, fleet_of
from bench.policies.report import table
from bench.policies.verdict import Figures, figures, is_best
from bench.policies.workload import CHAT, LONG, SEEDS, Trace, drawn_again
from policies.native.library import ensure_built
from policies.policy import ROUTES

DATA = Path(__file__).parents[3] / "shared" / "data"
PROCESSES = 2

Verdict = Callable[[Trace, Outcomes], bool]


def main() -> int:
    """Print a table a trace (stderr) and one JSON line (stdout)."""
    return judged("policies", (CHAT, LONG), [policy.name() for policy in ROUTES if policy.origin == "weir"], is_best)


def judged(name: str, traces: Sequence[Trace], policies: Sequence[str], met: Verdict) -> int:
    """Every policy on every trace; `met` says of one trace's outcomes whether the best policy is where it should be."""
    options = parse(policies)
    begun = time.monotonic()
    try:
        for trace in traces:
            trace.paths(options.data)
    except FileNotFoundError as error:
        say(f"{error}")
        return 2
    say("compiling the kernels, unless they are")
    ensure_built()
    found: Figures = {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        results = {trace: measure(pool, trace, options, found) for trace in traces}
    for trace, outcomes in results.items():
        found.update(figures(trace.name, outcomes))
        found[f"{trace.name}_met"] = met(trace, outcomes)
    summary = {
        "name": name,
        "figures": found,
        "target": {f"{trace.name}_met": True for trace in traces},
        "met": all(bool(found[f"{trace.name}_met"]) for trace in traces),
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(summary, allow_nan=False), flush=True)
    return 0


def parse(policies: Sequence[str]) -> argparse.Namespace:
    """The command line; `policies` are compared unless it names some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    parser.add_argument("--fleet", type=Path, default=FLEET, help="fleet file (default examples/demo-fleet.yaml)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default {SEEDS}")
    parser.add_argument("--only", default="", metavar="A,B", help=f"policies beside {BEST}")
    parser.add_argument("--quick", action="store_true", help="2 seeds: to see that it works, not to quote")
    options = parser.parse_args()
    if unknown := set(filter(None, options.only.split(","))) - set(ROUTES.names()):
        parser.error(f"no such policy: {', '.join(sorted(unknown))}; there are {', '.join(ROUTES.names())}")
    named = list(filter(None, options.only.split(",")))
    options.policies = list(dict.fromkeys([BEST, *(named or policies)]))
    return options


def measure(pool: ProcessPoolExecutor, trace: Trace, options: argparse.Namespace, found: Figures) -> Outcomes:
    """One trace: its capacity, every policy on every seed, its table."""
    fleet, replicas = fleet_of(options.fleet)
    say(f"{trace.name}: finding the fleet's capacity")
    arrivals = arrivals_of(trace.name, options.data)
    most = capacities([a for _, a in drawn_again(arrivals, SEEDS)] if trace.closed else arrivals, replicas)
    found.update({f"{trace.name}_capacity_rps_{model}": round(rate, 3) for model, rate in most.items()})
    rates = {model: LOAD * rate for model, rate in most.items()}
    seeds = 2 if options.quick else options.seeds
    outcomes = contest(
        pool, options.data, options.fleet, trace.name, options.policies, seeds, rates,
        lambda done, of: say(f"{trace.name}: {done} of {of} replays") if done % 16 == 0 or done == of else None,
    )  # fmt: skip
    say(table(trace.name, most, deadlines(fleet, trace), trace.why, outcomes))
    return outcomes


def say(line: str) -> None:
    """Progress and tables go to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
