"""Scores of tested rows by heads that have not seen them: left-out folds of one folder, or another folder's head."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.classify.claim import say
from bench.embedded import embedded
from router.classify.linear import Linear, indices
from router.classify.ngrams import Floats
from router.classify.tasks.port import TASKS, Example
from router.classify.training import Plan, plan_of, seen_of, train


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """Tested examples, their labels (-1: outside) and scores, and the head whose settings go with them."""

    examples: Sequence[Example]
    labels: npt.NDArray[np.int64]
    scores: Floats
    head: Linear


def tested(name: str, tier: str, folder: Path, taught: Path | None) -> Tested:
    """A task's head on a folder's rows, taught by the other folder where one is named."""
    task = TASKS[name]()
    plan = plan_of(name, task, tier)
    rows = list(task.examples(folder))
    if taught is None:
        return _folds(plan, rows)
    return carried(plan, list(task.examples(taught)), rows)


def carried(plan: Plan, teaching: Sequence[Example], rows: Sequence[Example]) -> Tested:
    """A head taught by some rows, on others."""
    say(f"{plan.name}, {plan.tier} tier: training on {len(teaching):,} rows, testing on {len(rows):,}")
    head = train(plan, teaching, embedded).head
    scores = head.scores(seen_of([each.text for each in rows], plan.tier, embedded))
    return Tested(examples=rows, labels=indices([each.label for each in rows], head.labels), scores=scores, head=head)


def _folds(plan: Plan, rows: Sequence[Example]) -> Tested:
    say(f"{plan.name}, {plan.tier} tier: {len(rows):,} rows, each scored without its fold")
    trained = train(plan, rows, embedded)
    return Tested(examples=rows, labels=trained.labels, scores=trained.left_out, head=trained.head)


def chosen(found: Tested, rows: npt.NDArray[np.bool_]) -> Tested:
    """Some of the tested rows."""
    kept = [each for each, keep in zip(found.examples, rows, strict=True) if keep]
    return replace(found, examples=kept, labels=found.labels[rows], scores=found.scores[rows])
