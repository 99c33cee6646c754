"""Examples of one's own: a file of texts and labels, for a known head or for a new one."""

from collections.abc import Iterator
from pathlib import Path

from router.classify.tasks.port import Example
from router.classify.tasks.reading import BadRow, rows

WANTED = "a row has a text, a label (empty for what is outside all of them) and, if rows must stay together, a group"


def labelled(path: Path) -> Iterator[Example]:
    """The rows of a .jsonl or .csv file, plain or .gz; raises `BadRow`."""
    for number, row in enumerate(rows(path), 1):
        text, label = row.get("text"), row.get("label")
        if not isinstance(text, str) or not isinstance(label, str):
            raise BadRow(f"{path}, row {number} lacks a text or a label: {WANTED}")
        yield Example(text, label, str(row.get("group") or text))
