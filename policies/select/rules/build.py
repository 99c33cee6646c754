"""Rules from plain values, as a rules file has them once its form is known to be right."""

from collections.abc import Callable
from math import inf
from typing import Any, TypeVar

from policies.select.rules.conditions import Conditions, Plain
from policies.select.rules.rule import (
    Anchor,
    Answer,
    Caching,
    Cascading,
    Effects,
    Partition,
    Role,
    Rule,
    RuleSet,
    in_order,
)
from policies.select.rules.session_build import session_rules

T = TypeVar("T")


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
        sessions=session_rules(made, plain["sessions"]) if "sessions" in plain else None,
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
        effects=_effects(told.get("effects", {})),
        cascade=_optional(Cascading, told.get("cascade")),
    )


def _effects(told: Plain) -> Effects:
    return Effects(**_tupled(told) | {"cache": _optional(Caching, told.get("cache"))})


def _optional(kind: Callable[..., T], told: Plain | bool | None) -> T | None:
    """What may be given as `true`, with its defaults, or left out as `false`."""
    if told is None or told is False:
        return None
    return kind() if told is True else kind(**_tupled(told))


def _role(told: Plain) -> Role:
    return Role(**{key: frozenset(names) for key, names in told.items()})


def _tupled(told: Plain) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
