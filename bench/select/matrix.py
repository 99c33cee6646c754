"""MMLU-Pro as a matrix: which of 29 models answered which question rightly, in how many tokens, at what price."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.embedded import question_text
from bench.select.folds import Rows
from bench.select.prices import price_of
from policies.registry import known
from policies.select.quality.port import Floats
from router.classify.tasks.reading import BadRow, Row, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Columns of questions by models; NaN where a model was not asked."""

    models: tuple[str, ...]
    texts: list[str]
    category: list[str]
    source: list[str]  # the exam a question was taken from
    prompt_tokens: Floats
    right: Floats  # shape (questions, models)
    out_tokens: Floats  # shape (questions, models)
    usd: Floats  # shape (questions, models): what the answer cost at list prices

    def __len__(self) -> int:
        return len(self.texts)

    def chosen(self, index: Rows) -> "Matrix":
        """Some questions."""
        return Matrix(
            models=self.models,
            texts=[self.texts[i] for i in index],
            category=[self.category[i] for i in index],
            source=[self.source[i] for i in index],
            prompt_tokens=self.prompt_tokens[index],
            right=self.right[index],
            out_tokens=self.out_tokens[index],
            usd=self.usd[index],
        )

    def of(self, models: Sequence[str]) -> "Matrix":
        """Some models, in that order; raises `BadRow` for one that has no column."""
        for model in models:
            if model not in self.models:
                raise BadRow(f"mmlu_pro/matrix.csv.gz has no column 'ok:{model}': {known(model, list(self.models))}")
        index = [self.models.index(model) for model in models]
        columns = {name: getattr(self, name)[:, index] for name in ("right", "out_tokens", "usd")}
        return replace(self, models=tuple(models), **columns)


def read_matrix(data: Path) -> Matrix:
    """The matrix of data/mmlu_pro."""
    found = list(rows(data / "mmlu_pro" / "matrix.csv.gz"))
    texts = {str(each["question_id"]): question_text(each) for each in rows(data / "mmlu_pro" / "questions.jsonl.gz")}
    lacking = next((row for row in found if row["question_id"] not in texts), None)
    if lacking is not None:
        raise BadRow(f"{lacking.path}, row {lacking.number}: questions.jsonl.gz has no {lacking['question_id']}")
    models = tuple(name[3:] for name in found[0] if name.startswith("ok:"))
    prompts = np.array([row.amount("prompt_tokens") for row in found])
    out = _columns(found, [f"out:{model}" for model in models])
    prices = np.array([price_of(model) for model in models])
    return Matrix(
        models=models,
        texts=[texts[row["question_id"]] for row in found],
        category=[row["category"] for row in found],
        source=[row["src"] for row in found],
        prompt_tokens=prompts,
        right=_columns(found, [f"ok:{model}" for model in models]),
        out_tokens=out,
        usd=(prompts[:, None] * prices[:, 0] + out * prices[:, 1]) / 1e6,
    )


def _columns(found: Sequence[Row], names: Sequence[str]) -> Floats:
    return np.array([[row.amount(name) for name in names] for row in found])
