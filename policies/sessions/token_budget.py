"""Sessions that burn far more tokens than their kind does: shaped, compressed, downgraded, ended (WRP direction O5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Self

import numpy as np


class Rung(IntEnum):
    """What is done, the mildest first; each keeps what those before it do."""

    NOTHING = 0
    SHAPE_TOOLS = 1
    COMPRESS = 2
    DOWNGRADE = 3
    STOP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Cumulative tokens by turn of finished sessions of one kind: their 90th percentile."""

    p90: tuple[float, ...]  # by turn, the first is turn 1

    @classmethod
    def of(cls, sessions: Sequence[Sequence[float]], quantile: float = 0.9) -> Self:
        """From the tokens of each turn of past sessions; a turn that few reached counts as the last that many did."""
        longest = max((len(one) for one in sessions), default=0)
        totals = [np.cumsum(one) for one in sessions]
        found: list[float] = []
        for turn in range(longest):
            reached = [float(one[turn]) for one in totals if len(one) > turn]
            level = float(np.quantile(reached, quantile)) if len(reached) >= FEWEST or not found else found[-1]
            found.append(max(level, found[-1] if found else 0.0))
        return cls(p90=tuple(found))

    def at(self, turn: int) -> float:
        """Tokens that nine in ten sessions have not reached by that turn; endless where nothing is known."""
        return self.p90[min(max(turn, 1), len(self.p90)) - 1] if self.p90 else float("inf")


FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """From how many times the expected tokens each rung is stepped on."""

    trigger: float = 3.0  # times the 90th percentile; everything below is left alone
    rungs: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)  # times the trigger

    def rung(self, tokens: float, expected: float, failed_share: float = 0.0) -> Rung:
        """What is done about a session; failed tool calls make it come sooner, up to twice."""
        if not expected > 0.0 or tokens != tokens:
            return Rung.NOTHING
        over = tokens / (expected * self.trigger) * (1.0 + min(max(failed_share, 0.0), 1.0))
        return Rung(sum(over >= each for each in self.rungs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Tokens of sessions and ceilings of callers: reserved before a request is sent, corrected when it is answered."""

    ceilings: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # by caller, over all sessions
    spent: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # by caller

    def allows(self, caller: str, tokens: float) -> bool:
        """Whether a caller may spend so many more; one without a ceiling may."""
        return self.spent.get(caller, 0.0) + tokens <= self.ceilings.get(caller, float("inf"))

    def reserved(self, caller: str, tokens: float) -> Self:
        """With so many set aside."""
        return replace(self, spent=MappingProxyType({**self.spent, caller: self.spent.get(caller, 0.0) + tokens}))

    def settled(self, caller: str, reserved: float, used: float) -> Self:
        """With what was really used in place of what was set aside."""
        return self.reserved(caller, used - reserved)
