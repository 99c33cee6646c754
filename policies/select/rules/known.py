"""What a condition may test: the structural signals, the learned ones, and what the rules themselves name."""

from collections.abc import Mapping
from math import inf, nextafter
from typing import NamedTuple

from policies.select.rules.predicate import LABEL, VALUE, Variable
from policies.select.rules.values import Numbers, Values, Words
from policies.signals.learned import LEARNED
from policies.signals.port import SIGNALS

NEAR, PARTITION, CLAIM, HEADER = "near:", "partition:", "claim:", "header:"
"""What stands before the name of an anchor, of a partition, of a token's claim and of a header."""

ABOVE_ONE = nextafter(1.0, 2.0)
PROBABILITY = Numbers(((0.0, ABOVE_ONE),), True)
COSINE = Numbers(((-1.0, ABOVE_ONE),), True)
ANY_WORD = Words(frozenset(), True)


class Known(NamedTuple):
    """One signal as conditions may use it."""

    kind: str
    labels: tuple[str, ...] = ()
    learned: bool = False  # whether it comes from an encoder, and may be late
    values: Values = PROBABILITY  # of its number

    def part(self, part: str) -> Values:
        """Everything that one part of it may be."""
        if part == LABEL:
            return Words(frozenset(self.labels), not self.labels, self.learned)
        return self.values if part == VALUE else PROBABILITY


FLAG = Numbers(((0.0, 2.0),))
COUNT = Numbers(((0.0, inf),))
AMOUNT = Numbers(((0.0, inf),), True)


def signals() -> dict[str, Known]:
    """Every signal by name."""
    numbers = {"flag": FLAG, "count": COUNT, "number": AMOUNT}
    found = {
        name: Known(SIGNALS[name].kind, SIGNALS[name].labels, values=numbers.get(SIGNALS[name].kind, PROBABILITY))
        for name in SIGNALS.names()
    }
    for name, told in LEARNED.items():
        values = Numbers(((told.low, nextafter(told.high, inf)),), True)
        found[name] = Known(told.kind, told.labels, True, values)
    return found


def whole(variable: Variable, known: Mapping[str, Known]) -> bool:
    """Whether a variable is a whole number."""
    told = known.get(variable.signal)
    return told is not None and not told.learned and told.kind in ("flag", "count")


def universe(variable: Variable, known: Mapping[str, Known], members: Mapping[str, tuple[str, ...]]) -> Values:
    """Everything that a variable may be; `members` are those of each partition."""
    signal, part = variable
    if signal.startswith(NEAR):
        return COSINE
    if signal.startswith(PARTITION):
        return Words(frozenset(members[signal.removeprefix(PARTITION)]), False, True)
    if signal.startswith((CLAIM, HEADER)):
        return ANY_WORD
    return known[signal].part(part)


def is_learned(signal: str, known: Mapping[str, Known]) -> bool:
    """Whether a signal comes from an encoder."""
    return signal.startswith((NEAR, PARTITION)) or (signal in known and known[signal].learned)
