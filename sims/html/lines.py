"""Lines over two axes, named where they end rather than in a legend."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from math import inf, isfinite

from sims.html.frame import GAP, LETTER, Frame, clipped, spread
from sims.html.svg import Place, element, line, text, tooltip, trail

COLOURS = 6  # series that have one; the others are grey


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: points by rising x; an endless y leads off the picture."""

    name: str
    points: Sequence[Place]
    colour: int
    dots: bool = False
    ranges: Sequence[Place] = field(default=())  # the interval's ends at each point


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line that means something."""

    at: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place on a line that means something."""

    at: Place
    name: str
    colour: int


def colour(number: int) -> str:
    """The class of a series' colour."""
    return f"s{number}" if number < COLOURS else "rest"


def drawn(frame: Frame, series: Sequence[Series], levels: Sequence[Level] = (), marks: Sequence[Mark] = ()) -> str:
    """The picture; lines without a colour of their own lie below the others."""
    order = sorted(series, key=lambda one: -one.colour)
    inside = [*(_level(frame, level) for level in levels), *(_band(frame, one) for one in order)]
    inside += [*(_line(frame, one) for one in order), *(_mark(frame, mark, i) for i, mark in enumerate(marks))]
    return frame.around(*inside, _names(frame, series))


def _places(frame: Frame, one: Series) -> list[Place]:
    """In pixels, up to where it becomes endless."""
    x, y = frame.across, frame.up
    return [(x(at), y(value)) for at, value in takewhile(lambda point: isfinite(point[1]), one.points)]


def _endless(frame: Frame, one: Series, places: Sequence[Place]) -> str:
    """An arrow off the picture, where the line becomes endless."""
    if len(places) == len(one.points) or one.points[len(places)][1] != inf:
        return ""
    x, y = places[-1]
    tip = trail([(x - 4.0, frame.top + 7.0), (x, frame.top), (x + 4.0, frame.top + 7.0)], class_="line")
    return line((x, y), (x, frame.top), class_="endless") + tip


def _line(frame: Frame, one: Series) -> str:
    places = _places(frame, one)
    if not places:
        return ""
    dots = ""
    if one.dots:
        dots = "".join(_dot(frame, one, at, place) for (at, _), place in zip(one.points, places, strict=False))
    drawing = trail(places, class_="line")
    return element(
        "g", tooltip(one.name), drawing, _endless(frame, one, places), dots, class_=f"series {colour(one.colour)}"
    )


def _dot(frame: Frame, one: Series, at: float, place: Place) -> str:
    value = next(value for x, value in one.points if x == at)
    told = tooltip(f"{one.name}: {frame.y.shown(value)} at {frame.x.shown(at)}")
    return element("circle", told, cx=place[0], cy=place[1], r=3.5, class_="dot")


def _band(frame: Frame, one: Series) -> str:
    """The interval as a shadow of the line."""
    ends = [(at, *ends) for (at, _), ends in zip(one.points, one.ranges, strict=False) if all(map(isfinite, ends))]
    if len(ends) < 2:
        return ""
    x, y = frame.across, frame.up
    around = [(x(at), y(low)) for at, low, _ in ends] + [(x(at), y(high)) for at, _, high in reversed(ends)]
    return trail(around, class_=f"band {colour(one.colour)}")


def _level(frame: Frame, level: Level) -> str:
    if not frame.y.low <= level.at <= frame.y.high:
        return ""
    high, at = frame.width - frame.right, frame.up(level.at)
    return line((frame.left, at), (high, at), class_="level") + text(
        level.name, (frame.left + 6.0, at - 5.0), class_="level-name"
    )


def _mark(frame: Frame, mark: Mark, i: int) -> str:
    """A ring, its foot on the axis, and its name there: each mark's in a row of its own."""
    x, y = frame.across(mark.at[0]), frame.up(mark.at[1])
    side = "end" if x > (frame.left + frame.width - frame.right) / 2.0 else "start"
    name = (x + (-6.0 if side == "end" else 6.0), frame.height - frame.bottom - 7.0 - GAP * i)
    ring = element("circle", tooltip(mark.name), cx=x, cy=y, r=7.0, class_=f"ring {colour(mark.colour)}")
    foot = line((x, y + 7.0), (x, frame.height - frame.bottom), class_=f"foot {colour(mark.colour)}")
    return ring + foot + text(mark.name, name, class_=f"mark-name {side} {colour(mark.colour)}")


def _names(frame: Frame, series: Sequence[Series]) -> str:
    """Names at the right, each in its line's colour; those without a colour are told by pointing at them."""
    named = [(one, places[-1]) for one in series if one.colour < COLOURS and (places := _places(frame, one))]
    heights = spread([place[1] for _, place in named], frame.top + 4.0, frame.height - frame.bottom)
    left, letters = frame.width - frame.right, int((frame.right - 22.0) / LETTER)
    out = []
    for (one, (x, y)), height in zip(named, heights, strict=True):
        lead = trail([(x, y), (left + 6.0, height), (left + 12.0, height)], class_=f"lead {colour(one.colour)}")
        shown = text(clipped(one.name, letters), (left + 16.0, height + 4.0), class_=f"name {colour(one.colour)}")
        out.append(lead + shown)
    return "".join(out)
