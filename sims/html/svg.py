"""SVG and HTML as text: elements with escaped content and attributes."""

from collections.abc import Sequence
from html import escape
from math import isfinite

Place = tuple[float, float]


def element(name: str, /, *inside: str, **attributes: object) -> str:
    """An element around markup; `class_` is class, underscores become dashes, None is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    content = "".join(inside)
    return f"<{name}{told}>{content}</{name}>" if content or name not in VOID else f"<{name}{told}/>"


VOID = {"meta", "line", "path", "rect", "circle", "polyline"}


def _shown(value: object) -> str:
    """Coordinates with as many digits as a screen can show."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def text(words: object, at: Place, **attributes: object) -> str:
    """Words at a place."""
    return element("text", escape(str(words)), x=at[0], y=at[1], **attributes)


def line(start: Place, end: Place, **attributes: object) -> str:
    """A straight line."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], **attributes)


def trail(places: Sequence[Place], **attributes: object) -> str:
    """Lines through places."""
    if not all(isfinite(x) and isfinite(y) for x, y in places):
        raise ValueError("a trail leads through endless places")
    steps = "L".join(f"{_shown(float(x))} {_shown(float(y))}" for x, y in places)
    return element("path", d=f"M{steps}", **attributes)


def tooltip(words: str) -> str:
    """What a pointer that rests on the element is told."""
    return element("title", escape(words))


def picture(width: float, height: float, *inside: str, label: str) -> str:
    """A drawing that fills the width it is given; `label` tells those who cannot see it."""
    box = f"0 0 {width:g} {height:g}"
    return element("svg", *inside, viewBox=box, role="img", aria_label=label, xmlns="http://www.w3.org/2000/svg")
