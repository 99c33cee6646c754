"""How hard a prompt is: the probability that most models of a set fail on it.

Learned from what models of all sizes scored on public questions; it knows exams and short tasks, not conversations.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from router.classify.tasks.port import Example, task
from router.classify.tasks.reading import rows
from router.classify.tasks.settings import Settings


@task
class Difficulty(Settings):
    """Whether fewer than half of the models get it right."""

    reads: ClassVar[str] = "mmlu_pro/questions.jsonl.gz"
    labels: ClassVar[tuple[str, ...]] = ("no", "yes")
    ridge: ClassVar[float] = 3.0

    def examples(self, data: Path) -> Iterator[Example]:
        """MMLU-Pro's questions as models got them, and LLMRouter's prompts where the folder has them."""
        right = {row["question_id"]: _share(row) for row in rows(data / "mmlu_pro" / "matrix.csv.gz")}
        for row in rows(data / "mmlu_pro" / "questions.jsonl.gz"):
            share = right.get(str(row["question_id"]))
            if share is not None:
                text = "\n".join([row["question"].strip(), *row["options"]])
                yield _example(text, share, " ".join(row["question"].lower().split()))
        scored = data / "llmrouter_dc" / "scores.jsonl.gz"
        for row in rows(scored) if scored.is_file() else ():
            text, scores = row["prompt"].strip(), row["scores"].values()
            yield _example(text, sum(scores) / len(scores), text)


def _share(row: Mapping[str, Any]) -> float | None:
    """The share of the models that answered which are right; None where nobody answered."""
    told = [value == "1" for name, value in row.items() if name.startswith("ok:") and value != ""]
    return sum(told) / len(told) if told else None


def _example(text: str, share: float, group: str) -> Example:
    return Example(text, "yes" if share < 0.5 else "no", group)
