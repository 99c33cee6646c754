"""Conditions from plain values, with the names that one file gives to conditions, anchors and partitions."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any as Anything

from policies.registry import known as nearest
from policies.select.rules.known import CLAIM, HEADER, NEAR, PARTITION, Known, signals, universe, whole
from policies.select.rules.predicate import (
    FIRES,
    LABEL,
    SCORE,
    SPAN,
    SURE,
    All,
    Any,
    Is,
    Not,
    Predicate,
    Variable,
)
from policies.select.rules.rule import Partition
from policies.select.rules.values import Numbers, between, minus, words

Plain = Mapping[str, Anything]
Place = tuple[int | str, ...]


class BadRules(ValueError):
    """A rule that says what cannot be; `place` is where it stands in its file."""

    def __init__(self, place: Place, said: str) -> None:
        super().__init__(said)
        self.place, self.said = place, said


class Conditions:
    """Makes predicates, with the names that one file gives to conditions, anchors and partitions."""

    def __init__(self, named: Mapping[str, Plain], anchors: Plain, partitions: Mapping[str, Partition]) -> None:
        self.named, self.anchors, self.known = named, anchors, signals()
        self.members = {name: partition.members for name, partition in partitions.items()}
        for name, members in self.members.items():
            for i, member in enumerate(members):
                self._must_be(member, list(anchors), "anchor", ("partitions", name, "members", i))
        for name in named:
            self.made({"condition": name}, ("conditions", name))

    def made(self, told: Plain, place: Place, within: tuple[str, ...] = ()) -> Predicate:
        """One condition; `within` are the named ones that it is part of."""
        form = next(form for form in FORMS if form in told)
        return FORMS[form](self, told, place, within)

    def _many(self, told: Plain, place: Place, within: tuple[str, ...]) -> Predicate:
        form = "all" if "all" in told else "any"
        parts = tuple(self.made(part, (*place, form, i), within) for i, part in enumerate(told[form]))
        return All(parts) if form == "all" else Any(parts)

    def _not(self, told: Plain, place: Place, within: tuple[str, ...]) -> Predicate:
        return Not(self.made(told["not"], (*place, "not"), within))

    def _condition(self, told: Plain, place: Place, within: tuple[str, ...]) -> Predicate:
        name = told["condition"]
        if name in within:
            raise BadRules(place, f"conditions go round in a circle: {' → '.join((*within, name))}")
        self._must_be(name, list(self.named), "condition", place)
        return self.made(self.named[name], ("conditions", name), (*within, name))

    def _near(self, told: Plain, place: Place, _: tuple[str, ...]) -> Predicate:
        self._must_be(told["near"], list(self.anchors), "anchor", place)
        variable = Variable(NEAR + told["near"])
        return Is(variable, self._span(variable, told, place))

    def _partition(self, told: Plain, place: Place, _: tuple[str, ...]) -> Predicate:
        name = told["partition"]
        self._must_be(name, list(self.members), "partition", place)
        for member in told["is"]:
            self._must_be(member, list(self.members[name]), f"member of {name}", (*place, "is"))
        return Is(Variable(PARTITION + name, LABEL), words(told["is"]))

    def _word(self, told: Plain, place: Place, _: tuple[str, ...]) -> Predicate:
        form, prefix = ("claim", CLAIM) if "claim" in told else ("header", HEADER)
        return Is(Variable(prefix + told[form].lower() if form == "header" else prefix + told[form], LABEL),
                    words(told["is"]))  # fmt: skip

    def _signal(self, told: Plain, place: Place, _: tuple[str, ...]) -> Predicate:
        name = told["signal"]
        self._must_be(name, list(self.known), "signal", (*place, "signal"))
        known = self.known[name]
        if known.kind == "label":
            return self._labelled(name, known, told, place)
        if known.kind == "spans" and "is" in told:
            kinds = tuple(Variable(name, f"{SPAN}{kind}") for kind in self._labels(known, told, place))
            return Any(tuple(Is(kind, Numbers(((FIRES, inf),))) for kind in kinds))
        if "is" in told or "label" in told:
            raise BadRules(place, f"{name} is a {known.kind}: test it by `at_least` and `below`, not by labels")
        return Is(Variable(name), self._span(Variable(name), told, place))

    def _labelled(self, name: str, known: Known, told: Plain, place: Place) -> Predicate:
        limits = {key: told[key] for key in ("at_least", "below") if key in told}
        if limits and not known.learned:
            raise BadRules(place, f"{name} is read, not guessed: it has no probability; leave out {min(limits)!r}")
        if "label" in told:
            self._labels(known, {"is": [told["label"]]}, place)
            if not known.learned or not limits:
                raise BadRules(place, f"{name}: `label` tests one score: give `at_least` or `below`, or use `is`")
            variable = Variable(name, f"{SCORE}{told['label']}")
            return Is(variable, self._span(variable, told, place))
        if "is" not in told:
            raise BadRules(place, f"{name} is a label: say which by `is`")
        test = Is(Variable(name, LABEL), words(self._labels(known, told, place)))
        return All((test, Is(Variable(name, SURE), self._span(Variable(name, SURE), told, place)))) if limits else test

    def _labels(self, known: Known, told: Plain, place: Place) -> Sequence[str]:
        for label in told["is"]:
            if known.labels:
                self._must_be(label, list(known.labels), "label of this signal", (*place, "is"))
        return list(told["is"])

    def _span(self, variable: Variable, told: Plain, place: Place) -> Numbers:
        """The numbers between `at_least` and `below`; a flag alone means that it is up."""
        flag = variable.signal in self.known and self.known[variable.signal].kind in ("flag", "spans")
        if "at_least" not in told and "below" not in told:
            if not flag:
                raise BadRules(place, f"{variable}: give `at_least` or `below`, or both")
            return between(FIRES, inf, whole(variable, self.known))
        span = between(told.get("at_least", -inf), told.get("below", inf), whole(variable, self.known))
        if span.empty():
            raise BadRules(place, f"{variable}: nothing is at least {told['at_least']:g} and below {told['below']:g}")
        if minus(universe(variable, self.known, self.members).known(), span).empty():
            raise BadRules(place, f"{variable}: that is always so")
        return span

    def _must_be(self, name: str, names: list[str], what: str, place: Place) -> None:
        if name not in names:
            listed = nearest(name, names) if names else "none is given in this file"
            raise BadRules(place, f"there is no {what} {name!r}: {listed}")


Form = Callable[[Conditions, Plain, Place, tuple[str, ...]], Predicate]
FORMS: dict[str, Form] = {
    "all": Conditions._many, "any": Conditions._many, "not": Conditions._not, "condition": Conditions._condition,
    "near": Conditions._near, "partition": Conditions._partition, "claim": Conditions._word,
    "header": Conditions._word, "signal": Conditions._signal,
}  # fmt: skip
