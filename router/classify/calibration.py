"""From scores to probabilities that can be believed, and when to say nothing: fitted on left-out scores only."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from router.classify.ngrams import Floats

SHARPEST = 200.0
BINS = 15


def softmax(scores: Floats, sharpness: float) -> Floats:
    """Probabilities by class, each row summing to one."""
    raised = sharpness * (scores - scores.max(axis=1, keepdims=True))
    powers = np.exp(raised)
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def sharpness(scores: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The one factor on all scores (an inverse temperature) under which the labels are likeliest; golden section."""
    low, high = 0.0, np.log(SHARPEST)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if surprise(scores, labels, np.exp(left)) < surprise(scores, labels, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def surprise(scores: Floats, labels: npt.NDArray[np.int64], factor: float) -> float:
    """The mean negative log-likelihood, in nats, of the labels."""
    shares = softmax(scores, factor)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(shares, 1e-12)).mean())


def calibration_error(shares: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Expected calibration error: how far, on average, what was claimed is from what held."""
    claimed, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    at = np.minimum((claimed * BINS).astype(int), BINS - 1)
    gaps = [abs(float(claimed[at == b].mean() - right[at == b].mean())) * float((at == b).mean()) for b in set(at)]
    return float(sum(gaps))


def threshold_for_recall(outside: npt.NDArray[np.floating], recall: float) -> float:
    """The confidence below which this share of the outside rows lies; -inf where there are none to tell."""
    return float(np.quantile(outside, recall)) if len(outside) else float("-inf")


def auroc(scores: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> float:
    """How often a positive scores above a negative, ties counting half; NaN where one kind is missing."""
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return float("nan")
    _, at, times = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(times) - (times - 1) / 2
    return float((ranks[at][positive].sum() - ups * (ups + 1) / 2) / (ups * downs))


def macro_f1(labels: npt.NDArray[np.int64], told: npt.NDArray[np.int64], classes: int) -> float:
    """The mean over classes of the harmonic mean of precision and recall; absent classes are left out."""
    each = []
    for one in range(classes):
        hits = int(((labels == one) & (told == one)).sum())
        size = int((labels == one).sum() + (told == one).sum())
        if size:
            each.append(2 * hits / size)
    return float(np.mean(each)) if each else float("nan")


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of bootstrap values."""
    low, high = np.nanquantile(np.asarray(values, float), [0.025, 0.975])
    return float(low), float(high)


RECALL = 0.905  # of attacks, that a guard's threshold is set for


def fires_at(attack: npt.NDArray[np.floating], hostile: npt.NDArray[np.bool_]) -> float:
    """The score from which a guard fires: the highest that catches `RECALL` of the attacks; NaN without any."""
    return float(np.quantile(attack[hostile], 1 - RECALL)) if hostile.any() else float("nan")
