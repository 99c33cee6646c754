"""Bars side by side with their figures and intervals; and points of two costs with the front that none beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from sims.html.frame import LETTER, Frame, clipped
from sims.html.lines import COLOURS, colour
from sims.html.scale import Format, Scale
from sims.html.svg import Place, element, line, picture, text, tooltip, trail

ROW, THICK, FIGURE = 30.0, 14.0, 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One figure of a row; a second one, thinner, where there is something to hold it against."""

    name: str
    value: float
    colour: int
    ends: Place | None = None  # its interval
    beside: float | None = None


def bars(rows: Sequence[Bar], scale: Scale, shown: Format, label: str, width: float = 560.0) -> str:
    """Rows of bars from 0 on."""
    left = min(max((len(row.name) for row in rows), default=8) * LETTER + 12.0, 0.38 * width)
    x = scale.over(left, width - FIGURE)
    height = ROW * len(rows) + 12.0
    grid = "".join(line((x(tick), 0.0), (x(tick), height - 8.0), class_="grid") for tick in scale.ticks)
    drawn = "".join(_bar(row, i, x, shown, left) for i, row in enumerate(rows))
    drawn += "".join(_figure(row, i, shown, width) for i, row in enumerate(rows))
    return picture(width, height, grid, drawn, label=label)


def _bar(row: Bar, i: int, x: Scale, shown: Format, left: float) -> str:
    middle = ROW * i + ROW / 2.0
    value = row.value if isfinite(row.value) else 0.0
    name = text(clipped(row.name, int((left - 8.0) / LETTER)), (left - 8.0, middle + 4.0), class_="bar-name end")
    length = max(x(value) - left, 0.0)
    rest = element("rect", x=left, y=middle - THICK / 2.0, width=length, height=THICK, rx=2, class_="bar")
    told = f"{row.name}: {shown(row.value) if isfinite(row.value) else 'unknown'}"
    whisker = beside = ""
    if row.ends and all(map(isfinite, row.ends)) and row.ends[1] > row.ends[0]:
        whisker = line((x(row.ends[0]), middle), (x(row.ends[1]), middle), class_="whisker")
    if row.beside is not None and isfinite(row.beside):
        at, reach = x(row.beside), THICK / 2.0 + 3.0
        beside = line((at, middle - reach), (at, middle + reach), class_="beside")
    return element("g", tooltip(told), name, rest, whisker, beside, class_=f"series {colour(row.colour)}")


def _figure(row: Bar, i: int, shown: Format, width: float) -> str:
    """In a column of its own, at the right."""
    words = shown(row.value) if isfinite(row.value) else "–"
    return text(words, (width - 6.0, ROW * i + ROW / 2.0 + 4.0), class_="figure end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One thing with two costs."""

    name: str
    at: Place
    colour: int
    on_front: bool


def scatter(frame: Frame, dots: Sequence[Dot]) -> str:
    """Points, those that none beats joined by steps and named; less is better on both axes."""
    known = [dot for dot in dots if isfinite(dot.at[0]) and isfinite(dot.at[1])]
    x, y = frame.across, frame.up
    front = sorted((dot for dot in known if dot.on_front), key=lambda dot: dot.at)
    steps: list[Place] = []
    for dot in front:
        if steps:
            steps.append((x(dot.at[0]), steps[-1][1]))
        steps.append((x(dot.at[0]), y(dot.at[1])))
    stairs = trail(steps, class_="front") if len(steps) > 1 else ""
    return frame.around(stairs, *(_point(frame, dot) for dot in known), *_labels(frame, known))


def _point(frame: Frame, dot: Dot) -> str:
    x, y = frame.across(dot.at[0]), frame.up(dot.at[1])
    told = tooltip(f"{dot.name}: {frame.x.shown(dot.at[0])}, {frame.y.shown(dot.at[1])}")
    kind = "point on-front" if dot.on_front else "point"
    return element("circle", told, cx=x, cy=y, r=6.0 if dot.on_front else 4.5, class_=f"{kind} {colour(dot.colour)}")


def _labels(frame: Frame, dots: Sequence[Dot]) -> list[str]:
    """Names beside the points of the front and of the coloured series, none written over another."""
    written: list[tuple[float, float, float]] = []
    out = []
    for dot in sorted(dots, key=lambda dot: (not dot.on_front, dot.colour)):
        if not dot.on_front and dot.colour >= COLOURS:
            continue
        place = next((each for each in _beside(frame, dot) if not _covers(each, written)), None)
        if place is not None:
            written.append(place)
            out.append(text(dot.name, (place[1], place[0]), class_=f"name {colour(dot.colour)}"))
    return out


def _beside(frame: Frame, dot: Dot) -> list[tuple[float, float, float]]:
    """Where a name may stand, the best place first: height, start and end."""
    x, y, wide = frame.across(dot.at[0]), frame.up(dot.at[1]), LETTER * len(dot.name)
    starts = [start for start in (x + 10.0, x - 10.0 - wide) if start >= 0.0 and start + wide <= frame.width - 4.0]
    return [(y + down, start, start + wide) for start in starts for down in (4.0, -10.0, 18.0)]


def _covers(place: tuple[float, float, float], written: Sequence[tuple[float, float, float]]) -> bool:
    """Whether a name there would be written over another."""
    y, start, end = place
    return any(abs(y - other) < 13.0 and start < stop and begin < end for other, begin, stop in written)
