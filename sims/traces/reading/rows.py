"""Rows of a file: CSV or JSON lines, gzipped or not, one at a time."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import msgspec

from sims.traces.reading.row import BadTrace, Row

GZIP = b"\x1f\x8b"


def rows(path: Path) -> Iterator[Row]:
    """Every row of a trace file; raises `BadTrace` when it cannot be read or holds none."""
    try:
        with path.open("rb") as raw:
            yield from _rows(path, raw)
    except FileNotFoundError:
        raise BadTrace(f"{path}: no such file: check the path") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadTrace(f"{path} cannot be read: {reason.lower()}: give a readable CSV or JSON-lines file") from None


def _rows(path: Path, raw: BinaryIO) -> Iterator[Row]:
    plain = raw.read(2) != GZIP
    raw.seek(0)
    # by content, not by name: downloads are often renamed
    binary = raw if plain else cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    row = None
    try:
        with io.TextIOWrapper(binary, "utf-8-sig", newline="") as text:
            for row in _by_shape(str(path), text):
                yield row
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BadTrace(f"{path}, {_after(row)}: the gzip is cut short or damaged: fetch the file again") from None
    except UnicodeDecodeError:
        raise BadTrace(f"{path}, {_after(row)}: is not UTF-8 text: save it as CSV or JSON lines in UTF-8") from None
    except csv.Error as error:
        raise BadTrace(f"{path}, {_after(row)}: is not CSV ({error}): repair or drop the row") from None
    if row is None:
        raise BadTrace(f"{path} holds no rows: give a file with at least one request")


def _after(row: Row | None) -> str:
    return f"after row {row.number}" if row else "row 1"


def _by_shape(name: str, text: TextIO) -> Iterator[Row]:
    """JSON lines where the first character says so, otherwise CSV with a header."""
    first = text.readline()
    while first and not first.strip():
        first = text.readline()
    if first.lstrip().startswith(("{", "[")):
        return _json(name, first, text)
    return _csv(name, first, text)


def _json(name: str, first: str, text: TextIO) -> Iterator[Row]:
    decode = msgspec.json.Decoder().decode
    if first.lstrip().startswith("["):
        raise BadTrace(f"{name}, row 1: is a JSON array: write one {{...}} a line, as `jq -c '.[]'` does")
    for number, line in enumerate(_chain(first, text), 1):
        if line.isspace():
            continue
        try:
            values = decode(line)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise BadTrace(f"{name}, row {number}: is not JSON ({error}): one object a line, no NaN") from None
        if not isinstance(values, dict):
            raise BadTrace(f"{name}, row {number}: is not an object: write one {{...}} a line")
        yield Row(name, number, values)


def _csv(name: str, first: str, text: TextIO) -> Iterator[Row]:
    reader = csv.reader(_chain(first, text))
    header = [column.strip() for column in next(reader, [])]
    if len(set(header)) < len(header):
        raise BadTrace(f"{name}, row 1: a column stands twice: rename one")
    for cells in reader:
        if not cells:
            continue
        if len(cells) > len(header):
            said = f"has {len(cells)} cells under {len(header)} columns: quote cells that hold commas"
            raise BadTrace(f"{name}, row {reader.line_num}: {said}")
        yield Row(name, reader.line_num, dict(zip(header, cells, strict=False)))


def _chain(first: str, text: TextIO) -> Iterator[str]:
    if first:
        yield first
    yield from text
