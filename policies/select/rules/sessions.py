"""What rules ask of whole sessions and callers: one field a mechanism of `policies.sessions`; None: it is not used."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.select.rules.predicate import Predicate
from policies.sessions.memory_tier import Shaping
from policies.sessions.risk import Thresholds
from policies.sessions.stickiness import Stickiness
from policies.sessions.token_budget import Ladder
from policies.sessions.tool_rights import Rights

RISK, REPUTATION = "session_risk", "caller_reputation"
USUAL = ("usual_domain", "usual_tools", "usual_turns", "usual_turns_p90")
"""The signals that sessions make; the last ones are of applications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRule:
    """Which readings of a turn add up, and how."""

    signals: tuple[str, ...] = ("jailbreak", "injection")
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReputationRule:
    """How soon a caller is forgiven."""

    half_life_s: float = 6.0 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StickyRule:
    """What models are worth to a session, and what moving it costs."""

    quality: Mapping[str, float]  # 0..1 by model; a model that is not named is not moved to or from
    price: Stickiness = field(default_factory=Stickiness)
    turns: float = 10.0  # that a session is expected to have, while too few have ended here


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRule:
    """From when on an application, known by its system prompt, has something usual."""

    fewest: int = 20  # turns, or ended sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """What a session may burn."""

    expected: tuple[float, ...] = ()  # 90th percentile of tokens up to each turn; empty: learned from ended sessions
    ladder: Ladder = field(default_factory=Ladder)
    tools: int = 8  # that are left where tools are shaped


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """How many tools a model is shown."""

    most: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """What is remembered of sessions and callers, and for how long."""

    ttl_s: float = 3600.0  # without a request, after which a session is forgotten
    most: int = 10_000  # sessions, and as many callers, of one router process
    risk: RiskRule | None = None
    reputation: ReputationRule | None = None
    applications: ApplicationRule | None = None
    stickiness: StickyRule | None = None
    token_budget: BudgetRule | None = None
    commitments: Mapping[str, Predicate] = field(default_factory=dict)  # by kind of action: which requests ask for it
    tool_rights: Rights | None = None
    tool_choice: ToolChoice | None = None
    memory: Shaping | None = None

    def makes(self) -> frozenset[str]:
        """The signals that are read of sessions under these rules."""
        made = ((RISK, self.risk), (REPUTATION, self.reputation))
        kept = frozenset(name for name, rule in made if rule is not None)
        return kept | (frozenset(USUAL) if self.applications is not None else frozenset())

    def reads(self) -> frozenset[str]:
        """The signals whose readings every turn needs, whatever the rules ask."""
        return frozenset(self.risk.signals) if self.risk is not None else frozenset()
