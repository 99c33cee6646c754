"""Decision records as a router writes them, read back."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

NEEDED = ("id", "request", "candidates", "chosen", "why", "propensity", "outcome")


VERDICT = b'{"feedback"'
"""How a line begins that tells a verdict on an earlier decision."""


class BadRecord(ValueError):
    """A file that holds no decisions, or not the one asked for."""


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Every record of a file, in order; raises `BadRecord`."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith(VERDICT):
                    yield _record(path, number, line)
    except FileNotFoundError:
        raise BadRecord(f"{path}: no such file: `weir router --decisions FILE` writes one") from None


def with_id(path: Path, wanted: str) -> dict[str, Any]:
    """The record of one request."""
    for record in records(path):
        if record["id"] == wanted:
            return record
    raise BadRecord(f"{path} has no decision about request {wanted!r}")


def last(path: Path, count: int) -> list[dict[str, Any]]:
    """The last so many records."""
    kept = deque(records(path), maxlen=count)
    if not kept:
        raise BadRecord(f"{path} holds no decisions yet")
    return list(kept)


def ratings(path: Path) -> dict[str, float]:
    """Verdicts by the decision that they are about, 0..1: a client's before one that was inferred from what came after;
    of answers that were compared with each other none.
    """
    with path.open("rb") as lines:
        told = [msgspec.json.decode(line) for line in lines if line.startswith(VERDICT)]
    said = sorted((one for one in told if "against" not in one), key=lambda one: "weight" not in one)
    return {str(one["feedback"]): float(one["rating"]) for one in said}


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRecord(f"{path}:{number}: is not JSON ({error})") from None
    missing = [key for key in NEEDED if not isinstance(found, dict) or key not in found]
    if missing:
        raise BadRecord(f"{path}:{number}: is no decision record, it has no {missing[0]!r}")
    return dict(found)
