"""Measure it: `python -m bench.kv_knowledge --data DIR`."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.kv_knowledge.kinds import KINDS, Kind, Outcome, perform
from bench.kv_knowledge.report import Found, figures, table
from bench.kv_knowledge.scene import RECORDED, Scene, scene
from policies.native.library import ensure_built

DATA = Path(__file__).parents[3] / "shared" / "data"
SEEDS = 8
LEAST = 0.95


def main() -> int:
    """Print a table (stderr) and one JSON line (stdout)."""
    options = parse()
    begun = time.monotonic()
    try:
        played = scene(options.data)
    except FileNotFoundError as error:
        say(f"{error}")
        return 2
    ensure_built()
    found = {name: tried(played, name, kind, options.seeds) for name, kind in KINDS.items()}
    say(table(played, found))
    recorded = perform(played, KINDS["exact"], RECORDED)
    say(f"the trace as recorded, exact: {recorded.share:.3f} of the {recorded.infinite:.3f} that there is")
    print(json.dumps(summary(played, found, recorded, time.monotonic() - begun), allow_nan=False), flush=True)
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.kv_knowledge", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default {SEEDS}")
    return parser.parse_args()


def tried(played: Scene, name: str, kind: Kind, seeds: int) -> list[Outcome]:
    """One kind of knowledge on every seed."""
    begun = time.monotonic()
    outcomes = [perform(played, kind, seed) for seed in range(seeds)]
    say(f"{name}: {seeds} seeds in {time.monotonic() - begun:.1f} s")
    return outcomes


def summary(played: Scene, found: Found, recorded: Outcome, seconds: float) -> dict[str, Any]:
    """The one JSON line."""
    flat = figures(found)
    flat |= {"recorded_share": round(recorded.share, 4), "recorded_infinite": round(recorded.infinite, 4)}
    flat |= {"capacity_rps": round(played.capacity_rps, 3)}
    target = {"exact_share": {"least": LEAST}, "recorded_share": {"least": LEAST}}
    return {
        "name": "kv-knowledge",
        "figures": flat,
        "target": target,
        "met": all(flat[figure] >= LEAST for figure in target),
        "seconds": round(seconds, 1),
    }


def say(line: str) -> None:
    """Progress and tables go to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
