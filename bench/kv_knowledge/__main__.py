"""Measure it: `python -m bench.kv_knowledge --data DIR`."""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.kv_knowledge.kinds import KINDS, SMALLER, Outcome, perform
from bench.kv_knowledge.live import REQUESTS, Live, measure
from bench.kv_knowledge.report import Found, figures, table, told
from bench.kv_knowledge.scene import HALF, HALF_HOST_BYTES, RECORDED, Scene, scene
from cli.stack import say_if_compiling
from policies.native.library import ensure_built

DATA = Path(__file__).parents[3] / "shared" / "data"
SEEDS = 8
LEAST = 0.95
TARGET = {figure: {"least": LEAST} for figure in ("exact_share", "recorded_exact_share", "emulated_exact_share")}


def main() -> int:
    """Print tables (stderr) and one JSON line (stdout)."""
    options = parse()
    begun = time.monotonic()
    try:
        played = scene(options.data)
    except FileNotFoundError as error:
        say(f"{error}")
        return 2
    say_if_compiling()
    ensure_built()
    flat = figures(shown(played, KINDS, options.seeds)) | recorded(played)
    smaller = scene(options.data, HALF), scene(options.data, HALF, HALF_HOST_BYTES)
    for name, tighter in zip(("half_", "half_host_"), smaller, strict=True):
        flat |= figures(shown(tighter, SMALLER, options.seeds), name)
    if options.live:
        flat |= emulated(measure(played, options.live))
    print(json.dumps(summary(flat, time.monotonic() - begun), allow_nan=False), flush=True)
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.kv_knowledge", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default {SEEDS}")
    parser.add_argument("--live", type=int, default=REQUESTS, help=f"emulated requests (default {REQUESTS}; 0: none)")
    return parser.parse_args()


def shown(played: Scene, kinds: Iterable[str], seeds: int) -> Found:
    """Those kinds of knowledge on every seed, and their table."""
    found = {name: tried(played, name, seeds) for name in kinds}
    say(table(played, found))
    return found


def tried(played: Scene, name: str, seeds: int) -> list[Outcome]:
    """One kind of knowledge on every seed."""
    begun = time.monotonic()
    outcomes = [perform(played, KINDS[name], seed) for seed in range(seeds)]
    say(f"{name}: {seeds} seeds in {time.monotonic() - begun:.1f} s")
    return outcomes


def recorded(played: Scene) -> dict[str, float]:
    """The figures of the trace as it was recorded, nothing drawn again."""
    runs = {name: perform(played, KINDS[name], RECORDED) for name in SMALLER}
    for name, run in runs.items():
        say(f"as recorded, {name}: {run.share:.3f} of the {run.infinite:.3f} that there is")
    flat = {f"recorded_{name}_share": round(run.share, 4) for name, run in runs.items()}
    return flat | {"recorded_infinite": round(runs["exact"].infinite, 4), "capacity_rps": round(played.capacity_rps, 3)}


def emulated(live: Live) -> dict[str, float]:
    """The figures of the emulated fleet."""
    say(told(live))
    flat = {f"emulated_{kind}_share": round(lived.share, 4) for kind, lived in live.lived.items()}
    return flat | {"emulated_infinite": round(live.infinite, 4), "emulated_simulated_share": round(live.simulated, 4)}


def summary(flat: dict[str, float], seconds: float) -> dict[str, Any]:
    """The one JSON line."""
    met = all(flat.get(figure, 0.0) >= LEAST for figure in TARGET)
    return {"name": "kv-knowledge", "figures": flat, "target": TARGET, "met": met, "seconds": round(seconds, 1)}


def say(line: str) -> None:
    """Progress and tables go to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
