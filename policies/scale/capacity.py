"""What one replica serves within the deadlines at the mix of the last minutes: the latency model, inverted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, log, sqrt
from typing import Self

from policies.perf.latency import LatencyModel
from policies.scale.horizontal import recent
from policies.scale.needs import Deadlines, Demand, needs
from policies.scale.scaling import History, PoolState

FEWEST = 16
"""Requests in a window below which its lengths say nothing."""

STEP = 0.05
"""Mean lengths are told apart in such steps of their logarithm, so that the inversion is seldom made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What came to a pool over some seconds."""

    seconds: float
    arrived: int
    prompt_tokens: float  # of all requests
    output_tokens: float  # of all answers
    ended: int

    @classmethod
    def of(cls, history: History, pool: str, now: float, seconds: float) -> Self:
        """The last seconds, or as many as there are."""
        states = list(recent(history, pool, now, seconds))
        first = states[-1].at
        before = [each[pool].at for each in history[-len(states) - 1 : -len(states)] if pool in each]
        return cls.over(states, seconds=states[0].at - (before[0] if before else first))

    @classmethod
    def over(cls, states: Sequence[PoolState], seconds: float = 0.0) -> Self:
        """Neighbouring states of one pool, the latest first; as long as they say themselves where nothing is said."""
        spacing = (states[0].at - states[-1].at) / max(len(states) - 1, 1)
        return cls(
            seconds=max(seconds or spacing * len(states), 1.0),
            arrived=sum(state.arrived for state in states),
            prompt_tokens=sum(state.prompt_tokens for state in states),
            output_tokens=sum(state.output_tokens for state in states),
            ended=sum(state.ended for state in states),
        )

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.arrived / self.seconds


def capacity(perf: LatencyModel | None, window: Window, ttft_s: float, tpot_s: float, burst: float = 1.0) -> float:
    """Requests a second that one replica serves at a mix; 0 where too little is known, or nothing serves it."""
    if perf is None or window.arrived < FEWEST or window.ended < FEWEST:
        return 0.0
    prompt, answer = window.prompt_tokens / window.arrived, window.output_tokens / window.ended
    return _served(perf, _rounded(prompt), _rounded(answer), ttft_s, tpot_s, burst)


def staffed(busy: float, spare: float) -> float:
    """Replicas for as many that are busy on average: square-root staffing, so that small pools keep more to spare."""
    return busy + spare * sqrt(busy)


def _rounded(tokens: float) -> float:
    return exp(round(log(max(tokens, 1.0)) / STEP) * STEP)


@lru_cache(maxsize=4096)
def _served(
    perf: LatencyModel, prompt_tokens: float, output_tokens: float, ttft_s: float, tpot_s: float, burst: float
) -> float:
    demand = Demand(rate=1.0, prompt_tokens=prompt_tokens, output_tokens=output_tokens, burst=burst)
    needed = needs(demand, perf, Deadlines(ttft_s=ttft_s, tpot_s=tpot_s)).mixed
    return 0.0 if needed in (0.0, inf) else 1.0 / needed
