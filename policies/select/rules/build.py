"""Rules from plain values, as a rules file has them once its form is known to be right."""

from math import inf
from typing import Any

from policies.select.rules.conditions import Conditions, Plain
from policies.select.rules.rule import Anchor, Answer, Effects, Partition, Role, Rule, RuleSet, in_order


def ruleset(plain: Plain) -> RuleSet:
    """The rules that plain values tell; raises `BadRules`."""
    partitions = {name: Partition(**_tupled(told)) for name, told in plain.get("partitions", {}).items()}
    made = Conditions(plain.get("conditions", {}), plain.get("anchors", {}), partitions)
    return RuleSet(
        rules=in_order(tuple(_rule(made, i, told) for i, told in enumerate(plain.get("rules", ())))),
        fallback=_answer(plain["fallback"]),
        names=frozenset(plain.get("names", ("auto",))),
        roles={name: _role(told or {}) for name, told in plain.get("roles", {}).items()},
        anchors={name: Anchor(**_tupled(told)) for name, told in plain.get("anchors", {}).items()},
        partitions=partitions,
    )


def _rule(made: Conditions, index: int, told: Plain) -> Rule:
    place = ("rules", index)
    return Rule(
        name=told["name"],
        when=made.made(told["when"], (*place, "when")),
        answer=_answer(told["then"]),
        priority=told.get("priority", 0),
        place=place,
    )


def _answer(told: Plain) -> Answer:
    return Answer(
        models=tuple(told["models"]),
        pools=tuple(told.get("pools", ())),
        at_most_usd=told.get("at_most_usd", inf),
        effects=Effects(**_tupled(told.get("effects", {}))),
    )


def _role(told: Plain) -> Role:
    return Role(**{key: frozenset(names) for key, names in told.items()})


def _tupled(told: Plain) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
