"""MMLU-Pro as recorded: which of 29 models answered which question right, and what each answer cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.embedded import question_text
from bench.select.prices import price_of
from router.classify.tasks.reading import BadRow, rows

Floats = npt.NDArray[np.float64]
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]

PROJECTED = 8
WARM_UP = 500  # questions whose embeddings give the projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Questions × models; `right` is NaN where a model was not asked."""

    models: tuple[str, ...]
    domains: npt.NDArray[np.str_]
    vectors: Floats  # (questions, projected)
    right: Floats  # (questions, models), 0 or 1
    usd: Floats  # (questions, models)


def read(folder: Path, embed: Embed) -> Answers:
    """The recorded answers of one folder, each question with the projection of its embedding."""
    matrix = list(rows(folder / "matrix.csv.gz"))
    texts = {str(row["question_id"]): question_text(row) for row in rows(folder / "questions.jsonl.gz")}
    if any(row["question_id"] not in texts for row in matrix):
        raise BadRow(f"{folder}: every row of matrix.csv.gz needs its question in questions.jsonl.gz")
    models = tuple(name[3:] for name in matrix[0] if name.startswith("ok:"))
    prompt = np.array([row.amount("prompt_tokens") for row in matrix])
    prices = np.array([price_of(model) for model in models]) / 1e6
    right, out = (np.array([[row.amount(f"{kind}:{m}") for m in models] for row in matrix]) for kind in ("ok", "out"))
    return Answers(
        models=models,
        domains=np.array([row["category"] for row in matrix]),
        vectors=projected(embed([texts[row["question_id"]] for row in matrix])),
        right=right,
        usd=prompt[:, None] * prices[:, 0] + out * prices[:, 1],
    )


def projected(vectors: npt.NDArray[np.float32]) -> Floats:
    """The directions in which some of the questions differ most, each of unit spread; shape (questions, projected)."""
    told = vectors.astype(np.float64)
    some = np.random.default_rng(0).permutation(len(told))[:WARM_UP]
    centred = told - told[some].mean(axis=0)
    _, _, directions = np.linalg.svd(centred[some], full_matrices=False)
    found = centred @ directions[:PROJECTED].T
    return np.asarray(found / np.maximum(found[some].std(axis=0), 1e-9))
