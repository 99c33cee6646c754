"""How a model-selection claim is run: its data folder in, its last line out."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.select.held import OPEN

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
Found = tuple[dict[str, Any], Mapping[str, Mapping[str, float]]]


def run(name: str, measure: Callable[[Path], Found]) -> int:
    """Measure over --data and print the JSON line; a target is met by every figure that it names. 2 for bad data."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name.replace('-', '_')}")
    parser.add_argument("--data", type=Path, default=OPEN, help="folder of data sets (default ../shared/data)")
    begun = time.monotonic()
    try:
        figures, target = measure(parser.parse_args().data)
    except (OSError, ValueError) as bad:
        say(str(bad))
        return 2
    met = all(within(figures[figure], bounds) for figure, bounds in target.items())
    seconds = round(time.monotonic() - begun, 1)
    print(json.dumps({"name": name, "figures": figures, "target": target, "met": met, "seconds": seconds}), flush=True)
    return 0


def pictured(data: Path) -> bool:
    """Whether figures of a folder are those that the documentation draws."""
    return data.resolve() == OPEN.resolve()


def within(value: float | None, bounds: Mapping[str, float]) -> bool:
    """Whether a figure is at least `least` and at most `most`, as far as they are given; a missing one is not."""
    if value is None:
        return False
    return bounds.get("least", float("-inf")) <= value <= bounds.get("most", float("inf"))


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)
