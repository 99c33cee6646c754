"""Which of MMLU-Pro's fourteen domains a question is of."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from policies.signals.learned import DOMAINS
from router.classify.tasks.port import Example, task
from router.classify.tasks.reading import rows
from router.classify.tasks.settings import Settings


@task
class Domain(Settings):
    """Which of fourteen domains a question is of."""

    reads: ClassVar[str] = "mmlu_pro/questions.jsonl.gz"
    labels: ClassVar[tuple[str, ...]] = DOMAINS
    buckets: ClassVar[int] = 8192

    def examples(self, data: Path) -> Iterator[Example]:
        """Questions with their options, as a model is asked them; one that is asked twice is one group."""
        for row in rows(data / "mmlu_pro" / "questions.jsonl.gz"):
            text = "\n".join([row["question"].strip(), *row["options"]])
            yield Example(text, row["category"], " ".join(row["question"].lower().split()))
