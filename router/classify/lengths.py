"""How long the answer will be, by model: least squares on logarithms, then quantiles of what that leaves.

What is left over is not alike everywhere: its quantiles are taken in bins of the predicted length.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.signals.reading import Reading
from router.classify.features import Seen
from router.classify.kernel import Problem, assign, fit, left_out
from router.classify.linear import UNREADABLE, BadHead
from router.classify.ngrams import Floats, rarity
from router.classify.tasks.reading import rows

QUANTILES = (0.5, 0.75, 0.9)
RIDGES = (1.0, 3.0, 9.0)  # the one whose left-out predictions miss least is taken
BINS = 10  # of the predicted length
FEWEST = 20  # rows a bin
ANY = "*"  # the model that stands for all: the mean of their logarithms
Tokens = npt.NDArray[np.float32]
"""Output tokens, shape (texts, models); NaN where a model has no answer."""


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
    encoders: Mapping[str, str] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)

    def quantiles(self, seen: Seen) -> Floats:
        """Tokens at each of `QUANTILES`, shape (texts, models, quantiles); ascending."""
        logs = seen.of_tier(self.tier, self.rarity) @ self.weights + self.mean
        return np.stack(
            [at_bins(logs[:, m], self.middles[m], self.factors[m]) for m in range(len(self.models))], axis=1
        )

    def readings(self, seen: Seen) -> list[Reading]:
        """The P75 of any model, and P50, P75 and P90 as scores."""
        told = self.quantiles(seen)[:, -1]
        names = [f"output_p{round(100 * quantile)}" for quantile in QUANTILES]
        return [Reading(float(row[1]), scores=dict(zip(names, map(float, row), strict=True))) for row in told]

    def save(self, path: Path) -> None:
        """Keep it in one file."""
        told: dict[str, Any] = {"form": "lengths", "models": self.models, "tier": self.tier}
        told |= {"encoders": dict(self.encoders), "card": dict(self.card)}
        arrays = {name: getattr(self, name) for name in ARRAYS}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            np.savez(out, told=np.array(json.dumps(told)), **arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """One quantile of any model's length, as a signal of its own."""

    lengths: Lengths
    name: str

    @property
    def tier(self) -> str:
        """What it sees texts through."""
        return self.lengths.tier

    def readings(self, seen: Seen) -> list[Reading]:
        """Tokens."""
        return [Reading(each.scores[self.name]) for each in self.lengths.readings(seen)]


def signals(lengths: Lengths) -> dict[str, Quantile]:
    """The signals that lengths answer: output_p50, output_p75, output_p90."""
    names = [f"output_p{round(100 * quantile)}" for quantile in QUANTILES]
    return {name: Quantile(lengths=lengths, name=name) for name in names}


ARRAYS = ("weights", "rarity", "mean", "middles", "factors")


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
    by_quantile = [np.interp(logs, middles, factors[:, q]) * np.exp(logs) - 1 for q in range(factors.shape[1])]
    told: Floats = np.maximum.accumulate(np.stack(by_quantile, axis=1), axis=1).clip(0, None).astype(np.float32)
    return told


def bins(logs: Floats, tokens: Tokens, size: int = BINS) -> tuple[Floats, Floats]:
    """The middles of bins of predicted logarithms, and each quantile's factors there; rows without tokens are out."""
    known = np.flatnonzero(~np.isnan(tokens))
    order = known[np.argsort(logs[known], kind="stable")]
    parts = np.array_split(order, max(min(size, len(order) // FEWEST), 1))
    parts += [parts[-1]] * (size - len(parts))  # few rows fill few bins: the last one is there as often as is needed
    middles = np.array([logs[part].mean() for part in parts], np.float32)
    factors = np.array([np.quantile((tokens[part] + 1) / np.exp(logs[part]), QUANTILES) for part in parts], np.float32)
    return middles, factors


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Prompts and how long each model's answer was."""

    texts: Sequence[str]
    models: tuple[str, ...]
    tokens: Tokens

    def logs(self) -> Floats:
        """Logarithms by model and of all together, (texts, models + 1).

        A gap is filled by the model's mean and how far the other models' answers to that text lie from theirs.
        """
        logs = np.log1p(self.tokens)
        usual = np.nanmean(logs, axis=0)
        longer = np.nanmean(logs - usual, axis=1, keepdims=True)
        filled = np.where(np.isnan(logs), usual + longer, logs)
        return np.concatenate([filled, filled.mean(axis=1, keepdims=True)], axis=1).astype(np.float32)


def mmlu_pro_answers(data: Path) -> tuple[list[dict[str, Any]], Answers]:
    """MMLU-Pro's questions of a data folder, and the tokens of every model's answer to them."""
    counts = {row["question_id"]: row for row in rows(data / "mmlu_pro" / "matrix.csv.gz")}
    asked = [row for row in rows(data / "mmlu_pro" / "questions.jsonl.gz") if str(row["question_id"]) in counts]
    models = tuple(name[4:] for name in next(iter(counts.values())) if name.startswith("out:"))
    table = [[counts[str(row["question_id"])][f"out:{model}"] or "nan" for model in models] for row in asked]
    texts = ["\n".join([row["question"].strip(), *row["options"]]) for row in asked]
    return asked, Answers(texts=texts, models=models, tokens=np.array(table, np.float32))


def learn(answers: Answers, seen: Seen, tier: str, buckets: int = 2048) -> tuple[Lengths, Floats]:
    """Lengths, and every text's quantiles by a fit without its fold: (texts, models + 1, quantiles)."""
    rare, folds = rarity(seen.folded(buckets)), assign(answers.texts)
    counts = np.ones(len(answers.texts), np.float32)
    features, targets = seen.of_tier(tier, rare), answers.logs()
    tried = [Problem(features=features, targets=targets, counts=counts, ridge=ridge) for ridge in RIDGES]
    problem, logs = min(((each, left_out(each, folds)) for each in tried), key=lambda pair: error(*pair))
    tokens = with_any(answers.tokens)
    fitted = [bins(logs[:, m], tokens[:, m]) for m in range(logs.shape[1])]
    left = np.empty((*logs.shape, len(QUANTILES)), np.float32)
    for fold in np.unique(folds):
        out, kept = folds == fold, folds != fold
        for m in range(logs.shape[1]):
            left[out, m] = at_bins(logs[out, m], *bins(logs[kept, m], tokens[kept, m]))
    lengths = Lengths(
        models=(*answers.models, ANY),
        tier=tier,
        weights=fit(problem),
        rarity=rare,
        mean=problem.mean(),
        middles=np.stack([middles for middles, _ in fitted]),
        factors=np.stack([factors for _, factors in fitted]),
    )
    return lengths, left


def error(problem: Problem, left: Floats) -> float:
    """The mean square of what left-out predictions miss, in logarithms."""
    return float(np.square(problem.targets - left).mean())


def with_any(tokens: Tokens) -> Tokens:
    """Tokens by model, and the mean over models that answered as one more column."""
    return np.concatenate([tokens, np.nanmean(tokens, axis=1, keepdims=True)], axis=1).astype(np.float32)


def pinball(tokens: Tokens, told: Floats | np.float32, quantile: float) -> Floats:
    """The loss that a quantile minimises, by element; NaN where tokens are."""
    over = tokens - told
    loss: Floats = np.maximum(quantile * over, (quantile - 1) * over)
    return loss
