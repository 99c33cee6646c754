"""Which of 77 things a bank's customer wants (BANKING77)."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from router.classify.tasks.port import Example, task
from router.classify.tasks.reading import rows
from router.classify.tasks.settings import Settings


@task
class Banking(Settings):
    """Which of 77 intents a bank's customer has."""

    reads: ClassVar[str] = "banking77/*.csv*"

    def examples(self, data: Path) -> Iterator[Example]:
        """All rows of all files; a text that differs in case or spaces only is the same group."""
        paths = sorted((data / "banking77").glob("*.csv*"))
        if not paths:
            raise FileNotFoundError(f"{data / 'banking77'} holds no .csv or .csv.gz file")
        for row in (row for path in paths for row in rows(path)):
            yield Example(row["text"], row["category"], " ".join(row["text"].lower().split()))
