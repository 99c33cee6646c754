"""What every picture with two axes shares: grid, ticks, titles, and labels that keep off one another."""

from collections.abc import Sequence
from dataclasses import dataclass

from sims.html.scale import Scale
from sims.html.svg import line, picture, text

GAP = 15.0  # between two labels, pixels
LETTER = 7.4  # width of one, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A drawing area between its axes."""

    x: Scale
    y: Scale
    x_title: str
    y_title: str
    label: str
    width: float = 560.0
    height: float = 320.0
    left: float = 58.0
    right: float = 120.0
    top: float = 30.0
    bottom: float = 44.0

    @property
    def across(self) -> Scale:
        """The x axis in pixels."""
        return self.x.over(self.left, self.width - self.right)

    @property
    def up(self) -> Scale:
        """The y axis in pixels."""
        return self.y.over(self.height - self.bottom, self.top)

    def around(self, *inside: str) -> str:
        """The whole picture."""
        return picture(self.width, self.height, self._grid(), *inside, label=self.label)

    def _grid(self) -> str:
        x, y, low, high = self.across, self.up, self.height - self.bottom, self.width - self.right
        rows = "".join(
            line((self.left, y(tick)), (high, y(tick)), class_="grid")
            + text(self.y.shown(tick), (self.left - 8.0, y(tick) + 4.0), class_="tick end")
            for tick in self.y.ticks
        )
        columns = "".join(
            line((x(tick), low), (x(tick), low + 4.0), class_="axis")
            + text(self.x.shown(tick), (x(tick), low + 18.0), class_="tick middle")
            for tick in self.x.ticks
        )
        titles = text(self.y_title, (2.0, 14.0), class_="axis-title") + text(
            self.x_title, ((self.left + high) / 2.0, self.height - 6.0), class_="axis-title middle"
        )
        return rows + line((self.left, low), (high, low), class_="axis") + columns + titles


def spread(wanted: Sequence[float], low: float, high: float, gap: float = GAP) -> list[float]:
    """Heights near those wanted, at least `gap` apart, between `low` and `high` while there is room."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    found = [0.0] * len(wanted)
    last = low - gap
    for i in order:
        last = found[i] = max(wanted[i], last + gap)
    last = high + gap
    for i in reversed(order):
        last = found[i] = min(found[i], last - gap)
    return found


def room(names: Sequence[str]) -> float:
    """Pixels that the longest name takes at the right of a picture."""
    return min(max([100.0, *(LETTER * len(name) + 30.0 for name in names)]), 240.0)


def clipped(words: str, letters: int) -> str:
    """A name that fits."""
    return words if len(words) <= letters else f"{words[: letters - 1]}…"
