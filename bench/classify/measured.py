"""Scores of tested rows by heads that have not seen them: left-out folds of one folder, or another folder's head."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bench.classify.claim import say
from bench.embedded import embedded
from bench.select.held import SHARED
from router.classify.linear import Linear, indices
from router.classify.ngrams import Floats
from router.classify.tasks.port import TASKS, Example
from router.classify.training import Plan, plan_of, seen_of, train

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """Tested examples, their labels (-1: outside) and scores, and the head whose settings go with them."""

    examples: Sequence[Example]
    labels: npt.NDArray[np.int64]
    scores: Floats
    head: Linear
    by_folds: bool  # whether each row was scored without its fold, rather than by other rows' head


def tested(name: str, tier: str, folder: Path, taught: Path | None) -> Tested:
    """A task's head on a folder's rows, taught by the other folder where one is named that has other rows."""
    task = TASKS[name]()
    plan = plan_of(name, task, tier)
    rows = list(task.examples(folder))
    teaching = others(task.examples(taught), rows, lambda each: each.group) if taught is not None else []
    return carried(plan, teaching, rows) if teaching else _folds(plan, rows)


def others(teaching: Iterable[T], rows: Sequence[T], key: Callable[[T], str]) -> list[T]:
    """Of what teaches what is not tested; nothing where much of what is tested is among it: then folds have to tell."""
    known, told = {key(each) for each in rows}, list(teaching)
    shared = len(known & {key(each) for each in told})
    if shared > SHARED * len(known):
        say(f"{shared:,} of {len(known):,} tested rows are among those that teach: folds of the tested ones tell")
        return []
    return [each for each in told if key(each) not in known]


def carried(plan: Plan, teaching: Sequence[Example], rows: Sequence[Example]) -> Tested:
    """A head taught by some rows, on others."""
    say(f"{plan.name}, {plan.tier} tier: training on {len(teaching):,} rows, testing on {len(rows):,}")
    head = train(plan, teaching, embedded).head
    scores = head.scores(seen_of([each.text for each in rows], plan.tier, embedded))
    return Tested(
        examples=rows,
        labels=indices([each.label for each in rows], head.labels),
        scores=scores,
        head=head,
        by_folds=False,
    )


def _folds(plan: Plan, rows: Sequence[Example]) -> Tested:
    say(f"{plan.name}, {plan.tier} tier: {len(rows):,} rows, each scored without its fold")
    trained = train(plan, rows, embedded)
    return Tested(examples=rows, labels=trained.labels, scores=trained.left_out, head=trained.head, by_folds=True)


def chosen(found: Tested, rows: npt.NDArray[np.bool_]) -> Tested:
    """Some of the tested rows."""
    kept = [each for each, keep in zip(found.examples, rows, strict=True) if keep]
    return replace(found, examples=kept, labels=found.labels[rows], scores=found.scores[rows])
