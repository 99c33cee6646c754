"""What a rule is, and a set of them: conditions in order, answers, and what each role may reach."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from policies.select.rules.predicate import Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What happens to a request beside being sent somewhere."""

    system_prompt: str = ""  # goes before the client's messages
    reasoning: bool | None = None  # whether the model is to think first; None: as the client says
    cache: bool | None = None  # whether answers may come from, and go to, the response cache; None: as configured
    headers: Mapping[str, str] = field(default_factory=dict)  # for the engine, lower-case names
    keep_tools: tuple[str, ...] | None = None  # tools that stay, where only some may; None: all
    drop_tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Where a request goes and what is done to it."""

    models: tuple[str, ...]  # any of these, the first that can
    pools: tuple[str, ...] = ()  # only there; empty: wherever the model is served
    at_most_usd: float = inf  # predicted dollars that one request may cost
    effects: Effects = field(default_factory=Effects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where `when` holds, and no rule of a higher priority does, the answer is this."""

    name: str
    when: Predicate
    answer: Answer
    priority: int = 0
    place: tuple[int | str, ...] = ()  # in its file


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What callers of one role may not reach."""

    deny_models: frozenset[str] = frozenset()
    deny_pools: frozenset[str] = frozenset()

    def may(self, model: str, pool: str) -> bool:
        """Whether a model may be used there."""
        return model not in self.deny_models and pool not in self.deny_pools


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A meaning: texts that a request may be near to, by the cosine of their embeddings; the nearest counts."""

    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One of several meanings, by the softmax over their cosines; none where the likeliest is not sure enough."""

    members: tuple[str, ...]  # names of anchors
    temperature: float = 0.1
    at_least: float = 0.0  # probability


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules in the order in which they are asked, and what is done where none fires."""

    rules: tuple[Rule, ...]
    fallback: Answer
    names: frozenset[str] = frozenset({"auto"})  # model names that are decided by these rules
    roles: Mapping[str, Role] = field(default_factory=dict)  # empty: everybody may reach everything
    anchors: Mapping[str, Anchor] = field(default_factory=dict)
    partitions: Mapping[str, Partition] = field(default_factory=dict)


FALLBACK = "fallback"
"""The name under which the fallback stands in replies and records."""


def in_order(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Higher priorities first, as they stand in the file where those are equal."""
    return tuple(sorted(rules, key=lambda rule: -rule.priority))
