"""What a rule is, and a set of them: conditions in order, answers, and what each role may reach."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from policies.select.rules.predicate import Predicate
from policies.select.rules.sessions import SessionRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Caching:
    """How a rule's answers are given again to requests that mean the same."""

    category: str = ""  # rules of one category share answers; empty: the rule's own name
    threshold: float = 0.92  # cosine from which two questions are the same
    ttl_s: float = 3600.0
    quota: int = 1000  # answers of one tenant, model and shape; the least recently used leaves
    semantic: bool = True  # whether questions are compared by meaning; else only the same words are the same question


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascading:
    """How a rule's models are asked one after another: the cheapest first, a dearer one where that is in doubt."""

    by: tuple[str, ...] = ("margin",)  # "margin" | "agreement" | "judge": the first of them that can tell counts
    threshold: float = 0.7  # confidence below which an answer is doubtful
    unsure: float = 0.0  # the confidence of an answer that none of them can judge: 0 asks the dearer model, 1 keeps it
    answers: int = 3  # that are compared, the first among them, for "agreement"
    judge: str = ""  # the model that reads the answer, for "judge"
    ttft_s: float = 0.0  # within which the client's first byte is due; 0: the router's SLO
    within_s: float = 30.0  # after which a cheap answer that is not there is waited for no more
    compressed: float = 0.5  # what is left of a prompt where there is time for a shorter one only


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What happens to a request beside being sent somewhere."""

    system_prompt: str = ""  # goes before the client's messages
    reasoning: bool | None = None  # whether the model is to think first; None: as the client says
    cache: Caching | None = None  # how answers come from, and go to, the response cache; None: they do not
    headers: Mapping[str, str] = field(default_factory=dict)  # for the engine, lower-case names
    keep_tools: tuple[str, ...] | None = None  # tools that stay, where only some may; None: all
    drop_tools: tuple[str, ...] = ()
    compress: bool = False  # whether its prompt may be compressed to fit a pool of short ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Where a request goes and what is done to it."""

    models: tuple[str, ...]  # any of these, the first that can
    pools: tuple[str, ...] = ()  # only there; empty: wherever the model is served
    at_most_usd: float = inf  # predicted dollars that one request may cost
    effects: Effects = field(default_factory=Effects)
    cascade: Cascading | None = None  # None: one model is asked


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
    sessions: SessionRules | None = None  # None: nothing is remembered from one request to the next


FALLBACK = "fallback"
"""The name under which the fallback stands in replies and records."""


def in_order(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Higher priorities first, as they stand in the file where those are equal."""
    return tuple(sorted(rules, key=lambda rule: -rule.priority))
