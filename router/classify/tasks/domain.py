"""Which of MMLU-Pro's fourteen domains a question is of."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from policies.signals.learned import DOMAINS
from router.classify.tasks.port import Example, task
from router.classify.tasks.reading import rows


@task
class Domain:
    """Which of fourteen domains a question is of."""

    labels: ClassVar[tuple[str, ...]] = DOMAINS
    synthetic: ClassVar[bool] = False
    ridge: ClassVar[float] = 0.3
    buckets: ClassVar[int] = 8192
    outside_recall: ClassVar[float] = 0.0
    quiet: ClassVar[str] = ""

    def examples(self, data: Path) -> Iterator[Example]:
        """Questions with their options, as a model is asked them; one that is asked twice is one group."""
        for row in rows(data / "mmlu_pro" / "questions.jsonl.gz"):
            text = "\n".join([row["question"].strip(), *row["options"]])
            yield Example(text, row["category"], " ".join(row["question"].lower().split()))
