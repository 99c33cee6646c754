"""What a variable may be: sets of numbers and sets of words, each with or without "unknown"."""

from collections.abc import Sequence
from math import ceil, inf, isfinite
from typing import NamedTuple, Union

Span = tuple[float, float]
"""From the first number on, up to the second and without it."""


class Numbers(NamedTuple):
    """Disjoint spans in rising order, and whether the number may be unknown."""

    spans: tuple[Span, ...]
    unknown: bool = False

    def empty(self) -> bool:
        """Whether nothing is left."""
        return not self.spans and not self.unknown

    def has(self, value: float) -> bool:
        """Whether a number, or the unknown one (NaN), is among these."""
        return any(low <= value < high for low, high in self.spans) if isfinite(value) else self.unknown

    def meet(self, other: "Numbers") -> "Numbers":
        """What is in both."""
        both = ((max(a, c), min(b, d)) for a, b in self.spans for c, d in other.spans)
        return Numbers(tuple(span for span in both if span[0] < span[1]), self.unknown and other.unknown)

    def minus(self, other: "Numbers") -> "Numbers":
        """What is in this one alone."""
        left = self.spans
        for low, high in other.spans:
            pieces = [piece for a, b in left for piece in ((a, min(b, low)), (max(a, high), b))]
            left = tuple(piece for piece in pieces if piece[0] < piece[1])
        return Numbers(left, self.unknown and not other.unknown)

    def known(self) -> "Numbers":
        """The same without the unknown."""
        return Numbers(self.spans)

    def least(self) -> float:
        """The smallest number."""
        return min((low for low, _ in self.spans), default=inf)

    def most(self) -> float:
        """What every number is below."""
        return max((high for _, high in self.spans), default=-inf)


class Words(NamedTuple):
    """These words, or every word but these; and whether the word may be unknown."""

    words: frozenset[str]
    but: bool = False
    unknown: bool = False

    def empty(self) -> bool:
        """Whether nothing is left."""
        return not self.words and not self.but and not self.unknown

    def has(self, value: str) -> bool:
        """Whether a word, or the unknown one (empty), is among these."""
        return (value in self.words) != self.but if value else self.unknown

    def meet(self, other: "Words") -> "Words":
        """What is in both."""
        unknown = self.unknown and other.unknown
        if self.but and other.but:
            return Words(self.words | other.words, True, unknown)
        if self.but or other.but:
            told, barred = (other.words, self.words) if self.but else (self.words, other.words)
            return Words(told - barred, False, unknown)
        return Words(self.words & other.words, False, unknown)

    def minus(self, other: "Words") -> "Words":
        """What is in this one alone."""
        return self.meet(Words(other.words, not other.but, not other.unknown))

    def known(self) -> "Words":
        """The same without the unknown."""
        return Words(self.words, self.but)


Values = Union[Numbers, Words]  # noqa: UP007 (a name for both, read at run time)


def meet(one: Values, other: Values) -> Values:
    """What is in both; they are of one kind."""
    if isinstance(one, Numbers):
        assert isinstance(other, Numbers)
        return one.meet(other)
    assert isinstance(other, Words)
    return one.meet(other)


def minus(one: Values, other: Values) -> Values:
    """What is in the first alone; they are of one kind."""
    if isinstance(one, Numbers):
        assert isinstance(other, Numbers)
        return one.minus(other)
    assert isinstance(other, Words)
    return one.minus(other)


def between(low: float, high: float, whole: bool = False) -> Numbers:
    """The numbers from `low` on and below `high`; of whole numbers the ends are whole too."""
    ends = [ceil(end) if whole and isfinite(end) else end for end in (low, high)]
    return Numbers(((float(ends[0]), float(ends[1])),) if ends[0] < ends[1] else ())


def words(told: Sequence[str]) -> Words:
    """These words."""
    return Words(frozenset(told))
