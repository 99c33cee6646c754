"""The stream: one question a second, judged late or never, and the best model worse from half-way on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from bench.online.answers import Answers, Floats
from policies.select.beliefs import Beliefs
from policies.select.port import Choice, Context, Feedback, Option
from policies.select.purse import Purse

BATCH = 20  # seconds between two moments of learning
MOST_LATE_S = 120.0
UNJUDGED = 0.2  # share of answers that nobody judges


class Bandit(Protocol):
    """Ours, or a library's behind the same questions."""

    @property
    def purse(self) -> Purse:
        """What exploring may cost."""

    @property
    def beliefs(self) -> Beliefs:
        """What it learned."""

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`."""

    def sent(self, context: Context, options: Sequence[Option], choice: Choice) -> Self:
        """Having sent a request so."""

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """Having seen that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Questions in their order and what the models would answer, the drift included."""

    answers: Answers
    order: Any  # (n,) rows of answers
    right: Floats  # (n, models) in stream order, after the drift
    best: int  # the model that was best before the drift
    seed: int

    @property
    def half(self) -> int:
        """Where the drift is."""
        return len(self.order) // 2

    def after(self) -> Floats:
        """What was right after the drift."""
        return self.right[self.half :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a policy did with a stream."""

    quality: Floats  # (n,)
    usd: float
    explored_usd: float
    budget_usd: float
    alarms: float
    overdrawn: bool  # whether exploring was ever beyond its budget


def stream(answers: Answers, seed: int, severity: float) -> Stream:
    """A shuffled stream in which a share of the best model's right answers become wrong half-way."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(answers.right))
    right = answers.right[order].copy()
    half = len(order) // 2
    best = int(np.nanargmax(np.nanmean(right[:half], axis=0)))
    spoiled = chance.random(len(order) - half) < severity
    right[half:, best] *= ~spoiled
    return Stream(answers=answers, order=order, right=right, best=best, seed=seed)


def run(of: Stream, learner: Bandit) -> Run:
    """The stream through a learner."""
    waiting: list[tuple[float, Feedback]] = []
    quality, usd, overdrawn, late = np.zeros(len(of.order)), 0.0, False, np.random.default_rng(of.seed + 1)
    for t, (row, right) in enumerate(zip(of.order, of.right, strict=True)):
        asked, options, places = question(of, t, int(row))
        choice = learner.choose(asked, options)
        learner = learner.sent(asked, options, choice)
        overdrawn |= learner.purse.left_usd() < -1e-9
        at = places[choice.option]
        quality[t], cost = right[at], options[choice.option].usd
        usd += cost
        judged = float("nan") if late.random() < UNJUDGED else quality[t]
        told = Feedback(asked, of.answers.models[at], "default", choice.propensity, judged, cost, float(t))
        waiting.append((t + late.random() * MOST_LATE_S, told))
        if t % BATCH == 0:
            learner = learner.learn([one for due, one in waiting if due <= t])
            waiting = [each for each in waiting if each[0] > t]
    purse = learner.purse
    return Run(
        quality=quality,
        usd=usd,
        explored_usd=purse.explored_usd,
        budget_usd=purse.start_usd + purse.share * purse.spent_usd,
        alarms=float(learner.beliefs.alarms.sum()),
        overdrawn=overdrawn,
    )


def question(of: Stream, t: int, row: int) -> tuple[Context, list[Option], list[int]]:
    """A request, the models that can serve it, and their columns."""
    places = np.flatnonzero(np.isfinite(of.right[t])).tolist()
    options = [Option(of.answers.models[at], "default", float(of.answers.usd[row, at])) for at in places]
    return Context(f"{of.seed}-{t}", of.answers.vectors[row]), options, places


def runs(answers: Answers, make: Callable[[], Bandit], seeds: int, severity: float) -> Iterator[tuple[Stream, Run]]:
    """One stream a seed."""
    for seed in range(seeds):
        of = stream(answers, seed, severity)
        yield of, run(of, make())
