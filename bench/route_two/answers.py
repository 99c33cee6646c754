"""Questions of MMLU and GSM8K and who of two models answered them rightly: data/routellm."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.select.folds import Rows
from policies.select.quality.port import Floats
from router.classify.tasks.reading import rows

WEAK, STRONG = "mixtral_8x7b", "gpt4_1106"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Questions and whether the weak and the strong model were right."""

    texts: list[str]
    tokens: list[float]
    topic: list[str]
    right: Floats  # shape (questions, 2)
    mmlu: npt.NDArray[np.bool_]
    draft: Floats  # output tokens of the weak model's answer; NaN where they are not recorded, as on MMLU

    @property
    def lead(self) -> Floats:
        """1 where only the strong model is right, -1 where only the weak one is, else 0."""
        return np.asarray(self.right[:, 1] - self.right[:, 0])

    def chosen(self, index: Rows) -> "Answers":
        """Some questions."""
        pick = [int(i) for i in index]
        return Answers(
            texts=[self.texts[i] for i in pick],
            tokens=[self.tokens[i] for i in pick],
            topic=[self.topic[i] for i in pick],
            right=self.right[index],
            mmlu=self.mmlu[index],
            draft=self.draft[index],
        )


def read(data: Path) -> Answers:
    """The answers of data/routellm."""
    found = [row for name in ("mmlu", "gsm8k") for row in rows(data / "routellm" / f"{name}.jsonl.gz")]
    return Answers(
        texts=[row["prompt"] for row in found],
        tokens=[row.amount("prompt_tokens") for row in found],
        topic=[row["category"] for row in found],
        right=np.array([[row.amount(WEAK), row.amount(STRONG)] for row in found]),
        mmlu=np.array([row["id"].startswith("mmlu") for row in found]),
        draft=np.array([float(row.get(f"{WEAK}_out_tokens", np.nan)) for row in found]),
    )
