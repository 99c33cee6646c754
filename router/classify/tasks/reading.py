"""Rows of data files: .jsonl.gz and .csv.gz, and the plain ones; whatever is missing in one is named."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policies.registry import known


class BadRow(ValueError):
    """A row that cannot be read; names file and row, and says what a row has."""


class Row(dict[str, Any]):
    """One row: asked for a column that it has not, it raises `BadRow` with file, number and the nearest name."""

    __slots__ = ("number", "path")

    def __init__(self, path: Path, number: int, told: dict[str, Any]) -> None:
        super().__init__(told)
        self.path, self.number = path, number

    def __missing__(self, column: str) -> Any:
        raise BadRow(f"{self.path}, row {self.number} has no {column!r}: {known(column, list(map(str, self)))}")

    def amount(self, column: str) -> float:
        """A number; NaN where the cell is empty. Raises `BadRow` for what is none."""
        told = self[column]
        try:
            return float("nan") if told in ("", None) else float(told)
        except (TypeError, ValueError):
            raise BadRow(f"{self.path}, row {self.number}: {column!r} is no number: {told!r}") from None

    def inner(self, column: str) -> "Row":
        """An object within the row, whose missing members are named like columns. Raises `BadRow` for what is none."""
        told = self[column]
        if not isinstance(told, dict):
            raise BadRow(f"{self.path}, row {self.number}: {column!r} is no object: {told!r}")
        return Row(self.path, self.number, told)


def rows(path: Path) -> Iterator[Row]:
    """Rows in file order, counted from 1; raises `BadRow` for one that cannot be read, or a file that holds none."""
    number = 0
    try:
        with _opened(path) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
            for number, told in enumerate(_table(path, text) if ".csv" in path.name else _objects(path, text), 1):
                yield Row(path, number, told)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error, csv.Error) as bad:
        raise BadRow(f"{path} cannot be read after row {number} ({bad}): write it as UTF-8, plain or gzipped") from bad
    if not number:
        raise BadRow(f"{path} holds no row")


def _opened(path: Path) -> io.BufferedReader:
    # A decompressing file reads like any other once it is buffered.
    return io.BufferedReader(gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _table(path: Path, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(csv.DictReader(lines), 1):
        if None in row:
            raise BadRow(f"{path}, row {number} has more cells than the header: repair or drop it")
        yield {name: cell for name, cell in row.items() if cell is not None}


def _objects(path: Path, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
        except ValueError as bad:
            raise BadRow(f"{path}, row {number} is not JSON: {bad}") from bad
        if not isinstance(found, dict):
            raise BadRow(f"{path}, row {number} is not a JSON object")
        yield found
