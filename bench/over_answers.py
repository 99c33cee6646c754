"""Claims over MMLU-Pro's recorded answers: `python -m bench.NAME --data DIR`, one JSON line."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench.embedded import embedded
from bench.online.answers import Answers, read

DATA = Path(__file__).parents[2] / "shared" / "data"


class Claim(NamedTuple):
    """What is measured, how often, and when it is met."""

    name: str
    about: str
    times: str  # what is done several times, as the option says it
    usual: int  # how many times
    target: Mapping[str, Any]
    figures: Callable[[Answers, int], dict[str, Any]]
    met: Callable[[Mapping[str, Any]], bool]


def main(claim: Claim) -> int:
    """Progress on stderr, one JSON line on stdout; 2 when there is no data."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{claim.name}", description=claim.about.partition(":")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data (default ../shared/data)")
    parser.add_argument(f"--{claim.times}", type=int, default=claim.usual, dest="times")
    options, begun = parser.parse_args(), time.monotonic()
    try:
        answers = read(options.data / "mmlu_pro", partial(embedded, tier="static"))
    except (ValueError, OSError) as error:
        say(str(error))
        return 2
    found = claim.figures(answers, options.times)
    summary = {"name": claim.name, "figures": found, "target": claim.target, "met": claim.met(found)}
    print(json.dumps(summary | {"seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return 0


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)
