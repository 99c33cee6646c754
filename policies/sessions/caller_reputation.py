"""How far a caller is trusted, by what its requests led to over the whole fleet (WRP direction O9)."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple, Self


class Event(Enum):
    """What lowers a caller's standing, with how severe it is, 0..1."""

    OVER_CONSUMPTION = 0.15
    TOOL_DENIED = 0.3
    FLAGGED_CONTENT = 0.4
    SAFETY_ESCALATION = 0.6
    IDENTITY_FAILURE = 0.9


class Limits(NamedTuple):
    """What a caller may still do."""

    tools: bool  # those that change something
    models: bool  # all of them, not only the safer ones
    budget: float  # share of its ordinary budget
    alert: bool  # whether its owner is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One caller's reputation, 1 when nothing is held against it."""

    harm: float = 0.0  # of events, each weighed by its severity, fading
    at_s: float = 0.0
    half_life_s: float = 6.0 * 3600.0

    def score(self, now: float) -> float:
        """0..1; it comes back with time, half of what was lost in every half-life."""
        return 1.0 / (1.0 + self._faded(now))

    def after(self, event: Event, now: float) -> Self:
        """Having seen one event; told late, it counts as it would have."""
        newest = max(now, self.at_s)
        added = event.value * 0.5 ** ((newest - now) / self.half_life_s)
        return replace(self, harm=self._faded(newest) + added, at_s=newest)

    def limits(self, now: float) -> Limits:
        """What follows: alert first, then a smaller budget, safer models, and no tools that change anything."""
        score = self.score(now)
        return Limits(tools=score > 0.5, models=score > 0.6, budget=min(1.0, score / 0.8), alert=score <= 0.7)

    def _faded(self, now: float) -> float:
        return self.harm * float(0.5 ** (max(now - self.at_s, 0.0) / self.half_life_s))
