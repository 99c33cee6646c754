"""The structural readings of one request, and of its claims and headers."""

from collections.abc import Iterable

from policies.select.rules.known import CLAIM, HEADER
from policies.signals.facts import Facts
from policies.signals.port import SIGNALS
from policies.signals.reading import Reading

NONE = "none"  # what a claim or header says that is not there


def read(name: str, facts: Facts) -> Reading:
    """One structural reading; raises `UnknownName`."""
    if name.startswith(CLAIM):
        return Reading(1.0, facts.claims.get(name.removeprefix(CLAIM)) or NONE)
    if name.startswith(HEADER):
        return Reading(1.0, facts.headers.get(name.removeprefix(HEADER)) or NONE)
    return SIGNALS[name]().read(facts)


def readings(facts: Facts, names: Iterable[str]) -> dict[str, Reading]:
    """Several of them by name."""
    return {name: read(name, facts) for name in names}
