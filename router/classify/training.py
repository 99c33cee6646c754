"""Train a head by least squares; its sharpness, its abstention and its evaluation come from left-out scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.classify.calibration import (
    auroc,
    calibration_error,
    fires_at,
    macro_f1,
    sharpness,
    softmax,
    threshold_for_recall,
)
from router.classify.features import DENSE, Seen, see, shown
from router.classify.kernel import FOLDS, Problem, assign, fit, left_out, one_hot
from router.classify.linear import Linear, indices
from router.classify.ngrams import Floats, rarity
from router.classify.tasks.port import OUTSIDE, Example, Task

Embed = Callable[[Sequence[str], str], Floats]
"""Vectors of texts by the encoder of that name: "static" or "encoder"."""

FEWEST = 10  # examples that anything can be trained on
MOST = 20_000  # examples: the memory of a fit grows with their square


class TooFew(ValueError):
    """Examples that no head can be trained on; says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A head, and what every example would have scored had its fold not been trained on."""

    head: Linear
    labels: npt.NDArray[np.int64]  # -1: outside
    left_out: Floats
    folds: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a head is trained."""

    name: str
    tier: str
    labels: tuple[str, ...] = ()  # () for those that the examples have
    ridge: float = 0.3
    buckets: int = 2048  # of n-grams
    outside_recall: float = 0.0
    quiet: str = ""  # the label on which a guard does not fire


def plan_of(name: str, task: Task, tier: str) -> Plan:
    """A registered task's plan on one tier."""
    return Plan(
        name=name,
        tier=tier,
        labels=task.labels,
        ridge=task.ridge,
        buckets=task.buckets,
        outside_recall=task.outside_recall,
        quiet=task.quiet,
    )


def train(plan: Plan, examples: Sequence[Example], embed: Embed) -> Trained:
    """Train on examples; raises `TooFew` where they are too few or all alike."""
    known = plan.labels or tuple(sorted({each.label for each in examples} - {OUTSIDE}))
    _check(plan.name, examples, known)
    seen = seen_of([each.text for each in examples], plan.tier, embed)
    labels = indices([each.label for each in examples], known)
    folds = assign([each.group for each in examples])
    rare, targets = rarity(seen.folded(plan.buckets)), one_hot(labels, len(known))
    counts = np.array([each.counts for each in examples], np.float32)
    problem = Problem(features=seen.of_tier(plan.tier, rare), targets=targets, counts=counts, ridge=plan.ridge)
    left = left_out(problem, folds)
    factor = sharpness(left[labels >= 0], labels[labels >= 0])
    head = Linear(
        name=plan.name,
        tier=plan.tier,
        labels=known,
        weights=fit(problem),
        rarity=rare,
        mean=problem.mean(),
        sharpness=factor,
        abstain_below=abstention(left, labels, plan.outside_recall),
        card=evaluation(left, labels, known, factor)
        | alarm(plan, known, left, labels)
        | {"contradicted": contradicted(examples)},
    )
    return Trained(head=head, labels=labels, left_out=left, folds=folds)


def contradicted(examples: Sequence[Example]) -> int:
    """Texts that have more than one label: each counts as often as it was given, so the head is torn between them."""
    labels: dict[str, set[str]] = {}
    for each in examples:
        labels.setdefault(each.text, set()).add(each.label)
    return sum(len(given) > 1 for given in labels.values())


def seen_of(texts: Sequence[str], tier: str, embed: Embed) -> Seen:
    """What a head of this tier sees of texts."""
    read = shown(texts)
    return see(texts, read, {name: embed(read, name) for name in DENSE[tier]})


def abstention(scores: Floats, labels: npt.NDArray[np.int64], recall: float) -> float:
    """The score below which a head abstains, so that this share of the outside examples is abstained on."""
    if not recall:
        return float("-inf")
    return threshold_for_recall(scores[labels < 0].max(axis=1), recall)


def alarm(plan: Plan, known: Sequence[str], scores: Floats, labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """From which score on a guard fires: how far a text is from the quiet label; nothing for another head."""
    if not plan.quiet:
        return {}
    quiet = known.index(plan.quiet)
    return {"fires_at": fires_at(-scores[:, quiet], labels != quiet)}


def evaluation(scores: Floats, labels: npt.NDArray[np.int64], known: Sequence[str], factor: float) -> dict[str, Any]:
    """What a model card tells, from left-out scores."""
    inside = labels >= 0
    shares, right, told = softmax(scores[inside], factor), labels[inside], scores[inside].argmax(axis=1)
    sure = scores.max(axis=1)
    return {
        "examples": int(inside.sum()),
        "outside": int((~inside).sum()),
        "folds": FOLDS,
        "accuracy": round(float((told == right).mean()), 4),
        "macro_f1": round(macro_f1(right, told, len(known)), 4),
        "calibration_error": round(calibration_error(shares, right), 4),
        "outside_auroc": None if inside.all() else round(auroc(sure, inside), 4),
        "by_label": {label: _of_label(at, right, told) for at, label in enumerate(known)},
    }


def _of_label(at: int, right: npt.NDArray[np.int64], told: npt.NDArray[np.int64]) -> dict[str, Any]:
    hits = int(((right == at) & (told == at)).sum())
    return {
        "examples": int((right == at).sum()),
        "precision": round(hits / max(int((told == at).sum()), 1), 3),
        "recall": round(hits / max(int((right == at).sum()), 1), 3),
    }


def _check(name: str, examples: Sequence[Example], known: Sequence[str]) -> None:
    if len(examples) < FEWEST or len(known) < 2:
        raise TooFew(f"{name} has {len(examples)} examples of {len(known)} labels: at least {FEWEST} of two are needed")
    if len(examples) > MOST:
        raise TooFew(f"{name} has {len(examples)} examples, more than the {MOST} that one fit can hold: name fewer")
    stray = {each.label for each in examples} - {*known, OUTSIDE}
    if stray:
        raise TooFew(f"{name} has examples of unknown labels {', '.join(sorted(stray)[:3])}; known: {', '.join(known)}")
