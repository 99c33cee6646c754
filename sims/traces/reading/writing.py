"""Writing traces: whole or not at all."""

import csv
import gzip
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.traces.weir_arrivals import WRITTEN

SUFFIXES = (".jsonl", ".csv", ".jsonl.gz", ".csv.gz")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes `path`'s place when all went well, and is gone when it did not."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(arrivals: Iterable[Arrival], path: Path) -> int:
    """Write arrivals as JSON lines or CSV, gzipped or not, as the suffix says; returns how many.

    Raises `BadSetting` for another suffix, OSError, and what reading the arrivals raises; then nothing is written.
    """
    if not path.name.endswith(SUFFIXES):
        raise BadSetting(f"{path}: name it *.jsonl or *.csv, with .gz or without")
    with replacing(path) as raw:
        if not path.name.endswith(".gz"):
            return _written(arrivals, path, raw)
        # no time in the header: the same arrivals give the same bytes
        with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed:
            return _written(arrivals, path, cast("BinaryIO", packed))


def _written(arrivals: Iterable[Arrival], path: Path, file: BinaryIO) -> int:
    return _csv(arrivals, file) if ".csv" in path.suffixes[-2:] else _json(arrivals, file)


def _json(arrivals: Iterable[Arrival], file: BinaryIO) -> int:
    encode, count = msgspec.json.Encoder().encode, 0
    for arrival in arrivals:
        file.write(encode({name: getattr(arrival, name) for name in WRITTEN}) + b"\n")
        count += 1
    return count


def _csv(arrivals: Iterable[Arrival], file: BinaryIO) -> int:
    text, count = io.TextIOWrapper(file, "utf-8", newline="", write_through=True), 0
    writer = csv.writer(text)  # lines end as RFC 4180 says: with another ending it would not quote a lone \\r
    writer.writerow(WRITTEN)
    for arrival in arrivals:
        writer.writerow([_cell(getattr(arrival, name)) for name in WRITTEN])
        count += 1
    text.detach()
    return count


def _cell(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else value
