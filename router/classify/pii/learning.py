"""Learn the tagger: wrong sequences lend their weight to right ones, and the weights of all steps are averaged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from policies.signals.reading import Span
from router.classify.pii.context import ROWS
from router.classify.pii.tagger import Keys, Table, Tagger, added, allowed, best, keys, to_tags
from router.classify.pii.tokens import tokens
from router.classify.tasks.reading import BadRow, rows

ROUNDS = 8


class Marked(NamedTuple):
    """A text and the spans of personal data that are in it."""

    text: str
    spans: tuple[Span, ...]


def marked(data: Path) -> list[Marked]:
    """All rows of a file, or of all files of a data folder's presidio_pii: text, and spans of start, end and kind.

    Raises `BadRow` for one that is not so.
    """
    paths = [data] if data.is_file() else sorted((data / "presidio_pii").glob("*.jsonl*"))
    if not paths:
        raise FileNotFoundError(f"{data / 'presidio_pii'} holds no .jsonl or .jsonl.gz file")
    return [_marked(path, number, row) for path in paths for number, row in enumerate(rows(path), 1)]


def _marked(path: Path, number: int, row: Mapping[str, Any]) -> Marked:
    try:
        spans = tuple(Span(int(begin), int(end), str(kind)) for begin, end, kind in sorted(row["spans"]))
        return Marked(row["text"][:], spans)
    except (KeyError, TypeError, ValueError):
        raise BadRow(f'{path}, row {number}: a row has a text, and spans [[begin, end, "KIND"], …] in it') from None


class Sums:
    """Weights, and their sum over steps kept lazily: what was added at step t counts from t on."""

    def __init__(self, tags: int) -> None:
        self.table: Table = np.zeros((ROWS, tags), np.float32)
        self.after: Table = np.zeros((tags, tags), np.float32)
        self._late_table, self._late_after = np.zeros_like(self.table), np.zeros_like(self.after)
        self.steps = 1

    def add(self, rows: Keys, tags: npt.NDArray[np.int64], amount: float) -> None:
        """Add to the weights that a sequence of tags uses."""
        before = 0
        for each, tag in zip(rows, tags.tolist(), strict=True):
            np.add.at(self.table, (each, tag), amount)
            np.add.at(self._late_table, (each, tag), amount * self.steps)
            self.after[before, tag] += amount
            self._late_after[before, tag] += amount * self.steps
            before = tag

    def averaged(self) -> tuple[Table, Table]:
        """The mean of the weights over all steps."""
        steps = np.float32(self.steps)
        return self.table - self._late_table / steps, self.after - self._late_after / steps


def learn(examples: Sequence[Marked], rounds: int = ROUNDS) -> Tagger:
    """A tagger of these examples' kinds; their order is shuffled by a fixed seed."""
    kinds = tuple(sorted({span.kind for each in examples for span in each.spans}))
    prepared = [_prepare(each, kinds) for each in examples]
    sums, barred, chance = Sums(1 + 2 * len(kinds)), allowed(len(kinds)), np.random.Generator(np.random.PCG64(0))
    for _ in range(rounds):
        for at in chance.permutation(len(prepared)):
            rows, tags = prepared[at]
            if rows:
                _step(sums, barred, rows, tags)
    table, after = sums.averaged()
    return Tagger(kinds=kinds, table=table, after=after + barred)


def _step(sums: Sums, barred: Table, rows: Keys, tags: npt.NDArray[np.int64]) -> None:
    lengths = np.array([len(each) for each in rows], np.int64)
    told = best(added(sums.table, np.concatenate(rows), lengths), sums.after + barred)
    if (told != tags).any():
        sums.add(rows, tags, 1.0)
        sums.add(rows, told, -1.0)
    sums.steps += 1


def _prepare(example: Marked, kinds: Sequence[str]) -> tuple[Keys, npt.NDArray[np.int64]]:
    found = tokens(example.text)
    return keys(example.text, found), to_tags(example.spans, found, {kind: at for at, kind in enumerate(kinds)})
