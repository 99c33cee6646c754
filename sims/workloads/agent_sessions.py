"""Agents' sessions: contexts that grow by what tools and people say, over prompts that many sessions share.

Turn 0 is a system prompt that all share, a group's own part and the session's context; later turns add the answer
before and new tokens. A turn comes after a tool or a person has answered. A session ends when its context is full, by
a chance that grows with it, or after its drawn number of turns. All turns stand at their session's start: that is the
earliest they could come. Defaults are parameters, not a trace: AIPerf's agentic-coding generator (aiperf synthesize
agentic-code, agentx-harness 1.0.12, Apache-2.0), without its restarts of sessions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Self

import numpy as np

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.arrivals import Arrivals, Floats
from sims.workloads.drawing.bounds import MANY, SECONDS, SHARE, SIGMA, TOKENS, TOKENS_OR_NONE, arriving, within
from sims.workloads.drawing.fitting import LogNormal, need_sessions
from sims.workloads.drawing.growing import Growing, Shared
from sims.workloads.drawing.times import gamma_times
from sims.workloads.drawing.turns import Turns
from sims.workloads.drawing.workload import Rowed, workload

BOUNDS = {
    "system_tokens": TOKENS_OR_NONE,
    "group_tokens": TOKENS_OR_NONE,
    "groups": MANY,
    "zipf": (0.0, 100.0),
    **{f"{what}_median": TOKENS for what in ("context", "new", "answer")},
    **{f"{what}_sigma": SIGMA for what in ("context", "new", "answer", "tool", "human", "turns")},
    **{f"{what}_most": TOKENS for what in ("context", "new", "answer")},
    "tool_median_s": SECONDS,
    "human_median_s": SECONDS,
    "agentic": SHARE,
    "reset": SHARE,
    "reset_scaling": (0.0, 1e6),
    "turns_median": (0.0, 1e6),
    "most_tokens": TOKENS,
    "block_tokens": TOKENS,
}


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSessions(Rowed):
    """Log-normals by median and sigma of the logarithm, cut at a largest value; closed loop."""

    rate_rps: float = 0.1  # sessions that begin, a second
    cv: float = 1.0
    system_tokens: int = 32000
    group_tokens: int = 10000
    groups: int = 100
    zipf: float = 0.6  # how much more the first groups are used; 0: all alike
    context_median: float = 5000.0
    context_sigma: float = 1.4823
    context_most: float = 50000.0
    new_median: float = 4000.0  # tokens that a tool or a person adds
    new_sigma: float = 0.9005
    new_most: float = 50000.0
    answer_median: float = 800.0
    answer_sigma: float = 0.668
    answer_most: float = 10000.0
    agentic: float = 0.7  # share of turns that a tool asks for, not a person
    tool_median_s: float = 2.0
    tool_sigma: float = 1.3537
    human_median_s: float = 15.0
    human_sigma: float = 1.1774
    reset: float = 0.05  # chance that a session ends at a turn, when its context is empty
    reset_scaling: float = 1.5  # by how much that chance is greater when it is full
    turns_median: float = 0.0  # turns of a session, instead of ending by chance; 0: by chance
    turns_sigma: float = 0.0
    most_tokens: int = 200000  # of a prompt
    block_tokens: int = 64

    def __post_init__(self) -> None:
        arriving(self)
        within(self, BOUNDS)
        if self.system_tokens + self.group_tokens >= self.most_tokens:
            raise BadSetting(f"system_tokens and group_tokens leave no room in most_tokens, {self.most_tokens}")

    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """Without end, session by session."""
        clock, draws = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(2))
        shared, bounds = Shared(self.block_tokens, self.system_tokens), self._bounds()
        starts = gamma_times(clock, self.rate_rps, self.cv)
        for number in count():
            group = int(np.searchsorted(bounds, draws.random()))
            context = round(self._drawn(draws, "context"))
            prompt = Growing(shared, shared.of(group, self.group_tokens), self.system_tokens + self.group_tokens)
            prompt.grow(min(context, self.most_tokens - prompt.tokens))
            yield from self._turns(f"a{number}", next(starts), prompt, draws)

    def _turns(self, name: str, at: float, prompt: Growing, draws: np.random.Generator) -> Iterator[Arrival]:
        last = self._last_turn(draws)
        for turn in count():
            answer = round(self._drawn(draws, "answer"))
            yield Arrival(
                at=at,
                prompt_tokens=prompt.tokens,
                output_tokens=answer,
                session=name,
                turn=turn,
                blocks=prompt.blocks(),
                block_tokens=self.block_tokens,
                after_s=self._pause_s(draws) if turn else None,
            )
            prompt.grow(answer + round(self._drawn(draws, "new")))
            full = prompt.tokens / self.most_tokens
            ends = draws.random() < self.reset * (1.0 + (self.reset_scaling - 1.0) * full)
            if full >= 1.0 or (turn + 1 >= last if last else ends):
                return

    def _last_turn(self, draws: np.random.Generator) -> int:
        """How many turns the session has; 0 where chance ends it."""
        if not self.turns_median:
            return 0
        return max(round(self.turns_median * float(np.exp(self.turns_sigma * draws.standard_normal()))), 1)

    def _drawn(self, draws: np.random.Generator, what: str) -> float:
        median, spread = getattr(self, f"{what}_median"), getattr(self, f"{what}_sigma")
        value: float = median * float(np.exp(spread * draws.standard_normal()))
        most: float = getattr(self, f"{what}_most")
        return max(min(value, most), 1.0)

    def _pause_s(self, draws: np.random.Generator) -> float:
        tool, normal = draws.random() < self.agentic, draws.standard_normal()
        median, spread = (self.tool_median_s, self.tool_sigma) if tool else (self.human_median_s, self.human_sigma)
        return median * float(np.exp(spread * normal))

    def _bounds(self) -> Floats:
        """Cumulated chances of the groups, by Zipf's law."""
        weights = np.arange(1.0, self.groups + 1.0) ** -float(self.zipf)
        found = np.cumsum(weights / weights.sum())
        found[-1] = 1.0
        return np.asarray(found)

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """Turns, pauses, growth and what all share; groups are not looked for. Raises `CannotFit` without sessions."""
        need_sessions(sample, "agent_sessions")
        turns = Turns.of(sample)
        between = np.diff(np.sort(turns.starts))
        mean = float(between.mean()) if len(between) else 0.0
        new, answer = LogNormal.of(np.maximum(turns.fresh, 1)), LogNormal.of(sample.output_tokens)
        context, pause = LogNormal.of(np.maximum(turns.opening - turns.system_tokens, 1)), LogNormal.of(turns.pauses)
        many, most = LogNormal.of(turns.counts), int(sample.prompt_tokens.max())
        return cls(
            rate_rps=1.0 / mean if mean > 0.0 else 1.0,
            cv=float(between.std() / mean) if mean > 0.0 else 1.0,
            system_tokens=turns.system_tokens,
            group_tokens=0,
            groups=1,
            zipf=0.0,
            context_median=context.median,
            context_sigma=context.sigma,
            context_most=float(turns.opening.max()),
            new_median=new.median,
            new_sigma=new.sigma,
            new_most=float(max(turns.fresh.max(), 1)),
            answer_median=answer.median,
            answer_sigma=answer.sigma,
            answer_most=float(sample.output_tokens.max()),
            agentic=1.0,
            tool_median_s=pause.median,
            tool_sigma=pause.sigma,
            turns_median=many.median,
            turns_sigma=many.sigma,
            most_tokens=most + 1,
            block_tokens=sample.block_tokens or 64,
        )
