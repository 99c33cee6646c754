"""Requests with the published statistics of Mooncake's conversation trace: conversations that grow.

Every prompt starts with the same block. The lengths are drawn first, so that their distribution is the published one;
then it is drawn which requests continue a conversation, and each finds an earlier one that its length fits.
"""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, Self

import numpy as np

from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.traces.reading.summary import TraceSummary, describe
from sims.workloads.drawing.bounds import SHARE, TOKENS, arriving, lengths, within
from sims.workloads.drawing.fitting import burstiness, need_blocks, points
from sims.workloads.drawing.lengths import Quantiles
from sims.workloads.drawing.parameters import parameters
from sims.workloads.drawing.times import BATCH, gamma_times
from sims.workloads.drawing.workload import Rowed, workload

UNIVERSAL = 0  # the block that starts every prompt
MOST_OPEN = 4096  # conversations that may still be continued
READING_S = 15.0  # nobody asks again sooner than this
TRIES = 16
MOST_TUNED, ROUNDS, STEPS = 12_000, 2, 7  # requests drawn to see a shape's reuse; how often both are bisected, how far


@dataclass(slots=True)
class Conversation:
    """One that may be continued."""

    name: str
    turns: int
    last_s: float
    prompt_tokens: int
    blocks: tuple[int, ...]


class Conversations:
    """The open ones, by the length that a continuing prompt must exceed."""

    def __init__(self) -> None:
        self._lengths: list[tuple[int, int]] = []
        self._by_number: dict[int, Conversation] = {}
        self._numbers = count()

    def start(self, at: float) -> Conversation:
        """A new one, without turns."""
        return Conversation(f"c{next(self._numbers)}", 0, at, 0, (UNIVERSAL,))

    def take(self, tokens: float, at: float) -> Conversation | None:
        """The longest that fits below `tokens` and was left alone long enough; it is then no longer open."""
        place = bisect_right(self._lengths, (int(tokens), 1 << 62))
        for i in range(place - 1, max(place - 1 - TRIES, -1), -1):
            number = self._lengths[i][1]
            if at - self._by_number[number].last_s >= READING_S:
                del self._lengths[i]
                return self._by_number.pop(number)
        return None

    def put(self, conversation: Conversation, tokens: int, coin: float) -> None:
        """Leave one open at `tokens` of history; when there are too many, one drawn by `coin` closes."""
        number = next(self._numbers)
        insort(self._lengths, (tokens, number))
        self._by_number[number] = conversation
        if len(self._lengths) > MOST_OPEN:
            self._by_number.pop(self._lengths.pop(int(coin * MOST_OPEN))[1])


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class MooncakeConversation(Rowed):
    """Conversations over blocks of 512 tokens; Poisson arrivals unless `cv` says otherwise."""

    rate_rps: float = 3.40
    cv: float = 1.0  # the published times are rounded to 3 s and tell of no burstiness
    prompt: tuple[tuple[float, float], ...] = ()  # (share, tokens) in place of the published lengths
    output: tuple[tuple[float, float], ...] = ()
    continues: float = 0.0  # in place of the tuned shape; 0: as tuned
    kept: float = 0.0
    block_tokens: int = 512

    def __post_init__(self) -> None:
        arriving(self)
        lengths(self)
        within(self, {"continues": (0.0, 10.0), "kept": SHARE, "block_tokens": TOKENS})

    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """An endless stream."""
        clock, draws = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(2))
        figures, times = parameters("mooncake_conversation"), gamma_times(clock, self.rate_rps, self.cv)
        prompt = Quantiles.of(self.prompt) if self.prompt else figures.prompt
        output = Quantiles.of(self.output) if self.output else figures.output
        shape = figures.shape | {k: v for k in ("continues", "kept") if (v := getattr(self, k))}
        median = float(np.interp(0.5, prompt.shares, prompt.tokens))
        turns = Turns(shape, median, self.block_tokens)
        while True:
            prompts, outputs = prompt.draw(draws, BATCH).tolist(), output.draw(draws, BATCH).tolist()
            for tokens, answer, coins in zip(prompts, outputs, draws.random((BATCH, 3)).tolist(), strict=True):
                yield turns.next(next(times), tokens, answer, coins)

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """Lengths, arrivals, and the shape that shows the trace's reuse; raises `CannotFit` without blocks."""
        need_blocks(sample, "mooncake_conversation")
        arrival, wanted = burstiness(sample), describe(sample)
        found = cls(
            rate_rps=arrival.rate_rps,
            cv=arrival.cv,
            prompt=points(sample.prompt_tokens),
            output=points(sample.output_tokens),
            block_tokens=sample.block_tokens,
        )
        return found.tuned(wanted, min(len(sample), MOST_TUNED))

    def tuned(self, wanted: TraceSummary, requests: int) -> Self:
        """With `continues` and `kept` such that a stream of so many requests shows the wanted reuse: each in turn."""
        found = replace(self, continues=0.4, kept=0.5)
        for _ in range(ROUNDS):
            found = found._bisected("continues", "reusing_share", wanted, requests)
            found = found._bisected("kept", "reuse_share", wanted, requests)
        return found

    def _bisected(self, name: str, shown: str, wanted: TraceSummary, requests: int) -> Self:
        """With `name` where the stream's `shown` share passes the wanted one; both rise together."""
        found, low, high = self, 0.005, 0.995
        for _ in range(STEPS):
            middle = round((low + high) / 2.0, 6)
            change: dict[str, Any] = {name: middle}
            found = replace(found, **change)
            summary = describe(islice(found.arrivals(0), requests))
            low, high = (middle, high) if getattr(summary, shown) < getattr(wanted, shown) else (low, middle)
        return found


class Turns:
    """Gives lengths their place in conversations."""

    def __init__(self, shape: dict[str, float], median: float, block_tokens: int) -> None:
        self._shape, self._median, self._block_tokens = shape, median, block_tokens
        self._open = Conversations()
        self._blocks = count(UNIVERSAL + 1)

    def next(self, at: float, prompt: int, output: int, coins: list[float]) -> Arrival:
        """The request of those lengths; `coins` are three draws in [0, 1)."""
        talk = self._continued(at, prompt, coins) or self._open.start(at)
        kept = talk.blocks[: max(talk.prompt_tokens // self._block_tokens, 1)]
        fresh = -(-prompt // self._block_tokens) - len(kept)
        blocks = kept + tuple(next(self._blocks) for _ in range(fresh))
        turn = talk.turns
        talk.turns, talk.last_s, talk.prompt_tokens, talk.blocks = turn + 1, at, prompt, blocks
        self._open.put(talk, prompt + output, coins[2])
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=output,
            session=talk.name,
            turn=turn,
            blocks=blocks,
            block_tokens=self._block_tokens,
        )

    def _continued(self, at: float, prompt: int, coins: list[float]) -> Conversation | None:
        shape = self._shape
        chance = min(shape["continues"] * (prompt / self._median) ** shape["growth"], shape["most"])
        if coins[0] >= chance:
            return None
        return self._open.take(prompt * (shape["kept"] + (1.0 - shape["kept"]) * coins[1]), at)
