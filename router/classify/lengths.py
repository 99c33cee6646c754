"""How long the answer will be, and whether that makes a request heavy on prefill or on decode.

Logarithms by model from a linear head; their quantiles lie by factors above them that depend on the predicted length.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from policies.signals.reading import Reading
from router.classify.features import Seen
from router.classify.linear import UNREADABLE, BadHead, Linear
from router.classify.ngrams import Floats

QUANTILES = (0.5, 0.75, 0.9)
NAMES = tuple(f"output_p{round(100 * quantile)}" for quantile in QUANTILES)
HEAVY = "heavy"
ANY = "*"  # the model that stands for all: the mean of their logarithms
LONG_PROMPT, LONG_ANSWER = 512, 128
"""Tokens from which on a request is heavy on prefill and on decode (TetriInfer, arXiv 2401.11181)."""
CHARACTERS_A_TOKEN = 4.0  # of a prompt whose tokens nobody told
ARRAYS = ("weights", "rarity", "mean", "middles", "factors", "long")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Logarithms of lengths by model, and by which factor each quantile lies above them."""

    models: tuple[str, ...]  # `ANY` is the last
    tier: str
    weights: Floats  # (features, models)
    rarity: Floats
    mean: Floats  # (models,)
    middles: Floats  # logarithms at the bins' middles, (models, bins)
    factors: Floats  # (models, bins, quantiles)
    long: Floats  # slope and intercept of the log-odds of a long answer over the predicted logarithm of any model
    encoders: Mapping[str, str] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)

    def quantiles(self, seen: Seen) -> Floats:
        """Tokens at each of `QUANTILES`, shape (texts, models, quantiles); ascending."""
        logs = seen.of_tier(self.tier, self.rarity) @ self.weights + self.mean
        return np.stack(
            [at_bins(logs[:, m], self.middles[m], self.factors[m]) for m in range(len(self.models))], axis=1
        )

    def of_any(self) -> Linear:
        """The logarithm of any model's length as a head of one label, which scores beside others."""
        weights = np.ascontiguousarray(self.weights[:, -1:])
        return Linear(
            name=ANY, tier=self.tier, labels=("log",), weights=weights, rarity=self.rarity, mean=self.mean[-1:]
        )

    def by_name(self, logs: Floats, seen: Seen) -> Mapping[str, Sequence[Reading]]:
        """The signals `NAMES`, of any model, and `HEAVY`, by the predicted logarithms of texts: readings by name."""
        told = at_bins(logs, self.middles[-1], self.factors[-1])
        found = {name: [Reading(float(tokens)) for tokens in told[:, at]] for at, name in enumerate(NAMES)}
        odds = chance_of_long(logs, self.long)
        sizes = [size or len(text) / CHARACTERS_A_TOKEN for size, text in zip(seen.sizes, seen.texts, strict=True)]
        return {**found, HEAVY: [heavy(size, float(odd)) for size, odd in zip(sizes, odds, strict=True)]}

    def save(self, path: Path) -> None:
        """Keep it in one file."""
        told: dict[str, Any] = {"form": "lengths", "models": self.models, "tier": self.tier}
        told |= {"encoders": dict(self.encoders), "card": dict(self.card)}
        arrays = {name: getattr(self, name) for name in ARRAYS}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            np.savez(out, told=np.array(json.dumps(told)), **arrays)


def heavy(prompt_tokens: float, long_answer: float) -> Reading:
    """Which of its two parts a request is heavy on, by the probability that its answer is long.

    Balanced is a request that is heavy on both, or on neither.
    """
    if prompt_tokens > LONG_PROMPT:
        scores = {"prefill": 1 - long_answer, "decode": 0.0, "balanced": long_answer}
    else:
        scores = {"prefill": 0.0, "decode": long_answer, "balanced": 1 - long_answer}
    label = max(scores, key=scores.__getitem__)
    return Reading(scores[label], label, scores)


def chance_of_long(logs: Floats, long: Floats) -> Floats:
    """The probability of an answer of more than `LONG_ANSWER` tokens by predicted logarithms."""
    chances: Floats = 1 / (1 + np.exp(-(long[0] * (logs - np.log1p(LONG_ANSWER)) + long[1]).clip(-30, 30)))
    return chances


def load(path: Path) -> Lengths:
    """Kept lengths; raises `BadHead` for a file of another kind."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as found:
            told = json.loads(str(found["told"]))
            arrays = {name: found[name] for name in ARRAYS}
    except UNREADABLE as bad:
        raise BadHead(f"{path} does not tell lengths ({bad}): make it with `weir train length`") from bad
    return Lengths(
        models=tuple(told["models"]), tier=told["tier"], encoders=told["encoders"], card=told["card"], **arrays
    )


def at_bins(logs: Floats, middles: Floats, factors: Floats) -> Floats:
    """Quantiles in tokens for predicted logarithms, shape (texts, quantiles)."""
    plain = np.exp(logs)
    told = np.empty((len(logs), factors.shape[1]), np.float32)
    for q in range(factors.shape[1]):
        told[:, q] = np.interp(logs, middles, factors[:, q]) * plain - 1
    np.maximum.accumulate(told, axis=1, out=told)
    return np.maximum(told, 0, out=told)
