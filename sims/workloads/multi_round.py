"""Multi-round questions and answers, as the vLLM production stack's benchmark of that name asks them.

So many users at a time; each asks `rounds` questions, the next not before its time nor before the answer to the last,
over a prompt that grows: a system prompt that all share, a history of the user's own, every question and answer so
far. Who has asked them all makes room for the next. The first users are met at any point of their sessions.
Source: benchmarks/multi-round-qa of github.com/vllm-project/production-stack (Apache-2.0); AIBrix's routing campaigns
are of this kind, with a history of about 21,000 tokens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import count
from typing import Self

import numpy as np

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.traces.reading.row import MOST_TOKENS
from sims.workloads.drawing.bounds import MANY, RATE, TOKENS, TOKENS_OR_NONE, within
from sims.workloads.drawing.fitting import need_sessions
from sims.workloads.drawing.growing import Growing, Shared
from sims.workloads.drawing.turns import Turns
from sims.workloads.drawing.workload import Rowed, workload

BOUNDS = {
    "users": MANY,
    "rounds": MANY,
    "rate_rps": RATE,
    "system_tokens": TOKENS_OR_NONE,
    "history_tokens": TOKENS_OR_NONE,
    "question_tokens": TOKENS,
    "answer_tokens": TOKENS,
    "block_tokens": TOKENS,
}


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiRound(Rowed):
    """`users` at a time, each with users / rate_rps seconds from one question to the next."""

    users: int = 320
    rounds: int = 10
    rate_rps: float = 2.0
    system_tokens: int = 1000
    history_tokens: int = 20000
    question_tokens: int = 20
    answer_tokens: int = 100
    even: bool = False  # users take turns, exactly 1 / rate_rps apart, as in the benchmark; else at drawn moments
    ramp: bool = True  # the first users are in the middle of their sessions; else all begin theirs
    block_tokens: int = 16

    def __post_init__(self) -> None:
        within(self, BOUNDS)
        longest = self.system_tokens + self.history_tokens + self.rounds * (self.question_tokens + self.answer_tokens)
        if longest > MOST_TOKENS:
            raise BadSetting(
                f"the last prompt has {longest:,} tokens, over {MOST_TOKENS:,}: ask for fewer or shorter rounds"
            )

    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """Without end."""
        rng = np.random.Generator(np.random.PCG64(seed))
        shared, numbers, gap_s = Shared(self.block_tokens, self.system_tokens), count(), self.users / self.rate_rps
        places = np.arange(self.users) / self.users if self.even else np.sort(rng.random(self.users))
        asked = rng.permutation(self.users) * self.rounds // self.users if self.ramp else np.zeros(self.users, int)
        due = [
            (place * gap_s, user.number, user)
            for place, rounds in zip(places.tolist(), asked.tolist(), strict=True)
            for user in (User(next(numbers), shared, self, rounds),)
        ]
        heapify(due)
        while True:
            at, _, user = due[0]
            yield user.ask(at, self)
            if user.asked >= self.rounds:
                user = User(next(numbers), shared, self, 0)
            heapreplace(due, (at + gap_s, user.number, user))

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """From sessions: how many at a time, how long they are, and how prompts grow; raises `CannotFit`."""
        need_sessions(sample, "multi_round")
        turns = Turns.of(sample)
        question = max(round(float(turns.fresh.mean())), 1)
        history = float(turns.opening.mean()) - turns.system_tokens - question
        return cls(
            users=max(round(turns.rate_rps * float(turns.pauses.mean())), 1),
            rounds=max(round(float(turns.counts.mean())), 1),
            rate_rps=turns.rate_rps,
            system_tokens=turns.system_tokens,
            history_tokens=max(round(history), 0),
            question_tokens=question,
            answer_tokens=max(round(turns.answer), 1),
            block_tokens=sample.block_tokens or 16,
        )


class User:
    """One session: what it has asked so far."""

    __slots__ = ("_prompt", "asked", "number", "turn")

    def __init__(self, number: int, shared: Shared, settings: MultiRound, asked: int) -> None:
        self.number, self.asked, self.turn = number, asked, 0
        before = asked * (settings.question_tokens + settings.answer_tokens)
        self._prompt = Growing(shared, shared.system, settings.system_tokens + settings.history_tokens + before)

    def ask(self, at: float, settings: MultiRound) -> Arrival:
        """Its next question."""
        self._prompt.grow(settings.question_tokens)
        arrival = Arrival(
            at=at,
            prompt_tokens=self._prompt.tokens,
            output_tokens=settings.answer_tokens,
            session=f"u{self.number}",
            turn=self.turn,
            blocks=self._prompt.blocks(),
            block_tokens=settings.block_tokens,
            after_s=0.0 if self.turn else None,
        )
        self._prompt.grow(settings.answer_tokens)
        self.asked, self.turn = self.asked + 1, self.turn + 1
        return arrival
