"""Regret after the drift, drawn: `python -m bench.online.picture --data DIR --out docs/pictures/online.svg`."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bench.embedded import embedded
from bench.online.__main__ import SEVERITY, learners
from bench.online.answers import Answers, Floats, read
from bench.online.stream import Run, Stream, runs
from bench.over_answers import DATA
from sims.html.frame import Frame, room
from sims.html.lines import Series, drawn
from sims.html.scale import linear

EVERY = 100  # questions between two points
INK = (
    "text{font:12px sans-serif;fill:#5a6675}.middle{text-anchor:middle}.end{text-anchor:end}.grid{stroke:#e8ebef}"
    ".axis{stroke:#5a6675}.line{fill:none;stroke:var(--c);stroke-width:2}.lead{fill:none;stroke:var(--c);opacity:.5}"
    ".name{fill:var(--c);font-weight:600}.s0{--c:#0067b1}.s1{--c:#c9510c}.s2{--c:#008a66}.s3{--c:#a8437f}"
    ".s4{--c:#8a6d00}.rest{--c:#a9b1bc}"
)


def lost(of: Stream, quality: Floats) -> Floats:
    """Right answers lost up to each question after the drift, against the model that is best then."""
    best = float(np.nanmean(of.after(), axis=0).max())
    return np.asarray(np.cumsum(best - quality[of.half :]))


def static(of: Stream) -> Floats:
    """What the model that was best before the drift answers."""
    return np.asarray(of.right[:, of.best])


def series(answers: Answers, seeds: int) -> list[Series]:
    """A line a bandit, and one for whoever did not move; means over seeds."""
    found: dict[str, list[Floats]] = {}
    for name, make in learners().items():
        done: Sequence[tuple[Stream, Run]] = list(runs(answers, make, seeds, SEVERITY))
        found[name] = [lost(of, ran.quality) for of, ran in done]
        found["best model before"] = [lost(of, np.nan_to_num(static(of))) for of, _ in done]
    return [_line(name, np.mean(each, axis=0), at) for at, (name, each) in enumerate(found.items())]


def _line(name: str, values: Floats, colour: int) -> Series:
    points = [(float(t), float(values[t])) for t in range(0, len(values), EVERY)]
    return Series(name=name, points=points, colour=colour)


def svg(lines: Sequence[Series]) -> str:
    """The picture, one file that needs no other."""
    across, up = (
        linear([point[at] for one in lines for point in one.points], lambda value: f"{value:g}") for at in (0, 1)
    )
    frame = Frame(
        x=across, y=up, x_title="questions since the drift", y_title="right answers lost",
        label="Regret after the drift by policy", width=640.0, right=room([one.name for one in lines]),
    )  # fmt: skip
    return drawn(frame, lines).replace(">", f"><style>{INK}</style>", 1)


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.online.picture", description=(__doc__ or "").partition(":")[0]
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    answers = read(options.data / "mmlu_pro", partial(embedded, tier="static"))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(svg(series(answers, options.seeds)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
