"""Conditions over readings: tests of one variable each, under all, any and not; what is unknown makes nothing true."""

from collections.abc import Iterator
from typing import NamedTuple, Union

from policies.select.rules.values import Numbers, Values, Words
from policies.signals.reading import Reading, Readings

VALUE, LABEL, SURE, SCORE, SPAN = "value", "label", "sure", "score ", "span "
"""What is taken of a reading: its number, its label, its label's probability, a label's score, a kind of span."""

FIRES = 0.5  # a flag's probability from which on it is up


class Variable(NamedTuple):
    """One thing that a condition may test."""

    signal: str
    part: str = VALUE

    def __str__(self) -> str:
        return self.signal if self.part in (VALUE, LABEL) else f"{self.signal} ({self.part})"


class Is(NamedTuple):
    """The variable is one of these values."""

    variable: Variable
    values: Values


class All(NamedTuple):
    """Every one of them holds."""

    parts: tuple["Predicate", ...]


class Any(NamedTuple):
    """One of them holds."""

    parts: tuple["Predicate", ...]


class Not(NamedTuple):
    """It does not hold, and that is known."""

    part: "Predicate"


Predicate = Union[Is, All, Any, Not]  # noqa: UP007 (named in the classes above before it is there)


def truth(when: Predicate, readings: Readings) -> bool | None:
    """Whether a condition holds; None where what is not known would have to tell (Kleene's logic)."""
    if isinstance(when, Is):
        return _tested(when, readings.get(when.variable.signal))
    if isinstance(when, Not):
        found = truth(when.part, readings)
        return None if found is None else not found
    deciding = isinstance(when, Any)
    found_all = [truth(part, readings) for part in when.parts]
    if deciding in found_all:
        return deciding
    return None if None in found_all else not deciding


def tests(when: Predicate) -> Iterator[Is]:
    """Every test in a condition."""
    if isinstance(when, Is):
        yield when
    elif isinstance(when, Not):
        yield from tests(when.part)
    else:
        for part in when.parts:
            yield from tests(part)


def _tested(test: Is, reading: Reading | None) -> bool | None:
    if reading is None or not reading.known():
        return None
    found = taken(reading, test.variable.part)
    if isinstance(found, str):
        return test.values.has(found) if found and isinstance(test.values, Words) else None
    if found is None or not isinstance(test.values, Numbers):
        return None
    return test.values.has(found)


def taken(reading: Reading, part: str) -> float | str | None:
    """One part of a known reading; None, or an empty word, where it has none."""
    if part == LABEL:
        return reading.label
    if part.startswith(SCORE):
        return reading.scores.get(part.removeprefix(SCORE))
    if part.startswith(SPAN):
        return float(any(span.kind == part.removeprefix(SPAN) for span in reading.spans))
    return reading.value
