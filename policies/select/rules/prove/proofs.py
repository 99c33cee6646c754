"""Everything that is proved of a set of rules before it may serve."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import inf
from typing import NamedTuple

from policies.registry import known as nearest
from policies.select.rules.deciding import EVERYBODY, ROLE, Place, reached
from policies.select.rules.predicate import LABEL, VALUE, Variable
from policies.select.rules.prove.beside import answers, beside
from policies.select.rules.prove.boxes import EVERYWHERE, Box, Space, TooMany, together
from policies.select.rules.prove.caps import Vectors
from policies.select.rules.prove.finding import Finding, names
from policies.select.rules.prove.shown import EMPTY, SHOWN, UNDECIDED, Judge, Shown
from policies.select.rules.rule import Answer, Role, Rule, RuleSet
from policies.select.rules.values import Numbers, Words

Price = Callable[[str, str, float, float], float]
"""Dollars that a prompt of so many tokens with so many of output costs at least, of a model in a pool."""


class Fleet(NamedTuple):
    """What is served where, and the least that it costs."""

    places: tuple[Place, ...]
    price: Price | None = None


def prove(rules: RuleSet, fleet: Fleet | None = None, vectors: Mapping[str, Vectors] | None = None) -> list[Finding]:
    """What is wrong with the rules or could not be proved of them; nothing where all is well."""
    try:
        return list(Proof(rules, fleet, vectors).findings())
    except TooMany as many:
        return [Finding(kind="undecided", said=str(many))]


class Proof:
    """One set of rules, its boxes, and the fleet that it is for."""

    def __init__(self, rules: RuleSet, fleet: Fleet | None, vectors: Mapping[str, Vectors] | None) -> None:
        self.rules, self.space = rules, Space(rules)
        self.fleet = fleet or Fleet(_imagined(rules))
        self.checks_places = fleet is not None
        self.judge = Judge(rules, self.space, vectors)
        self.boxes = {rule.name: self.space.boxes(rule.when) for rule in rules.rules}
        self.reaches = dict[str, list[Box]]()  # where each rule fires and none before it does

    def findings(self) -> Iterator[Finding]:
        """One after another, cheap ones first."""
        yield from self._targets()
        yield from self._reachable()
        yield from self._conflicts()
        yield from self._roles()
        yield from self._ceilings()
        yield from beside(self.rules, self.boxes, self.fleet.places if self.checks_places else None)

    def _targets(self) -> Iterator[Finding]:
        """A rule leads to models that are served, and never back to the rules."""
        served = sorted({place.model for place in self.fleet.places})
        for name, answer, where in answers(self.rules):
            for model in sorted(set(answer.models) & self.rules.names):
                said = f"{name!r} leads to {model!r}, which these rules decide: that is a circle"
                yield Finding(kind="cycle", said=said, rules=(name,), place=where)
            for model in answer.models if self.checks_places else ():
                if model not in served and model not in self.rules.names:
                    said = f"{name!r} leads to {model!r}, which the fleet does not serve: {nearest(model, served)}"
                    yield Finding(kind="target", said=said, rules=(name,), place=where)
            known = set(answer.models) <= {*served, *self.rules.names}
            if self.checks_places and known and not reached(_free(answer), EVERYBODY, self.fleet.places):
                pools = ", ".join(answer.pools)
                said = f"{name!r} leads nowhere: no pool of {pools} serves {', '.join(answer.models)}"
                yield Finding(kind="target", said=said, rules=(name,), place=where)

    def _reachable(self) -> Iterator[Finding]:
        """A rule can fire, and is not shadowed by those before it."""
        for i, rule in enumerate(self.rules.rules):
            own = self.judge.any(self.boxes[rule.name])
            if not _possible(own):
                yield _never(rule, own)
                continue
            if not _possible(served := self.judge.any(self._left(self.boxes[rule.name], (rule,), ()))):
                why = f"none of `roles` for which it fires may reach {', '.join(rule.answer.models)} where it leads"
                yield _never(rule, replace(served, state=UNDECIDED, why=why))
                continue
            before = [one for one in self.rules.rules[:i] if _goes_first(one, rule)]
            left = self._left(self.boxes[rule.name], (rule,), before)
            self.reaches[rule.name] = left
            if not _possible(rest := self.judge.any(left)):
                yield self._shadowed(rule, before, rest, own)

    def _left(self, boxes: Sequence[Box], serving: Sequence[Rule], before: Sequence[Rule]) -> list[Box]:
        """What is left of boxes for callers whom these rules may serve, and whom no rule before them surely answers.

        A rule that fires and has nowhere to send its caller, or nothing so cheap, is passed over for the next.
        """
        found = list[Box]()
        for callers, role in self._callers():
            if all(self._serves(rule, role) for rule in serving):
                own = [both for box in boxes if (both := together(callers, box)) is not None]
                over = [one for one in before if self._answers(one, role) or one.answer == serving[0].answer]
                found += self.space.without(own, [box for one in over for box in self.boxes[one.name]])
        return found

    def _callers(self) -> Iterator[tuple[Box, Role]]:
        """Callers by what they may reach; others than these are refused."""
        alike = dict[Role, set[str]]()
        for name, role in self.rules.roles.items():
            alike.setdefault(role, set()).add(name)
        for role, named in alike.items():
            yield {Variable(ROLE, LABEL): Words(frozenset(named))}, role
        if not alike:
            yield EVERYWHERE, EVERYBODY

    def _serves(self, rule: Rule, role: Role) -> bool:
        """Whether a rule has somewhere to send a role; where it has for nobody, `_targets` says so."""
        wanted, places = _free(rule.answer), self.fleet.places
        return bool(reached(wanted, role, places) or not reached(wanted, EVERYBODY, places))

    def _answers(self, rule: Rule, role: Role) -> bool:
        """Whether a rule answers a role wherever it fires: a price limit may be too low for a request."""
        return rule.answer.at_most_usd == inf and bool(reached(_free(rule.answer), role, self.fleet.places))

    def _shadowed(self, rule: Rule, before: Sequence[Rule], rest: Shown, own: Shown) -> Finding:
        over = [one.name for one in before if any(
            together(a, b) for a in self.boxes[one.name] for b in self.boxes[rule.name])]  # fmt: skip
        said = (
            f"{rule.name!r} never answers: wherever it fires, {names(over)} {'do' if len(over) > 1 else 'does'} before"
        )
        return Finding(
            kind="shadowed", said=said, rules=(rule.name, *over), place=rule.place, request=own.request,
            readings=rest.readings or None,
        )  # fmt: skip

    def _conflicts(self) -> Iterator[Finding]:
        """No two rules of one priority fire together with different answers."""
        for one, other in combinations(self.rules.rules, 2):
            fire = one.name in self.reaches and other.name in self.reaches
            if fire and one.priority == other.priority and one.answer != other.answer:
                yield from self._conflict(one, other)

    def _conflict(self, one: Rule, other: Rule) -> Iterator[Finding]:
        pairs = (together(a, b) for a in self.boxes[one.name] for b in self.boxes[other.name])
        above = [rule for rule in self.rules.rules if rule.priority > one.priority]
        found = self.judge.any(self._left([pair for pair in pairs if pair is not None], (one, other), above))
        if found.state == EMPTY:
            return
        pair = names((one.name, other.name))
        if found.state == SHOWN:
            said = f"{pair} can fire together and answer differently: give one of them a higher priority"
        else:
            said = f"{pair} may fire together, {found.why}: give them priorities, or make them one partition"
        yield Finding(
            kind="conflict" if found.state == SHOWN else "undecided", said=said, rules=(one.name, other.name),
            place=other.place, request=found.request, readings=found.readings or None,
        )  # fmt: skip

    def _roles(self) -> Iterator[Finding]:
        """Whatever a caller of an authorised role asks, some model in some pool is open to it."""
        for name, role in self.rules.roles.items():
            if reached(_free(self.rules.fallback), role, self.fleet.places):
                continue
            helps = [rule for rule in self.rules.rules if reached(_free(rule.answer), role, self.fleet.places)]
            own: Box = {Variable(ROLE, LABEL): Words(frozenset({name}))}
            left = self.space.without([own], [box for rule in helps for box in self.boxes[rule.name]])
            found = self.judge.any(left)
            if found.state == EMPTY:
                continue
            said = f"a caller of the role {name!r} may reach no model: all that its request leads to is denied to it"
            yield Finding(
                kind="role", said=said, place=("roles", name), request=found.request, readings=found.readings or None
            )

    def _ceilings(self) -> Iterator[Finding]:
        """A price limit is one that some request keeps at some place."""
        price = self.fleet.price
        if price is None:
            return
        for name, answer, where in answers(self.rules):
            boxes = self.reaches.get(name) or self.boxes.get(name, [EVERYWHERE])
            tokens = min(map(_least, boxes), default=1.0)
            places = reached(_free(answer), EVERYBODY, self.fleet.places)
            least = min((price(one.model, one.pool, max(tokens, 1.0), 1.0) for one in places), default=0.0)
            if least > answer.at_most_usd:
                said = (f"{name!r} allows ${answer.at_most_usd:.2g} a request, and the cheapest that it leads to costs "
                        f"${least:.2g} with {max(tokens, 1.0):.0f} prompt tokens and one of output")  # fmt: skip
                found = self.judge.any(boxes)
                yield Finding(kind="ceiling", said=said, rules=(name,), place=where, request=found.request)


def _possible(found: Shown) -> bool:
    """Whether some request may be so: one was shown, or made but for what a classifier says of it."""
    return found.state == SHOWN or (found.state == UNDECIDED and found.request is not None)


def _never(rule: Rule, own: Shown) -> Finding:
    why = "its condition contradicts itself" if own.state == EMPTY else own.why
    said = f"{rule.name!r} can never fire: {why}"
    return Finding(kind="unreachable", said=said, rules=(rule.name,), place=rule.place, readings=own.readings or None)


def _goes_first(one: Rule, other: Rule) -> bool:
    """Whether a rule is asked before another by its priority, or because both say the same."""
    return one.priority > other.priority or one.answer == other.answer


def _least(box: Box) -> float:
    """The fewest prompt tokens in a box."""
    values = box.get(Variable("context_tokens", VALUE))
    return values.least() if isinstance(values, Numbers) else 0.0


def _free(answer: Answer) -> Answer:
    """An answer without its price limit."""
    return Answer(models=answer.models, pools=answer.pools)


def _imagined(rules: RuleSet) -> tuple[Place, ...]:
    """A fleet that serves every model that is named in every pool that is named, where none is given."""
    answers = [rules.fallback, *(rule.answer for rule in rules.rules)]
    models = sorted({model for answer in answers for model in answer.models} - rules.names)
    denied = {pool for role in rules.roles.values() for pool in role.deny_pools}
    pools = sorted({pool for answer in answers for pool in answer.pools} | denied | {"any"})
    return tuple(Place(model, pool) for model in models for pool in pools)
