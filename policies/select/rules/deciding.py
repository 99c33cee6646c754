"""Which answer a request gets: the first rule that fires and has somewhere to send it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from policies.select.rules.predicate import tests, truth
from policies.select.rules.rule import FALLBACK, Answer, Role, RuleSet
from policies.signals.reading import Readings

ROLE = "caller_role"  # the signal that says which role a caller has
EVERYBODY = Role()


class Place(NamedTuple):
    """One model in one pool."""

    model: str
    pool: str
    usd: float = 0.0  # dollars predicted for the request at hand


class Decided(NamedTuple):
    """An answer with the name of its rule, and where it may go, the preferred model first."""

    rule: str
    answer: Answer
    places: tuple[Place, ...]


class Denied(NamedTuple):
    """Nothing is open to this caller, or nothing within the price."""

    role: str


def decide(rules: RuleSet, readings: Readings, fleet: Sequence[Place]) -> Decided | Denied:
    """The answer to one request; `fleet` is what is served, with what the request would cost there."""
    told = readings.get(ROLE)
    name = told.label if told is not None else "none"
    role = EVERYBODY if not rules.roles else rules.roles.get(name)
    if role is None:
        return Denied(name)
    for rule, answer in answers(rules, readings):
        places = reached(answer, role, fleet)
        if places:
            return Decided(rule, answer, places)
    return Denied(name)


def answers(rules: RuleSet, readings: Readings) -> Iterator[tuple[str, Answer]]:
    """The answers of the rules that fire, in order, and the fallback's."""
    for rule in rules.rules:
        if truth(rule.when, readings):
            yield rule.name, rule.answer
    yield FALLBACK, rules.fallback


def reached(answer: Answer, role: Role, fleet: Sequence[Place]) -> tuple[Place, ...]:
    """Where an answer may send a caller of a role, models in the answer's order."""
    return tuple(
        place
        for model in answer.models
        for place in fleet
        if place.model == model and (not answer.pools or place.pool in answer.pools)
        and role.may(place.model, place.pool) and place.usd <= answer.at_most_usd
    )  # fmt: skip


def needed(rules: RuleSet) -> frozenset[str]:
    """The signals that some rule reads."""
    read = {test.variable.signal for rule in rules.rules for test in tests(rule.when)}
    if rules.sessions is not None:
        actions = rules.sessions.commitments.values()
        read |= {test.variable.signal for when in actions for test in tests(when)} | rules.sessions.reads()
    return frozenset(read | ({ROLE} if rules.roles else set()))


def wanted(rules: RuleSet, readings: Readings, learned: frozenset[str]) -> frozenset[str]:
    """The learned signals that could still change the answer, given what is known already."""
    open_ones: set[str] = set()
    for when in rules.sessions.commitments.values() if rules.sessions is not None else ():
        if truth(when, readings) is None:
            open_ones |= {test.variable.signal for test in tests(when)} & learned
    for rule in rules.rules:
        found = truth(rule.when, readings)
        if found:
            break
        if found is None:
            open_ones |= {test.variable.signal for test in tests(rule.when)} & learned
    return frozenset(open_ones - set(readings))
