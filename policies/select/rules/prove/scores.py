"""What a classifier can say at once: its scores sum to one, and its label is the one with the largest."""

from collections.abc import Sequence
from typing import cast

from policies.select.rules.known import ABOVE_ONE
from policies.select.rules.predicate import LABEL, SCORE, SURE, Variable
from policies.select.rules.prove.boxes import Box
from policies.select.rules.values import Numbers, Words

ROUNDING = 1e-9  # scores that should sum to one do so up to this


def sayable(signal: str, labels: Sequence[str], box: Box) -> bool:
    """Whether a classifier could say what a box asks of it."""
    told = cast("Words | None", box.get(Variable(signal, LABEL)))
    allowed = [label for label in labels if told is None or told.has(label)]
    bounds = {label: _bounds(box, Variable(signal, f"{SCORE}{label}")) for label in labels}
    sure = _bounds(box, Variable(signal, SURE))
    return any(_largest(label, bounds, sure) for label in allowed) or bool(told and told.unknown)


def _bounds(box: Box, variable: Variable) -> tuple[float, float]:
    values = cast("Numbers | None", box.get(variable))
    if values is None or values.unknown:
        return 0.0, 1.0
    return max(values.least(), 0.0), min(values.most(), ABOVE_ONE)


def _largest(label: str, bounds: dict[str, tuple[float, float]], sure: tuple[float, float]) -> bool:
    """Whether scores within bounds can sum to one with that label's the largest."""
    others = [span for name, span in bounds.items() if name != label]
    lows = sum(low for low, _ in others)
    low = max([bounds[label][0], sure[0], *(low for low, _ in others)])
    top = min(bounds[label][1], sure[1], 1.0 - lows)
    return low <= top + ROUNDING and top + sum(min(high, top) for _, high in others) >= 1.0 - ROUNDING
