"""Requests, options and feedback for tests of model selection."""

from collections.abc import Sequence

import numpy as np

from policies.request import coin
from policies.select.exploring import Explorer
from policies.select.port import Context, Feedback, Option

CHEAP, DEAR = Option("small", "a", 0.001), Option("large", "b", 0.004)


def context(name: str = "r", features: Sequence[float] = (), tenant: str = "") -> Context:
    return Context(name, np.array(features, dtype=float), tenant=tenant)


def judged(
    option: Option, quality: float, at_s: float = 0.0, *, features: Sequence[float] = (), name: str = "r",
    tenant: str = "", usd: float = 0.0,
) -> Feedback:  # fmt: skip
    return Feedback(context(name, features, tenant), option.model, option.pool, 1.0, quality, usd, at_s)


def many(option: Option, quality: float, n: int, at_s: float = 0.0, tenant: str = "") -> list[Feedback]:
    return [judged(option, quality, at_s, name=f"{i}", tenant=tenant) for i in range(n)]


def coins(option: Option, chance: float, n: int, at_s: float = 0.0, salt: int = 0) -> list[Feedback]:
    """Judgements that are good with some chance, the same in every run."""
    drawn = [float(coin(f"{salt}-{i}", 7) < chance) for i in range(n)]
    return [judged(option, quality, at_s, name=f"{i}") for i, quality in enumerate(drawn)]


def frequencies(learner: Explorer, options: Sequence[Option], n: int = 4000) -> list[float]:
    """How often each option is chosen over many request ids."""
    chosen = [learner.choose(context(f"request-{i}"), options).option for i in range(n)]
    return [chosen.count(at) / n for at in range(len(options))]
