"""Which of 150 things an assistant is asked for (CLINC150), or none of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from router.classify.tasks.port import OUTSIDE, Example, task
from router.classify.tasks.reading import rows
from router.classify.tasks.settings import Settings


@task
class Assistant(Settings):
    """Which of 150 intents a request has; abstains on what is none of them."""

    reads: ClassVar[str] = "clinc150/*.jsonl*"
    outside_recall: ClassVar[float] = 0.65  # what left-out rows promise, unseen ones keep less of

    def examples(self, data: Path) -> Iterator[Example]:
        """All rows of all files, whatever their split."""
        paths = sorted((data / "clinc150").glob("*.jsonl*"))
        if not paths:
            raise FileNotFoundError(f"{data / 'clinc150'} holds no .jsonl or .jsonl.gz file")
        for row in (row for path in paths for row in rows(path)):
            yield Example(row["text"], OUTSIDE if row["intent"] == "oos" else row["intent"], row["text"])
