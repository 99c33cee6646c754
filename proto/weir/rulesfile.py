"""The rules file: what is done with requests for "auto"; its form is checked here, its meaning by the ground."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from policies.select.rules.build import ruleset
from policies.select.rules.conditions import BadRules
from policies.select.rules.rule import FALLBACK, RuleSet
from weir.condition_form import Condition, Strict, switched
from weir.learnfile import LearnGiven
from weir.session_form import SessionsGiven
from weir.strictyaml import BadFile, Document, loads, text_of


class CachingGiven(Strict):
    """How answers are given again."""

    category: str = Field(default="", max_length=64)
    threshold: float = Field(default=0.92, gt=0.0, le=1.0)
    ttl_s: PositiveFloat = 3600.0
    quota: int = Field(default=1000, ge=1, le=100_000)
    semantic: bool = True


class CascadingGiven(Strict):
    """How the models are asked one after another."""

    by: list[Literal["margin", "agreement", "judge"]] = Field(default=["margin"], min_length=1)
    threshold: float = Field(default=0.7, ge=0.0, le=1.0)
    unsure: float = Field(default=0.0, ge=0.0, le=1.0)
    answers: int = Field(default=3, ge=2, le=16)
    judge: str = ""
    ttft_s: NonNegativeFloat = 0.0
    within_s: PositiveFloat = 30.0
    compressed: float = Field(default=0.5, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _judge_is_named(self) -> "CascadingGiven":
        if ("judge" in self.by) != bool(self.judge):
            raise ValueError("`judge` names the model that judges where `by` holds judge, and only there")
        return self


class EffectsGiven(Strict):
    """What happens to a request beside being sent somewhere."""

    system_prompt: str = Field(default="", max_length=100_000)
    reasoning: bool | None = None
    cache: Annotated[CachingGiven | None, BeforeValidator(switched)] = None
    headers: dict[str, str] = Field(default_factory=dict)
    keep_tools: list[str] | None = None
    drop_tools: list[str] = Field(default_factory=list)
    compress: bool = False

    @model_validator(mode="after")
    def _headers_can_be_sent(self) -> "EffectsGiven":
        for name, value in self.headers.items():
            if not name.replace("-", "").isalnum() or not name.isascii() or name != name.lower():
                raise ValueError(f"the header {name!r} must be lower-case letters, digits and dashes")
            if name in ("host", "content-length", "transfer-encoding", "connection", "x-request-id"):
                raise ValueError(f"the header {name!r} is for the router to write")
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"the value of the header {name!r} must be printable ASCII")
        return self


class AnswerGiven(Strict):
    """Where requests go."""

    models: list[str] = Field(min_length=1)
    pools: list[str] = Field(default_factory=list)
    at_most_usd: PositiveFloat | None = None
    cascade: Annotated[CascadingGiven | None, BeforeValidator(switched)] = None
    effects: EffectsGiven = EffectsGiven()


class RuleGiven(Strict):
    """One rule."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")
    priority: int = 0
    when: Condition
    then: AnswerGiven


class RoleGiven(Strict):
    """What callers of a role may not reach."""

    deny_models: list[str] = Field(default_factory=list)
    deny_pools: list[str] = Field(default_factory=list)


class AnchorGiven(Strict):
    """A meaning, by texts that have it."""

    examples: list[str] = Field(min_length=1, max_length=64)


class PartitionGiven(Strict):
    """Meanings of which a request has one at most."""

    members: list[str] = Field(min_length=2)
    temperature: PositiveFloat = 0.1
    at_least: NonNegativeFloat = Field(default=0.0, le=1.0)


class RulesFile(Strict):
    """A whole set of rules."""

    version: Literal[1] = 1
    names: list[str] = Field(default=["auto"], min_length=1)
    fallback: AnswerGiven
    rules: list[RuleGiven] = Field(default_factory=list)
    conditions: dict[str, Condition] = Field(default_factory=dict)
    anchors: dict[str, AnchorGiven] = Field(default_factory=dict)
    partitions: dict[str, PartitionGiven] = Field(default_factory=dict)
    roles: dict[str, RoleGiven | None] = Field(default_factory=dict)
    sessions: SessionsGiven | None = None
    learn: LearnGiven | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> "RulesFile":
        names = [rule.name for rule in self.rules]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two rules named {min(twice)!r}: a rule's name is its identity")
        if FALLBACK in names:
            raise ValueError(f"no rule may be called {FALLBACK!r}: that is what is done where none fires")
        return self


def read_rules(path: Path) -> tuple[RuleSet, bytes]:
    """The rules at `path`, and as a message; `weir.strictyaml.BadFile` says file, line and key of what is wrong."""
    return rules_of(text_of(path), str(path))


def rules_of(text: str, name: str) -> tuple[RuleSet, bytes]:
    """Rules from YAML text, and as a message from which `told` makes the same."""
    found = loads(text, RulesFile, name)
    plain: dict[str, Any] = found.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    plain["roles"] = {role: told.model_dump(exclude_unset=True) if told else {} for role, told in found.roles.items()}
    try:
        return ruleset(plain), msgspec.json.encode(plain)
    except BadRules as bad:
        document = Document(text, name)
        raise BadFile(f"{name}:{document.lines[document.known(bad.place)]}: {bad.said}") from None


def told(message: bytes) -> RuleSet:
    """The rules that a message tells; they were read, and so are right."""
    return ruleset(msgspec.json.decode(message))


def line_of(text: str, name: str, place: tuple[int | str, ...]) -> int:
    """The line on which a part of the file stands."""
    document = Document(text, name)
    return document.lines[document.known(place)]
