"""Rows of data files: .jsonl.gz and .csv.gz, and the plain ones."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class BadRow(ValueError):
    """A row that cannot be read; names file and row, and says what a row has."""


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows in file order; raises `BadRow` for one that cannot be read."""
    with _opened(path) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
        yield from csv.DictReader(text) if ".csv" in path.name else _objects(path, text)


def _opened(path: Path) -> io.BufferedReader:
    # A decompressing file reads like any other once it is buffered.
    return io.BufferedReader(gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _objects(path: Path, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
        except ValueError as bad:
            raise BadRow(f"{path}, row {number} is not JSON: {bad}") from bad
        if not isinstance(found, dict):
            raise BadRow(f"{path}, row {number} is not a JSON object")
        yield found
