"""Measure Weir's gateway beside its peers: `python -m bench.gateway`."""

import argparse
import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict

from bench.gateway import weir
from bench.gateway.figures import TARGETS, figures, missed
from bench.gateway.measure import Results, install, measure, say
from bench.gateway.peers import Peer, peers
from bench.gateway.places import CACHE, CLIENT_CORE, GATEWAY_CORE, make_folders
from bench.gateway.plan import Plan
from bench.gateway.report import other_cores, table


def main() -> None:
    """Install, measure, and print the table (stderr) and one JSON line (stdout)."""
    everyone = [weir.peer(), *peers()]
    options = parse([peer.name for peer in everyone])
    make_folders()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that what was started is stopped too
    results = Results()
    wanted = install(choose(everyone, options.only, results), results)
    if options.install:
        return
    pin_harness()
    begun = time.monotonic()
    measure(wanted, make_plan(options), results, random.Random(options.seed))
    report(results, time.monotonic() - begun)


def parse(names: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each target runs each cell (default 5)")
    parser.add_argument("--secs", type=float, default=0.8, help="window of one chat run in seconds (default 0.8)")
    parser.add_argument("--only", type=split, default=names, metavar="A,B", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.4 s: to see that it works, not to quote")
    parser.add_argument("--install", action="store_true", help="install the peers and stop")
    parser.add_argument("--seed", type=int, default=None, help="of the order within rounds (default: drawn)")
    options = parser.parse_args()
    if unknown := set(options.only) - set(names):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


def split(names: str) -> list[str]:
    """A comma-separated list."""
    return names.split(",")


def make_plan(options: argparse.Namespace) -> Plan:
    """Rounds and seconds as asked for."""
    return Plan(rounds=2, seconds=0.4) if options.quick else Plan(rounds=options.rounds, seconds=options.secs)


def choose(everyone: list[Peer], only: list[str], results: Results) -> list[Peer]:
    """The targets asked for; the others are skipped visibly."""
    for peer in everyone:
        if peer.name not in only:
            results.skip(peer.name, "not asked for")
    return [peer for peer in everyone if peer.name in only]


def pin_harness() -> None:
    """Two cores are needed: one for the gateway, one for everything else."""
    if not {CLIENT_CORE, GATEWAY_CORE} <= os.sched_getaffinity(0):
        raise SystemExit(f"needs cores {CLIENT_CORE} and {GATEWAY_CORE}; this process has {os.sched_getaffinity(0)}")
    os.sched_setaffinity(0, {CLIENT_CORE})


def report(results: Results, seconds: float) -> None:
    """Keep the samples, print the table, say what is missed, end with the JSON line."""
    found = figures(results.samples)
    with (CACHE / "gateway-samples.jsonl").open("w") as file:
        file.writelines(json.dumps(asdict(sample)) + "\n" for sample in results.samples)
    say(table(results, found))
    short = list(missed(found))
    for line in short:
        say(f"missed: {line}")
    summary = {
        "name": "gateway",
        "figures": found,
        "target": {name: bound.as_json() for name, bound in TARGETS.items()},
        "met": not short,
        "seconds": round(seconds, 1),
        "versions": results.versions,
        "skipped": results.skipped,
        "other_cores": round(other_cores(results.samples), 2),
    }
    print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main()
