"""Conditions as boxes: for each variable the values it may have; a condition is the union of its boxes."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from policies.select.rules.known import Known, is_learned, signals, universe
from policies.select.rules.predicate import Any, Is, Not, Predicate, Variable
from policies.select.rules.rule import RuleSet
from policies.select.rules.values import Values, meet, minus

Box = Mapping[Variable, Values]
"""Every variable has one of its values; what is not named may be anything, unknown too."""

MOST = 4096
EVERYWHERE: Box = {}


class TooMany(ValueError):
    """A condition with too many cases to go through."""


class Space:
    """All that variables may be, under one set of rules."""

    def __init__(self, rules: RuleSet) -> None:
        self.known: Mapping[str, Known] = signals()
        members = {name: partition.members for name, partition in rules.partitions.items()}
        self.of = cache(lambda variable: universe(variable, self.known, members))

    def learned(self, box: Box) -> list[str]:
        """The learned signals that a box speaks of."""
        return sorted({one.signal for one in box if is_learned(one.signal, self.known)})

    def boxes(self, when: Predicate, holds: bool = True) -> list[Box]:
        """Where a condition is known to hold, or known not to; raises `TooMany`."""
        if isinstance(when, Is):
            every = self.of(when.variable).known()
            values = meet(every, when.values) if holds else minus(every, when.values)
            return [] if values.empty() else [{when.variable: values}]
        if isinstance(when, Not):
            return self.boxes(when.part, not holds)
        parts = [self.boxes(part, holds) for part in when.parts]
        return _bounded(box for part in parts for box in part) if isinstance(when, Any) == holds else _product(parts)

    def without(self, boxes: Iterable[Box], others: Iterable[Box]) -> list[Box]:
        """What is in some boxes and in none of the others; raises `TooMany`."""
        left = list(boxes)
        for other in others:
            left = _bounded(piece for box in left for piece in self._pieces(box, other))
        return left

    def _pieces(self, box: Box, other: Box) -> list[Box]:
        pieces, rest = list[Box](), dict(box)
        for variable, values in other.items():
            here = rest.get(variable) or self.of(variable)
            outside, inside = minus(here, values), meet(here, values)
            if not outside.empty():
                pieces.append({**rest, variable: outside})
            if inside.empty():
                return pieces
            rest[variable] = inside
        return pieces


def together(one: Box, other: Box) -> Box | None:
    """Where both are; None where that is nowhere."""
    both = dict(one)
    for variable, values in other.items():
        found = meet(both[variable], values) if variable in both else values
        if found.empty():
            return None
        both[variable] = found
    return both


def _product(parts: Sequence[list[Box]]) -> list[Box]:
    found: list[Box] = [EVERYWHERE]
    for part in parts:
        pairs = (together(one, other) for one in found for other in part)
        found = _bounded(box for box in pairs if box is not None)
    return found


def _bounded(boxes: Iterable[Box]) -> list[Box]:
    found: list[Box] = []
    for box in boxes:
        if len(found) >= MOST:
            raise TooMany(f"more than {MOST:,} cases: say it by fewer alternatives")
        found.append(box)
    return found
