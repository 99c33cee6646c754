"""Count what is lost, twice or another's while processes are killed, paused and cut off: `python -m bench.chaos`."""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from bench.chaos.heard import Fate
from bench.chaos.recovery import bounds, table
from bench.chaos.trial import Plan, Report, trial
from policies.native.library import ensure_built
from router import compiled

TARGETS = {"lost": 0, "duplicated": 0, "cross_wired": 0, "in_flight_at_end": 0}


def main() -> int:
    """Print progress (stderr) and one JSON line (stdout)."""
    begun = time.monotonic()
    plan, verbose = parse()
    ensure_built()  # what has to be compiled first is late
    if why := compiled.ensure():
        say(f"the routers run interpreted: {why}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(trial(plan, say))
    found = figures(report)
    if verbose:
        say(report.complaints)
    summary = {
        "name": "chaos",
        "figures": found,
        "target": {name: {"most": most} for name, most in TARGETS.items()},
        "met": bool(report.struck) and all(found[name] <= most for name, most in TARGETS.items()),
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(summary), flush=True)
    return 0


def parse() -> tuple[Plan, bool]:
    """The command line."""
    default = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of faults")
    parser.add_argument("--clients", type=int, default=default.clients)
    parser.add_argument("--replicas", type=int, default=default.replicas)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--roles", nargs="*", default=(), help="of the replicas in turn, such as prefill decode")
    parser.add_argument("--kinds", nargs="*", default=(), help="of faults, such as 'pool killed'; all when left out")
    parser.add_argument("--verbose", action="store_true", help="show what the services said")
    options = vars(parser.parse_args())
    verbose = bool(options.pop("verbose"))
    return Plan(**{**options, "kinds": tuple(options["kinds"]), "roles": tuple(options["roles"])}), verbose


def figures(report: Report) -> dict[str, Any]:
    """The counts, and a row for each kind of fault."""
    answers = report.answers
    fates = {fate: sum(answer.fate is fate for answer in answers) for fate in Fate}
    return {
        "requests": len(answers),
        "whole": fates[Fate.WHOLE],
        "lost": fates[Fate.LOST],
        "duplicated": fates[Fate.DUPLICATED],
        "cross_wired": fates[Fate.CROSSED],
        "faults": sum(report.faults.values()),
        "asked_again_router_ended": sum(answer.again for answer in answers),
        "cut_by_router_killed": sum(answer.cut for answer in answers),
        "streams_continued": report.continued,
        "prompts_handed_over": report.handed_over,
        "in_flight_at_end": report.left,
        "caches_known_again_s": -1.0 if report.known_s is None else round(report.known_s, 2),
        "slowest_s": round(max((answer.ended_at - answer.sent_at for answer in answers), default=0.0), 2),
        "by_kind": table(report.struck, answers, bounds(report.calm)),
    }


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
