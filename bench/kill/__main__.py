"""Kill replicas under streams and count what is lost: `python -m bench.kill`."""

import argparse
import asyncio
import json
import sys
import time

from bench.kill.client import Fate
from bench.kill.trial import Plan, Report, trial
from policies.native.library import ensure_built

TARGETS = {"lost_before_first_byte": 0, "wrong_streams": 0, "in_flight_at_end": 0}


def main() -> int:
    """Print progress (stderr) and one JSON line (stdout)."""
    begun = time.monotonic()
    plan = parse()
    ensure_built()
    report = asyncio.run(trial(plan, say))
    found = figures(report)
    for example in report.tally.examples:
        say(f"for example {example}")
    if report.toll.kills == 0:
        say("nothing was killed: this shows nothing")
    summary = {
        "name": "kill",
        "figures": found,
        "target": {name: {"most": most} for name, most in TARGETS.items()},
        "met": report.toll.kills > 0 and all(found[name] <= most for name, most in TARGETS.items()),
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(summary), flush=True)
    return 0


def parse() -> Plan:
    """The command line."""
    default = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench.kill", description=__doc__)
    parser.add_argument("--requests", type=int, default=default.requests)
    parser.add_argument("--streams", type=int, default=default.streams, help="open at a time")
    parser.add_argument("--processes", type=int, default=default.processes, help="of emulated replicas")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the killing")
    return Plan(**vars(parser.parse_args()))


def figures(report: Report) -> dict[str, float]:
    """The flat figures."""
    fates, toll = report.tally.fates, report.toll
    return {
        "requests": report.tally.total,
        "whole": fates[Fate.WHOLE],
        "lost_before_first_byte": fates[Fate.LOST],
        "broken_mid_stream": fates[Fate.BROKEN],
        "wrong_streams": fates[Fate.WRONG],
        "in_flight_at_end": report.left.in_flight,
        "retries": report.left.retries,
        "processes_killed": toll.kills,
        "blackouts": toll.blackouts,
        "longest_blackout_s": round(toll.longest_blackout_s, 2),
    }


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
