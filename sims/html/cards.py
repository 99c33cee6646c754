"""The page's pieces: cards around pictures, tiles with one figure, sections."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from sims.html.svg import element
from sims.html.tables import Sheet, link


class Tile(NamedTuple):
    """One figure, large."""

    figure: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A picture with what it shows, how to read it, and its figures to take away."""

    title: str
    reading: str
    picture: str
    data: Sheet | None = None


def tiles(of: Sequence[Tile]) -> str:
    """Tiles side by side."""
    each = (element("div", element("b", escape(t.figure)), element("span", escape(t.label)), class_="tile") for t in of)
    return element("div", *each, class_="tiles")


def cards(of: Sequence[Card]) -> str:
    """Cards side by side, as many as fit."""
    return element("div", *map(_card, of), class_="cards")


def _card(card: Card) -> str:
    heading = element("h3", escape(card.title), link(card.data) if card.data else "")
    return element("figure", heading, element("p", escape(card.reading)), card.picture, class_="card")


def section(title: str, *inside: str) -> str:
    """A part of the page, left out where there is nothing in it."""
    return element("section", element("h2", escape(title)), *inside) if any(inside) else ""


def folded(summary: str, inside: str) -> str:
    """Something that opens when it is asked for."""
    return element("details", element("summary", escape(summary)), inside)
