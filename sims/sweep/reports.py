"""Reports of what a study found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from math import isfinite
from typing import Any

from sims.measure.front import pareto
from sims.measure.outcome import Outcome
from sims.measure.paired import paired
from sims.measure.report import Compare, Knee, Point, Replay, Sweep
from sims.measure.seeds import Measured
from sims.select.judging import CHOOSER
from sims.sweep.facts import Setting, context
from sims.sweep.paths import POLICY, RATE, Axis
from sims.sweep.paths import Point as Place
from sims.sweep.sentences import compared
from sims.sweep.study import Study
from sims.sweep.trial import trial

KNEE = 0.9  # of what is offered: below it the fleet no longer follows


class NothingDone(ValueError):
    """An interrupt before the first run was done."""


def replay_report(setting: Setting, study: Study) -> Replay:
    """The report of a study of one point; raises `NothingDone`."""
    made, measured = trial(setting.inputs, study.points[0]), _measured(study, study.points[0])
    return Replay(
        **_figures(measured),
        **context(setting, study, *remarks([measured])),
        policy=made.routing.name(),
        settings=asdict(made.routing),  # type: ignore[call-overload]
    )


def compare_report(setting: Setting, study: Study) -> Compare:
    """The report of a study over policies, the first being the one the others are compared with."""
    runs = {name_of(point): study.of(point) for point in study.points}
    done = {name: found for name, found in runs.items() if found}
    if not done:
        raise NothingDone("no run was done")
    against = next(iter(done))
    measured = {name: Measured.of(list(found.values())) for name, found in done.items()}
    pairs = {name: _paired(found, done[against]) for name, found in done.items() if name != against}
    return Compare(
        **context(setting, study, *remarks(list(measured.values()))),
        policies=measured,
        against=against,
        paired={name: found for name, found in pairs.items() if found},
        sentences=compared(measured, done, study.interrupted),
    )


def name_of(point: Place) -> str:
    """What a point of a comparison is called: its policy, or its chooser of models, or both where both vary."""
    return ", ".join(str(value) for path, value in point if path in (CHOOSER, POLICY))


def remarks(of: Sequence[Measured]) -> tuple[str, ...]:
    """What the figures alone would hide: requests that no replica can hold."""
    most = max(each.refused / each.requests for each in of)
    if not most:
        return ()
    return (
        f"{most:.2%} of requests are longer than any replica of their model takes; they count as never served, so "
        f"percentiles beyond {1.0 - most:.1%} are endless whatever the policy.",
    )


def _paired(mine: Mapping[int, Outcome], others: Mapping[int, Outcome]) -> dict[str, Any]:
    both = [seed for seed in mine if seed in others]
    return paired([mine[seed] for seed in both], [others[seed] for seed in both]) if both else {}


def sweep_report(setting: Setting, study: Study, axes: Sequence[Axis]) -> Sweep:
    """The report of a study over any settings; points without a finished run are left out."""
    points = tuple(_point(setting, study, each) for each in study.points if study.of(each))
    if not points:
        raise NothingDone("no run was done")
    return Sweep(
        **context(setting, study, *remarks(points)),
        over={axis.path: axis.values for axis in axes},
        points=points,
        knees=tuple(knees(points)) if any(axis.path == RATE for axis in axes) else (),
        pareto=pareto([(one.ttft_s.p90, one.usd_per_million_tokens) for one in points]),
    )


def _measured(study: Study, point: Place) -> Measured:
    found = study.of(point)
    if not found:
        raise NothingDone("no run was done")
    return Measured.of(list(found.values()))


def _figures(measured: Measured) -> dict[str, Any]:
    return {field.name: getattr(measured, field.name) for field in fields(measured)}


def _point(setting: Setting, study: Study, place: Place) -> Point:
    made = trial(setting.inputs, place)
    return Point(
        **_figures(_measured(study, place)),
        point=dict(place),
        rate_rps=made.rate_rps or setting.inputs.own_rps,
        policy=made.routing.name(),
        replicas=len(made.replicas),
        usd_per_hour=made.usd_per_hour,
    )


def knees(points: Sequence[Point]) -> list[Knee]:
    """The knee of every series of points that differ in their rate alone."""
    series: dict[tuple[tuple[str, Any], ...], list[Point]] = {}
    for one in points:
        rest = tuple((path, to) for path, to in one.point.items() if path != RATE)
        series.setdefault(rest, []).append(one)
    return [knee(dict(rest), sorted(each, key=lambda one: one.rate_rps)) for rest, each in series.items()]


def knee(rest: dict[str, Any], points: Sequence[Point]) -> Knee:
    """Where goodput falls below 90 % of the offered rate: between two points, on the line that joins their shares.

    Points by rising rate. Below the first rate when that misses it already: its goodput share of it is taken.
    """
    rates, shares = [one.rate_rps for one in points], [_share(one) for one in points]
    missed = next((i for i, share in enumerate(shares) if share < KNEE), None)
    if missed is None:
        rate, reached = rates[-1], False
    elif missed == 0:
        rate, reached = rates[0] * shares[0] / KNEE, True
    else:
        part = (shares[missed - 1] - KNEE) / (shares[missed - 1] - shares[missed])
        rate, reached = rates[missed - 1] + part * (rates[missed] - rates[missed - 1]), True
    share = shares[-1] if missed is None else KNEE
    return Knee(point=rest, rate_rps=rate, goodput_rps=rate * share, reached=reached)


def _share(point: Point) -> float:
    return point.goodput_share if isfinite(point.goodput_share) else 0.0
