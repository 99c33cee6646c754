"""Files to arrivals: the format is found or named, times are checked, counted from the first row and spread."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from policies.registry import BadSetting, UnknownName, strict
from sims.arrival import Arrival
from sims.traces.reading.format import TRACES, Format
from sims.traces.reading.row import BadTrace, Row
from sims.traces.reading.rows import rows


def read(path: Path, format_name: str = "", **options: Any) -> Iterator[Arrival]:
    """The arrivals of a trace file, streamed, times in seconds from its first; raises `BadTrace`, also while reading.

    The format is detected when it is not named; `options` are the format's fields.
    """
    return _arrivals(path, chosen(path, format_name or detect(path), options))


def chosen(path: Path, name: str, options: dict[str, Any]) -> Format:
    """The format of that name with those options; raises `BadTrace`."""
    try:
        return strict(TRACES[name], f"trace format {name}", options)
    except (UnknownName, BadSetting) as error:
        raise BadTrace(f"{path} cannot be read so: {error}") from None


def detect(path: Path) -> str:
    """The name of the format whose columns the first row has; raises `BadTrace` when there is none."""
    first = next(rows(path))
    fits = [name for name in TRACES.names() if _fits(TRACES[name].columns, first)]
    if not fits:
        has = ", ".join(map(str, first.values))
        wanted = "; ".join(f"{name}: {', '.join(c)}" for name in TRACES.names() if (c := TRACES[name].columns))
        raise BadTrace(f"{path}, row {first.number}: no format has its columns ({has}): name `generic` with a field "
                       f"map, or rename columns; known: {wanted}")  # fmt: skip
    return max(fits, key=lambda name: len(TRACES[name].columns))


def _fits(columns: tuple[str, ...], row: Row) -> bool:
    return bool(columns) and set(columns) <= set(row.values)


def _arrivals(path: Path, form: Format) -> Iterator[Arrival]:
    timed = _timed(path, form)
    return _spread(form, timed) if form.quantum_s else (form.arrival(row, at) for at, row in timed)


def _timed(path: Path, form: Format) -> Iterator[tuple[float, Row]]:
    """Rows and their seconds since the first."""
    origin, last = None, 0.0
    for row in rows(path):
        if origin is None:
            row.needs(form.columns)
        time = form.time(row)
        if origin is None:
            origin = last = time
        elif time < last:
            raise row.bad(f"its time lies {last - time:g} s before the row above: sort the file by time")
        last = time
        yield time - origin, row


def _spread(form: Format, timed: Iterator[tuple[float, Row]]) -> Iterator[Arrival]:
    """Rows of one time, evenly over the quantum, or over what is left of it before the next time."""
    waiting: list[Row] = []
    since = 0.0
    for at, group in groupby(timed, key=lambda pair: pair[0]):
        yield from _evenly(form, waiting, since, min(form.quantum_s, at - since))
        waiting, since = [row for _, row in group], at
    yield from _evenly(form, waiting, since, form.quantum_s)


def _evenly(form: Format, group: list[Row], start: float, room: float) -> Iterator[Arrival]:
    for i, row in enumerate(group):
        yield form.arrival(row, start + room * i / len(group))
