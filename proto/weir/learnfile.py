"""The `learn` section of a rules file: which policy chooses among what a rule admits, and what it learns from."""

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from policies.registry import BadSetting, UnknownName
from policies.select.learners import beside, idle, label, learner

MOST_DIMENSIONS = 64


class Strict(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceGiven(Strict):
    """A model's list price in dollars per million tokens, in the place of its replicas' time."""

    input_usd: NonNegativeFloat
    output_usd: NonNegativeFloat
    cached_usd: NonNegativeFloat | None = None  # of prompt tokens that were cached; the input's when left out


class ObjectiveGiven(Strict):
    """What everything is worth in dollars; see `policies.select.objective`."""

    worth_usd: PositiveFloat = 0.01
    late_usd: NonNegativeFloat = 0.0
    lost_token_usd: NonNegativeFloat = 0.0
    handoff_usd: NonNegativeFloat = 0.0
    joule_usd: NonNegativeFloat = 0.0
    surge: NonNegativeFloat = 0.0


class EvidenceGiven(Strict):
    """How a bandit weighs what it saw; see `policies.select.beliefs.Settings`."""

    half_life_s: PositiveFloat = float("inf")
    prior: float = Field(default=0.5, ge=0.0, le=1.0)
    ridge: PositiveFloat = 4.0
    feature_ridge: PositiveFloat = 40.0
    tenant_strength: PositiveFloat = 20.0
    alarm: PositiveFloat = 3.0
    recent: PositiveFloat = 25.0
    kept: PositiveFloat = 5.0


class BudgetGiven(Strict):
    """Dollars that trying things out may cost: a sum, and a share of all that is spent."""

    start_usd: NonNegativeFloat = 0.0
    share: float = Field(default=0.0, ge=0.0, le=1.0)


class VerdictsGiven(Strict):
    """What counts as a judgement beside feedback that clients send."""

    failures: bool = True  # a request that no replica could answer was answered badly
    next_turn: float = Field(default=0.0, ge=0.0, le=1.0)  # of how many judgements the next turn's tone counts; 0: none
    patience_s: PositiveFloat = 600.0  # how long a client may yet say better than that tone


class PolicyGiven(Strict):
    """A policy and its own settings."""

    policy: str
    settings: dict[str, float] = {}


class CanaryGiven(PolicyGiven):
    """Another policy that some sessions get, and when it takes over; see `policies.canary.Rules`."""

    share: float = Field(default=0.05, gt=0.0, lt=1.0)
    least: PositiveInt = 200
    most: PositiveInt = 5000
    gain: NonNegativeFloat = 0.01
    harm: NonNegativeFloat = 0.02
    failures: NonNegativeFloat = 0.05
    rest_s: PositiveFloat = 3600.0


class LearnGiven(PolicyGiven):
    """The whole section."""

    objective: ObjectiveGiven = ObjectiveGiven()
    evidence: EvidenceGiven = EvidenceGiven()
    budget: BudgetGiven | None = None  # no bound where left out
    context: list[str] = []  # signals that it sees
    embedding: NonNegativeInt = Field(default=0, le=MOST_DIMENSIONS)  # dimensions of the text's embedding that it sees
    quality: bool = False  # whether it starts from what the trained head of qualities expects
    lengths: bool = False  # whether an answer counts as long as the trained head of lengths expects
    judged_as: dict[str, str] = {}  # a model's name in the head, by its name in the fleet, where those differ
    prices: dict[str, PriceGiven] = {}
    verdicts: VerdictsGiven = VerdictsGiven()
    memory: str = ""  # file in which what was learned outlives the router; beside this one unless its path says else
    canary: CanaryGiven | None = None

    @model_validator(mode="after")
    def _can_be_made(self) -> "LearnGiven":
        told = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        try:
            learner(told)
            if said := idle(told):
                raise ValueError(f"{self.policy} explores nothing: `{said[0]}` says nothing beside it")
            if self.canary is not None:
                learner(beside(told))
        except (BadSetting, UnknownName) as wrong:
            raise ValueError(str(wrong)) from None
        if self.canary is not None and label(told) == label(beside(told)):
            raise ValueError("the canary is the policy itself: give it another policy or other settings")
        return self
