"""The rules file: what is done with requests for "auto"; its form is checked here, its meaning by the ground."""

from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, model_validator

from policies.select.rules.build import ruleset
from policies.select.rules.conditions import FORMS, BadRules
from policies.select.rules.rule import FALLBACK, RuleSet
from weir.learnfile import LearnGiven
from weir.strictyaml import BadFile, Document, loads, text_of

ALONE = {"all", "any", "not", "condition"}
TAKES = {
    "signal": {"is", "at_least", "below", "label"},
    "near": {"at_least", "below"},
    "partition": {"is"},
    "claim": {"is"},
    "header": {"is"},
}
Text = Field(min_length=1)


class Strict(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class Condition(Strict):
    """One condition: exactly one of its forms, with what that form takes."""

    all: list["Condition"] | None = Field(default=None, min_length=1)
    any: list["Condition"] | None = Field(default=None, min_length=1)
    not_: "Condition | None" = Field(default=None, alias="not")
    condition: str | None = None
    signal: str | None = None
    near: str | None = None
    partition: str | None = None
    claim: str | None = None
    header: str | None = None
    is_: list[str] | None = Field(default=None, alias="is", min_length=1)
    label: str | None = None
    at_least: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Condition":
        given = {
            field.alias or name for name, field in type(self).model_fields.items() if name in self.model_fields_set
        }
        forms = [form for form in FORMS if form in given]
        if len(forms) != 1:
            raise ValueError(f"a condition is one of {', '.join(FORMS)}, not {' and '.join(forms) or 'none of them'}")
        form = forms[0]
        for extra in sorted(given - {form} - TAKES.get(form, set())):
            raise ValueError(f"`{extra}` says nothing beside `{form}`")
        if form in ("partition", "claim", "header") and "is" not in given:
            raise ValueError(f"`{form}` needs `is`: a list of words")
        if form == "near" and self.at_least is None and self.below is None:
            raise ValueError("`near` needs `at_least` or `below`: a cosine")
        return self


class EffectsGiven(Strict):
    """What happens to a request beside being sent somewhere."""

    system_prompt: str = Field(default="", max_length=100_000)
    reasoning: bool | None = None
    cache: bool | None = None
    headers: dict[str, str] = {}
    keep_tools: list[str] | None = None
    drop_tools: list[str] = []

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
    pools: list[str] = []
    at_most_usd: PositiveFloat | None = None
    effects: EffectsGiven = EffectsGiven()


class RuleGiven(Strict):
    """One rule."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")
    priority: int = 0
    when: Condition
    then: AnswerGiven


class RoleGiven(Strict):
    """What callers of a role may not reach."""

    deny_models: list[str] = []
    deny_pools: list[str] = []


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
    rules: list[RuleGiven] = []
    conditions: dict[str, Condition] = {}
    anchors: dict[str, AnchorGiven] = {}
    partitions: dict[str, PartitionGiven] = {}
    roles: dict[str, RoleGiven | None] = {}
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
