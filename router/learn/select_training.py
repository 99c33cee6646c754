"""Training of the head that chooses models, and its evaluation on questions left out."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.select.quality.port import Floats
from policies.select.quality.shape import NAMES
from policies.select.quality.stacked import Stacked
from router.classify.calibration import auroc
from router.classify.training import TooFew
from router.learn.select_head import Embed, SelectHead, seen
from router.learn.stacking import Stacking, fit_stacked
from weir.judged import Judged, text_hash

FOLDS = 5
FEWEST = 100  # judged questions of a model
Z_975 = 1.96
BINS = 10


def train_select(judged: Judged, tier: str, embed: Embed) -> SelectHead:
    """A head of these answers with its evaluation; raises `TooFew` where nothing can be learned of them."""
    _check(judged)
    features = seen(judged.texts, judged.prompt_tokens.tolist(), tier, embed)
    left_out = np.empty_like(judged.quality)
    for taught, tested in folds(judged.texts):
        left_out[tested] = _fit(judged.chosen(taught), features[taught]).expect(features[tested])
    head = SelectHead(
        models=judged.models,
        tier=tier,
        quality=_fit(judged, features),
        out_tokens=_means(judged.out_tokens),
        taught=frozenset(map(text_hash, judged.texts)),
        card=evaluation(judged, np.clip(left_out, 0.0, 1.0)) | {"source": judged.name},
    )
    return replace(head, version=version(head))


def folds(texts: Sequence[str], count: int = FOLDS) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """(taught, tested) rows; rows of one text never part."""
    fold = np.array([int(text_hash(text), 16) % count for text in texts])
    for each in range(count):
        yield np.flatnonzero(fold != each), np.flatnonzero(fold == each)


def evaluation(judged: Judged, expected: Floats) -> dict[str, Any]:
    """What a card tells, from what heads expect of questions that they were not taught."""
    quality = judged.quality
    asked = ~np.isnan(quality)
    most = np.nanmean(quality, axis=0)
    best = int(most.argmax())
    both = asked[:, best]  # the best model was asked, and so was the one that is chosen
    chosen = np.where(asked, expected, -np.inf).argmax(axis=1)
    mine = quality[np.arange(len(quality)), chosen]
    lead = (mine - quality[:, best])[both]
    return {
        "questions": len(judged),
        "folds": FOLDS,
        "best_model": judged.models[best],
        "best_quality": round(float(most[best]), 4),
        "chosen_quality": round(float(mine[both].mean()), 4),
        "lead": round(float(lead.mean()), 4),
        "lead_ci95": [round(float(lead.mean() + side * Z_975 * lead.std() / len(lead) ** 0.5), 4) for side in (-1, 1)],
        "oracle_quality": round(float(np.nanmax(quality, axis=1).mean()), 4),
        "by_model": {
            name: _of_model(quality[asked[:, i], i], expected[asked[:, i], i]) for i, name in enumerate(judged.models)
        },
    }


def version(head: SelectHead) -> str:
    """What tells this head from another one: a hash of what it expects."""
    assert isinstance(head.quality, Stacked)
    arrays = (head.quality.outcomes.weights, head.quality.topics.weights, head.quality.second.by_topic)
    told = b"".join(each.tobytes() for each in arrays) + " ".join((head.tier, *head.models)).encode()
    return hashlib.sha256(told).hexdigest()[:12]


def _fit(judged: Judged, features: Floats) -> Stacked:
    how = Stacking(text=features.shape[1] - len(NAMES))
    return fit_stacked(features, judged.quality, judged.topics, how)


def _means(values: Floats) -> Floats:
    """Of each column the mean of what is known."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _of_model(quality: Floats, expected: Floats) -> dict[str, Any]:
    right = quality >= 0.5
    bins = np.minimum((expected * BINS).astype(np.int64), BINS - 1)
    off = [abs(float((expected - quality)[bins == each].mean())) * (bins == each).mean() for each in np.unique(bins)]
    return {
        "judged": len(quality),
        "quality": round(float(quality.mean()), 4),
        "auroc": None if right.all() or not right.any() else round(auroc(expected, right), 4),
        "calibration_error": round(float(sum(off)), 4),
    }


def _check(judged: Judged) -> None:
    if len(judged.models) < 2:
        raise TooFew(f"{judged.name} judges {len(judged.models)} model: two or more are needed to choose among them")
    if not all(judged.texts):
        raise TooFew(f"{judged.name} has questions without a text, and a head reads the prompt: add a column text")
    for model, count in zip(judged.models, (~np.isnan(judged.quality)).sum(axis=0), strict=True):
        if count < FEWEST:
            raise TooFew(f"{judged.name} judges {count} answers of {model}: at least {FEWEST} are needed")
