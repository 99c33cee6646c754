"""How much of a session a model is shown: all of it, a summary, or what is retrieved; and how many tools (WRP O7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Tier(Enum):
    """What of the past goes into the prompt."""

    FULL = "full"
    SUMMARY = "summary"  # the last turns as they are, the rest in short
    RETRIEVAL = "retrieval"  # the last turns, and what fits the question from the rest


class Surface(NamedTuple):
    """What a turn is shown."""

    tier: Tier
    recent_turns: int
    tools: tuple[str, ...]
    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """When which tier is enough."""

    usable: float = 0.5  # share of an advertised context that a model makes use of (RULER)
    recent_turns: int = 4
    summary: float = 0.2  # what a summary leaves of the tokens it stands for
    retrieved_tokens: float = 2000.0
    deep_turns: int = 10  # turns after which facts are better remembered than reread
    tools_tokens: float = 172.0  # of one tool's description (127,315 for 741)
    tools_share: float = 0.1  # of the usable context that descriptions may take

    def surface(
        self, turn_tokens: Sequence[float], tools: Sequence[str], context_tokens: float, *, recalls: bool = False
    ) -> Surface:
        """What the next turn is shown; `tools` the best first, `recalls`: it asks for something said long ago."""
        room = self.usable * context_tokens
        shown = tuple(tools[: max(int(self.tools_share * room / self.tools_tokens), 1)]) if tools else ()
        room -= len(shown) * self.tools_tokens
        tier = self._tier(turn_tokens, room, recalls)
        return Surface(
            tier, len(turn_tokens) if tier is Tier.FULL else self.recent_turns, shown, self._cost(tier, turn_tokens)
        )

    def _tier(self, turn_tokens: Sequence[float], room: float, recalls: bool) -> Tier:
        deep = len(turn_tokens) > self.deep_turns
        if self._cost(Tier.FULL, turn_tokens) <= room and not (deep and recalls):
            return Tier.FULL
        if recalls or self._cost(Tier.SUMMARY, turn_tokens) > room:
            return Tier.RETRIEVAL
        return Tier.SUMMARY

    def _cost(self, tier: Tier, turn_tokens: Sequence[float]) -> float:
        past, recent = sum(turn_tokens[: -self.recent_turns]), sum(turn_tokens[-self.recent_turns :])
        if tier is Tier.FULL:
            return past + recent
        return recent + (self.summary * past if tier is Tier.SUMMARY else min(past, self.retrieved_tokens))
