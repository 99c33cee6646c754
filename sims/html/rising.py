"""A sweep's figures along the one of its axes that is a number, rate first: a line for each of the other settings."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from sims.html.cards import Card
from sims.html.frame import Frame, room
from sims.html.lines import Level, Mark, Series, drawn
from sims.html.named import place
from sims.html.scale import Format, dollars, linear, logarithmic, percent, plain, seconds
from sims.html.tables import Cell, Sheet
from sims.measure.report import Point, Sweep
from sims.measure.rows import span
from sims.measure.seeds import figure

RATE = "rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """The axis along which a sweep is drawn, and its points series by series."""

    path: str
    title: str
    series: dict[str, list[Point]]
    at: Callable[[Point], float]


def along(report: Sweep) -> Along | None:
    """The rate where it was varied, else the first path whose values are numbers; None where there is none."""
    paths = [path for path in report.over if path == RATE] or [
        path for path, values in report.over.items() if all(type(value) in (int, float) for value in values)
    ]
    if not paths or len(report.over[paths[0]]) < 2:
        return None
    path = paths[0]

    def at(point: Point) -> float:
        return point.rate_rps if path == RATE else float(point.point[path])

    series: dict[str, list[Point]] = {}
    for point in sorted(report.points, key=at):
        series.setdefault(place(point, path), []).append(point)
    return Along(path=path, title="requests a second offered" if path == RATE else path, series=series, at=at)


def rising(report: Sweep, axis: Along) -> list[Card]:
    """Goodput with its knees, then latency, cost and cached share."""
    slo = report.slo
    cards = [
        _goodput(report, axis),
        _card(axis, "TTFT p90", "ttft_s.p90", "90 % of first tokens come within it.", seconds, slo.ttft_s),
        _card(axis, "TPOT p90", "tpot_s.p90", "90 % of requests get their later tokens as fast.", seconds, slo.tpot_s),
        _card(axis, "Cost", "usd_per_million_tokens", "Dollars per million output tokens.", dollars),
    ]
    if any(point.cached_token_share > 0.0 for point in report.points):
        cards.append(_card(axis, "Cached prompt tokens", "cached_token_share", "Found cached by the engine.", percent))
    return cards


def _goodput(report: Sweep, axis: Along) -> Card:
    if axis.path != RATE:
        return _card(axis, "Goodput", "goodput_share", "Of arrivals, those served within both deadlines.", percent)
    names = list(axis.series)
    knees = {_rest(knee.point): knee for knee in report.knees}
    marks = [
        Mark(at=(knee.rate_rps, knee.goodput_rps), name=f"knee {knee.rate_rps:.3g}/s", colour=i)
        for i, points in enumerate(axis.series.values())
        if (knee := knees.get(_rest({p: v for p, v in points[0].point.items() if p != RATE}))) and knee.reached
    ]
    rates = [axis.at(point) for point in report.points]
    ideal = Series(name="all in time", colour=99, points=[(0.0, 0.0), (max(rates), max(rates))])
    series = [_series(axis, name, "goodput_rps", i) for i, name in enumerate(names)]
    frame = Frame(
        x=linear([0.0, *rates], plain),
        y=linear([0.0, max(rates)], plain),
        x_title=axis.title,
        y_title="requests a second served in time",
        label="Goodput against the offered rate",
        right=room(names),
    )
    reading = "The grey line is everything in time. At the knee fewer than 90 % still are."
    return Card(
        title="Goodput against rate",
        reading=reading,
        picture=drawn(frame, [*series, ideal], marks=marks),
        data=_sheet(axis, "goodput_rps"),
    )


def _rest(point: dict[str, str | float | bool]) -> tuple[tuple[str, str], ...]:
    return tuple((path, str(value)) for path, value in point.items())


def _series(axis: Along, name: str, path: str, colour: int) -> Series:
    points = axis.series[name]
    ends = [span(point, path) for point in points]
    return Series(
        name=name,
        colour=colour,
        points=[(axis.at(point), figure(point, path)) for point in points],
        dots=True,
        ranges=[each for each in ends if each] if all(ends) else (),
    )


def _card(axis: Along, title: str, path: str, reading: str, shown: Format, slo: float | None = None) -> Card:
    series = [_series(axis, name, path, i) for i, name in enumerate(axis.series)]
    values = [y for one in series for _, y in one.points]
    y = logarithmic([*values, slo], shown) if slo else linear(values, shown)
    rates = [axis.at(point) for points in axis.series.values() for point in points]
    frame = Frame(x=linear(rates, plain, zero=axis.path == RATE), y=y, x_title=axis.title,
                  y_title=f"{title} (logarithmic)" if slo else title, label=f"{title} along {axis.path}",
                  right=room(list(axis.series)))  # fmt: skip
    levels = [Level(at=slo, name=f"deadline {shown(slo)}")] if slo else []
    return Card(title=title, reading=reading, picture=drawn(frame, series, levels), data=_sheet(axis, path))


def _sheet(axis: Along, path: str) -> Sheet:
    rows: list[list[Cell]] = [
        [name, axis.at(point), value if isfinite(value := figure(point, path)) else float("nan")]
        for name, points in axis.series.items()
        for point in points
    ]
    return Sheet(name=f"{path}-along-{axis.path}", title=path, columns=["series", axis.path, path], rows=rows)
