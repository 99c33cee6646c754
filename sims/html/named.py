"""What is drawn side by side: measured things by name, each with its colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from sims.html.lines import COLOURS
from sims.measure.report import Compare, Point, Replay, Sweep
from sims.measure.seeds import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One policy, or one point of a sweep."""

    name: str
    colour: int
    measured: Measured


def of_replay(report: Replay) -> list[Named]:
    """The one policy."""
    return [Named(name=report.policy, colour=0, measured=report)]


def of_compare(report: Compare) -> list[Named]:
    """Every policy; where there are more than colours the best have them."""
    colours = coloured([each.goodput_share for each in report.policies.values()])
    return [
        Named(name=name, colour=number, measured=each)
        for (name, each), number in zip(report.policies.items(), colours, strict=True)
    ]


def of_sweep(report: Sweep) -> list[Named]:
    """Every point; where there are more than colours those on the Pareto front have them."""
    front = [float(i in report.pareto) for i in range(len(report.points))]
    return [
        Named(name=place(point), colour=number, measured=point)
        for point, number in zip(report.points, coloured(front), strict=True)
    ]


def coloured(worth: Sequence[float]) -> list[int]:
    """A colour for each: in order while there are enough, else the worthiest first."""
    if len(worth) <= COLOURS:
        return list(range(len(worth)))
    known = [each if isfinite(each) else -1.0 for each in worth]
    order = sorted(range(len(worth)), key=lambda i: -known[i])
    numbers = [0] * len(worth)
    for number, i in enumerate(order):
        numbers[i] = number
    return numbers


def place(point: Point, but: str = "") -> str:
    """A point's values in words, one path left out."""
    told = sorted(
        ((path, value) for path, value in point.point.items() if path != but), key=lambda pair: pair[0] != "policy"
    )
    short = [f"{value}" if path == "policy" else f"{path.rpartition('.')[2]} {value}" for path, value in told]
    return ", ".join(short) or "the fleet"


def best(of: Sequence[Named]) -> Named:
    """Who serves most in time, and of those alike who is fastest."""
    return max(of, key=lambda one: (_known(one.measured.goodput_share), -one.measured.ttft_s.p90))


def _known(value: float) -> float:
    return round(value, 3) if isfinite(value) else -1.0
