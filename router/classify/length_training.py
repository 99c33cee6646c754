"""Learn how long answers get: least squares on logarithms, then quantiles of what that leaves.

What is left over is not alike everywhere: its quantiles are taken in bins of the predicted length.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.classify.answers import Answers, Tokens
from router.classify.calibration import calibration_error
from router.classify.features import Seen
from router.classify.kernel import Problem, assign, fit, left_out
from router.classify.lengths import ANY, LONG_ANSWER, LONG_PROMPT, QUANTILES, Lengths, at_bins, chance_of_long
from router.classify.ngrams import Floats, rarity

RIDGES = (1.0, 3.0, 9.0)  # the one whose left-out predictions miss least is taken
BINS = 10  # of the predicted length, at most
FEWEST = 100  # rows a bin: a P90 of fewer hangs on a handful
STEPS = 25  # of Newton's method


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Lengths, and what every text would have been told without its fold."""

    lengths: Lengths
    left: Floats  # quantiles, (texts, models + 1, quantiles)
    long: Floats  # the probability that any model's answer is long, (texts,)


def learn(answers: Answers, seen: Seen, tier: str, buckets: int = 2048) -> Learned:
    """Lengths of these answers, evaluated on left-out folds."""
    rare, folds = rarity(seen.folded(buckets)), assign(answers.texts)
    features, targets, counts = seen.of_tier(tier, rare), answers.logs(), answers.counts()
    tried = [Problem(features=features, targets=targets, counts=counts, ridge=ridge) for ridge in RIDGES]
    problem, logs = min(((each, left_out(each, folds)) for each in tried), key=lambda pair: error(*pair))
    tokens = answers.with_any()
    left, long = _left_out(logs, tokens, counts, folds)
    fitted = [bins(logs[:, m], tokens[:, m], counts) for m in range(logs.shape[1])]
    lengths = Lengths(
        models=(*answers.models, ANY),
        tier=tier,
        weights=fit(problem),
        rarity=rare,
        mean=problem.mean(),
        middles=np.stack([middles for middles, _ in fitted]),
        factors=np.stack([factors for _, factors in fitted]),
        long=odds(logs[:, -1], tokens[:, -1]),
        card=evaluation(answers, left, long),
    )
    return Learned(lengths=lengths, left=left, long=long)


def _left_out(logs: Floats, tokens: Tokens, counts: Floats, folds: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Quantiles and odds of every row by bins of the other folds' rows."""
    left, long = np.empty((*logs.shape, len(QUANTILES)), np.float32), np.empty(len(logs), np.float32)
    for fold in np.unique(folds):
        out, kept = folds == fold, folds != fold
        for m in range(logs.shape[1]):
            left[out, m] = at_bins(logs[out, m], *bins(logs[kept, m], tokens[kept, m], counts[kept]))
        long[out] = chance_of_long(logs[out, -1], odds(logs[kept, -1], tokens[kept, -1]))
    return left, long


def bins(logs: Floats, tokens: Tokens, counts: Floats, size: int = BINS) -> tuple[Floats, Floats]:
    """The middles of bins of predicted logarithms, and each quantile's factors there; rows without tokens are out."""
    known = np.flatnonzero(~np.isnan(tokens))
    order = known[np.argsort(logs[known], kind="stable")]
    parts = np.array_split(order, max(min(size, len(order) // FEWEST), 1))
    parts += [parts[-1]] * (size - len(parts))  # few rows fill few bins: the last one is there as often as is needed
    middles = np.array([logs[part].mean() for part in parts], np.float32)
    longer = np.where(np.isnan(tokens), 1, tokens + 1) / np.exp(logs)
    factors = [np.quantile(longer[part], QUANTILES, weights=counts[part], method="inverted_cdf") for part in parts]
    return middles, np.array(factors, np.float32)


def odds(logs: Floats, tokens: Tokens) -> Floats:
    """Slope and intercept of the log-odds of a long answer: logistic regression, held back a little, by Newton."""
    known = ~np.isnan(tokens)
    seen = np.stack([logs[known] - np.log1p(LONG_ANSWER), np.ones(known.sum())], axis=1).astype(float)
    long, weights = tokens[known] > LONG_ANSWER, np.zeros(2)
    for _ in range(STEPS):
        chances = 1 / (1 + np.exp(-(seen @ weights).clip(-30, 30)))
        slopes = seen.T @ (chances - long) + 0.1 * weights
        curves = (seen * (chances * (1 - chances))[:, None]).T @ seen + 0.1 * np.eye(2)
        weights -= np.linalg.solve(curves, slopes)
    return weights.astype(np.float32)


def evaluation(answers: Answers, left: Floats, long: Floats) -> Mapping[str, float]:
    """What a card tells, from left-out quantiles: the P75's loss beside each model's own quantile, shares within."""
    tokens, own = answers.tokens, np.nanquantile(answers.tokens, QUANTILES[1], axis=0).astype(np.float32)
    lost, flat = (float(np.nansum(pinball(tokens, told, QUANTILES[1]))) for told in (left[:, :-1, 1], own))
    shares = np.stack([1 - long, long], axis=1)
    within = {f"within_p{round(100 * q)}": share_within(tokens, left[:, :-1, at]) for at, q in enumerate(QUANTILES)}
    any_within = {
        f"any_within_p75_of_{name}": share_within(answers.with_any()[rows, -1], left[rows, -1, 1])
        for name in dict.fromkeys(answers.sets)
        for rows in [np.array([each == name for each in answers.sets])]
    }
    truth = (answers.with_any()[:, -1] > LONG_ANSWER).astype(np.int64)
    return {
        "p75_loss_below_each_models_own": round(1 - lost / max(flat, 1e-9), 4),
        **within,
        **any_within,
        "long_answer_accuracy": round(float(((long > 0.5) == truth).mean()), 4),
        "long_answer_calibration_error": round(calibration_error(shares, truth), 4),
        "long_prompts": round(float((np.array(answers.asked) > LONG_PROMPT).mean()), 4),
    }


def share_within(tokens: Tokens, told: Floats) -> float:
    """The share of answers that are no longer than was told."""
    return round(float((tokens <= told)[~np.isnan(tokens)].mean()), 4)


def error(problem: Problem, left: Floats) -> float:
    """The mean square of what left-out predictions miss, in logarithms."""
    return float(np.square(problem.targets - left).mean())


def pinball(tokens: Tokens, told: Floats | np.float32, quantile: float) -> Floats:
    """The loss that a quantile minimises, by element; NaN where tokens are."""
    over = tokens - told
    loss: Floats = np.maximum(quantile * over, (quantile - 1) * over)
    return loss
