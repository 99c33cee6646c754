"""What a signal answers: a number or a flag, or labels with their probabilities, or spans; or that it is unknown."""

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of the text, in characters, and what it is."""

    start: int
    end: int
    kind: str


class Reading(NamedTuple):
    """One signal's answer. A flag is 0 or 1; a label's `value` is its probability."""

    value: float
    label: str = ""  # the likeliest label; empty when the signal abstains or has none
    scores: Mapping[str, float] = {}  # probability by label, summing to one
    spans: tuple[Span, ...] = ()

    def known(self) -> bool:
        """Whether the signal answered at all."""
        return isfinite(self.value)


UNKNOWN = Reading(float("nan"))
"""The answer of a signal that was late, failed or could not tell: rules see it as not firing."""

Readings = Mapping[str, Reading]
"""Answers by signal name; a signal that did not run is absent, which means the same as `UNKNOWN`."""
