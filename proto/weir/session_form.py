"""The form of a rules file's section `sessions`."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from weir.condition_form import Condition, Strict, switched

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Rising = Annotated[list[PositiveFloat], Field(min_length=4, max_length=4)]
Name = Annotated[str, Field(min_length=1, max_length=64)]


def _rising(told: list[float]) -> None:
    if any(low > high for low, high in pairwise(told)):
        raise ValueError("the numbers must rise")


class RiskGiven(Strict):
    """Which readings of a turn add up, and how."""

    signals: list[str] = Field(default=["jailbreak", "injection"], min_length=1)
    turn: Share = 0.5
    keep: Share = 0.6
    floor: Share = 0.15
    levels: Rising = Field(default=[0.7, 0.9, 1.1, 1.5])
    fade: Share = 0.9

    @model_validator(mode="after")
    def _levels_rise(self) -> "RiskGiven":
        _rising(self.levels)
        return self


class ReputationGiven(Strict):
    """How soon a caller is forgiven."""

    half_life_s: PositiveFloat = 6.0 * 3600.0


class ApplicationsGiven(Strict):
    """From when on an application has something usual."""

    fewest: int = Field(default=20, ge=1, le=1_000_000)


class StickinessGiven(Strict):
    """What models are worth to a session, and what moving it costs."""

    quality: dict[str, Share] = Field(min_length=2)
    turns: PositiveFloat = 10.0
    value_usd: NonNegativeFloat = 0.01
    usd_per_s: NonNegativeFloat = 0.001
    handoff_usd: NonNegativeFloat = 0.005
    margin: NonNegativeFloat = 0.1


class BudgetGiven(Strict):
    """What a session may burn."""

    expected: list[PositiveFloat] = Field(default_factory=list)
    tools: int = Field(default=8, ge=1)
    trigger: PositiveFloat = 3.0
    rungs: Rising = Field(default=[1.0, 1.5, 2.0, 3.0])

    @model_validator(mode="after")
    def _numbers_rise(self) -> "BudgetGiven":
        _rising(self.rungs)
        _rising(self.expected)
        return self


class RightsGiven(Strict):
    """Which tools a role may use, by names or patterns such as read_*."""

    roles: dict[Name, list[Name]] = Field(min_length=1)
    mode: Literal["rewrite", "block"] = "rewrite"


class ToolChoiceGiven(Strict):
    """How many tools a model is shown."""

    most: int = Field(default=16, ge=1, le=1024)


class MemoryGiven(Strict):
    """When how much of a session is shown."""

    usable: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    recent_turns: int = Field(default=4, ge=1)
    summary: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    retrieved_tokens: PositiveFloat = 2000.0
    deep_turns: int = Field(default=10, ge=1)
    tools_tokens: PositiveFloat = 172.0
    tools_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1


class SessionsGiven(Strict):
    """What is remembered of sessions and callers."""

    ttl_s: PositiveFloat = 3600.0
    most: int = Field(default=10_000, ge=1, le=1_000_000)
    risk: Annotated[RiskGiven | None, BeforeValidator(switched)] = None
    reputation: Annotated[ReputationGiven | None, BeforeValidator(switched)] = None
    applications: Annotated[ApplicationsGiven | None, BeforeValidator(switched)] = None
    stickiness: StickinessGiven | None = None
    token_budget: Annotated[BudgetGiven | None, BeforeValidator(switched)] = None
    commitments: dict[Name, Condition] = Field(default_factory=dict)
    tool_rights: RightsGiven | None = None
    tool_choice: Annotated[ToolChoiceGiven | None, BeforeValidator(switched)] = None
    memory: Annotated[MemoryGiven | None, BeforeValidator(switched)] = None
