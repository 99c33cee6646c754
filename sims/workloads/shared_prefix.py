"""Groups of prompts that share a system prompt, as inference-perf's `shared_prefix` data and staged load.

As there: every group's prompts are made once and shuffled once over all groups; a stage of `rate` for `seconds` sends
int(rate * seconds) of them and begins at the head of the list again. That each stage drains before the next is a pause
of `drain_s` here: a simulated fleet is idle for nothing, so make it longer than any drain. Defaults are llm-d's
"73 % capacity" benchmark (llm-d-kv-cache-manager, benchmarking/73-capacity; Apache-2.0).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from policies.registry import BadSetting
from sims.arrivals import NONE, Arrivals, Floats, Ids, Ints
from sims.traces.reading.columns import cumulated, ranges
from sims.traces.reading.row import MOST_TOKENS
from sims.workloads.drawing.bounds import MANY, SECONDS, TOKENS, TOKENS_OR_NONE, arriving, listed, within
from sims.workloads.drawing.fitting import burstiness, need_blocks
from sims.workloads.drawing.groups import Groups
from sims.workloads.drawing.times import after, gaps
from sims.workloads.drawing.workload import Drawn, workload

BATCH, BATCH_BLOCKS = 8192, 1 << 22  # requests in one draw, or fewer where their blocks are more than so many
MOST_BLOCKS, MOST_SENT = 1 << 27, 10_000_000
MOST_DRAWN = MOST_TOKENS // 2  # of a question or an answer
BOUNDS = {
    "groups": MANY,
    "prompts_per_group": MANY,
    "system_tokens": (1, MOST_DRAWN),
    "question_tokens": TOKENS,
    "question_std": TOKENS_OR_NONE,
    "output_tokens": TOKENS,
    "output_std": TOKENS_OR_NONE,
    "drain_s": SECONDS,
    "block_tokens": TOKENS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of one rate in a stream that was drawn."""

    rate_rps: float
    start_s: float
    end_s: float  # of its sending: its last request or its `seconds`, whichever is later
    first: int  # place of its first request in the stream
    last: int  # one past its last


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Every prompt once, in the order of sending."""

    prompt_tokens: Ids
    output_tokens: Ids
    blocks: Ids
    ends: Ints


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPrefix(Drawn):
    """Poisson arrivals of `groups * prompts_per_group` prompts, over and over."""

    groups: int = 150
    prompts_per_group: int = 5
    system_tokens: int = 6000
    question_tokens: float = 1200.0
    question_std: float = 0.0  # over the prompts of a group; a normal distribution, at least one token
    output_tokens: float = 1000.0
    output_std: float = 0.0
    rate_rps: float = 10.0  # where there are no stages: without end
    cv: float = 1.0
    family: str = "poisson"
    stages: tuple[tuple[float, float], ...] = ()  # (rate, seconds) one after the other; then the stream ends
    drain_s: float = 0.0  # silence after each stage
    anew: bool = True  # each stage begins at the head of the list; else it goes on where the last one ended
    block_tokens: int = 16

    def __post_init__(self) -> None:
        arriving(self, self.family)
        within(self, BOUNDS)
        prompts = self.groups * self.prompts_per_group
        if prompts * (self.system_tokens + self.question_tokens) / self.block_tokens > MOST_BLOCKS:
            raise BadSetting(
                f"{prompts:,} prompts have over {MOST_BLOCKS:,} blocks: ask for fewer, or for larger blocks"
            )
        for rate, seconds in listed("stages", self.stages, 2) if self.stages != () else ():
            if not 1.0 <= rate * seconds <= MOST_SENT or not min(rate, seconds) > 0.0:
                raise BadSetting(f"a stage is [rate, seconds] with 1 to {MOST_SENT:,} requests, not {[rate, seconds]}")

    def batches(self, seed: int) -> Iterator[Arrivals]:
        """A batch a stage; without stages without end."""
        clock, draws = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(2))
        prompts, sent = self._prompts(draws), 0
        if self.stages:
            for stage, at in zip(self.staged(seed), self._stage_times(clock), strict=True):
                yield self._sent(prompts, at, 0 if self.anew else stage.first)
            return
        last, blocks = 0.0, len(prompts.blocks) // len(prompts.prompt_tokens) + 1
        size = max(min(BATCH, BATCH_BLOCKS // blocks), 1)
        while True:
            at = after(last, gaps(clock, self.rate_rps, self.cv, size, self.family))
            yield self._sent(prompts, at, sent)
            last, sent = float(at[-1]), sent + size

    def staged(self, seed: int) -> list[Stage]:
        """When the stages of the stream of that seed are, and which requests are theirs."""
        clock, _ = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(2))
        found: list[Stage] = []
        for (rate, seconds), at in zip(self.stages, self._stage_times(clock), strict=True):
            start, sent = (found[-1].end_s + self.drain_s, found[-1].last) if found else (0.0, 0)
            end = max(start + seconds, float(at[-1]))
            found.append(Stage(rate_rps=rate, start_s=start, end_s=end, first=sent, last=sent + len(at)))
        return found

    def _stage_times(self, clock: np.random.Generator) -> Iterator[Floats]:
        start = 0.0
        for rate, seconds in self.stages:
            at = after(start, gaps(clock, rate, self.cv, int(rate * seconds), self.family))
            yield at
            start = max(start + seconds, float(at[-1])) + self.drain_s

    def _prompts(self, draws: np.random.Generator) -> Prompts:
        count, size = self.groups * self.prompts_per_group, self.block_tokens
        questions = _normal(draws, self.question_tokens, self.question_std, count)
        outputs = _normal(draws, self.output_tokens, self.output_std, count)
        order = draws.permutation(count)
        shared = self.system_tokens // size
        tokens = self.system_tokens + questions
        own = -(-tokens // size) - shared
        first_own = self.groups * shared + cumulated(own)[:-1]
        starts = np.stack([order // self.prompts_per_group * shared, first_own[order]], axis=1)
        counts = np.stack([np.full(count, shared), own[order]], axis=1)
        return Prompts(
            prompt_tokens=tokens[order].astype(np.int32),
            output_tokens=outputs[order].astype(np.int32),
            blocks=ranges(starts.ravel(), counts.ravel()).astype(np.int32),
            ends=cumulated(counts.sum(axis=1)),
        )

    def _sent(self, prompts: Prompts, at: Floats, sent: int) -> Arrivals:
        """Arrivals at those times, from place `sent` of the endless list on."""
        which = np.arange(sent, sent + len(at)) % len(prompts.prompt_tokens)
        counts = np.diff(prompts.ends)[which]
        return Arrivals(
            at=at,
            prompt_tokens=prompts.prompt_tokens[which],
            output_tokens=prompts.output_tokens[which],
            session=np.full(len(at), NONE, np.int32),
            after_s=np.full(len(at), np.nan),
            model=np.full(len(at), NONE, np.int32),
            blocks=prompts.blocks[ranges(prompts.ends[:-1][which], counts)],
            ends=cumulated(counts),
            block_tokens=self.block_tokens,
        )

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """Groups are the prompts that share their longest common beginning; raises `CannotFit` without blocks."""
        need_blocks(sample, "shared_prefix")
        found, arrival = Groups.of(sample), burstiness(sample)
        return cls(
            groups=found.groups,
            prompts_per_group=found.prompts_per_group,
            system_tokens=max(found.system_tokens, 1),
            question_tokens=max(found.question_mean, 1.0),
            question_std=found.question_std,
            output_tokens=float(sample.output_tokens.mean()),
            output_std=float(sample.output_tokens.std()),
            rate_rps=arrival.rate_rps,
            cv=arrival.cv,
            family=arrival.family,
            block_tokens=sample.block_tokens,
        )


def _normal(draws: np.random.Generator, mean: float, std: float, count: int) -> Ints:
    return np.clip(np.rint(draws.normal(mean, std, count)), 1, MOST_DRAWN).astype(np.int64)
