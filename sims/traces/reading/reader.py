"""Files to arrivals: the format is found or named, times are checked, counted from the first row and spread."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from math import nan
from pathlib import Path
from typing import Any, TypeVar

from policies.registry import BadSetting, UnknownName, strict
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.traces.reading.columns import full, joined
from sims.traces.reading.format import TRACES, Conversing, Dated, Format, Unordered, Whole
from sims.traces.reading.gathering import gathered
from sims.traces.reading.row import BadTrace, Row, named
from sims.traces.reading.rows import rows
from sims.traces.reading.sessions import Sessions

T = TypeVar("T")
HOW = ", or have it sorted: --sort"
LONGEST_S = 1e9  # thirty years: no recording is as long
UNITS = "drop the row, or say the unit (--format generic --field time_unit_s=0.001 for milliseconds)"
Lasting = tuple[Arrival, float]  # an arrival and the seconds from it to its end


class Reading(Iterator[Arrival]):
    """A trace file's arrivals as they are read."""

    def __init__(self, path: Path, form: Format | Whole, sort: bool) -> None:
        self.left_out = 0  # rows so far that were no requests
        self._stream = _arrivals(path, form, sort, self)

    def __next__(self) -> Arrival:
        return next(self._stream)


def read(path: Path, format_name: str = "", *, sort: bool = False, **options: Any) -> Reading:
    """The arrivals of a trace file, streamed, times in seconds from its first; raises `BadTrace`, also while reading.

    The format is detected when it is not named; `options` are the format's fields. Times that fall are an error
    unless the rows are to be sorted; then, and where a format's rows have no order, the whole file is held.
    """
    return Reading(path, chosen(path, format_name or detect(path), options), sort)


def read_columns(path: Path, format_name: str = "", *, sort: bool = False, **options: Any) -> Arrivals:
    """A whole trace file as columns; millions a second where the format draws its arrivals. Raises `BadTrace`."""
    form = chosen(path, format_name or detect(path), options)
    if isinstance(form, Whole):
        return full(joined(list(form.batches(path))))
    return gathered(Reading(path, form, sort))


def chosen(path: Path, name: str, options: dict[str, Any]) -> Format | Whole:
    """The format of that name with those options; raises `BadTrace`."""
    try:
        form: Any = strict(TRACES[name], f"trace format {name}", options)
    except (UnknownName, BadSetting) as error:
        raise BadTrace(f"{path} cannot be read so: {error}") from None
    found: Format | Whole = form
    return found


def detect(path: Path) -> str:
    """The name of the format whose columns the first row has; raises `BadTrace` when there is none."""
    first = next(rows(path))
    fits = [name for name in TRACES.names() if _fits(TRACES[name].columns, first)]
    if not fits:
        has = named(first.values)
        wanted = "; ".join(f"{name}: {', '.join(c)}" for name in TRACES.names() if (c := TRACES[name].columns))
        raise BadTrace(f"{path}, row {first.number}: no format has its columns ({has}): say which holds what, as "
                       f"--format generic --field at=COLUMN --field prompt_tokens=COLUMN --field output_tokens=COLUMN "
                       f"(those named so need no --field), or rename them to a known format's: {wanted}")  # fmt: skip
    return max(fits, key=lambda name: len(TRACES[name].columns))


def _fits(columns: tuple[str, ...], row: Row) -> bool:
    return bool(columns) and set(columns) <= set(row.values)


def _arrivals(path: Path, form: Format | Whole, sort: bool, reading: Reading) -> Iterator[Arrival]:
    if isinstance(form, Whole):
        return form.arrivals(path)
    if sort or isinstance(form, Unordered):
        return _in_sessions(form, _in_order(path, form, reading))
    timed: Iterator[tuple[float, Row]] = _timed(path, form)
    placed = _spread(timed, form.quantum_s) if form.quantum_s else timed
    return _in_sessions(form, _requests(form, placed, reading))


def _requests(form: Format, placed: Iterable[tuple[float, Row]], reading: Reading) -> Iterator[Lasting]:
    """Rows that are requests, and how long each took."""
    lasted = form.lasted_s if isinstance(form, Conversing) else None
    for at, row in placed:
        arrival = form.arrival(row, at)
        if arrival is None:
            reading.left_out += 1
        else:
            yield arrival, lasted(row) if lasted else nan


def _in_sessions(form: Format, requests: Iterable[Lasting]) -> Iterator[Arrival]:
    if not isinstance(form, Conversing):
        return (arrival for arrival, _ in requests)
    sessions = Sessions(form.closed, form.grows)
    return (sessions.placed(arrival, lasted) for arrival, lasted in requests)


def _in_order(path: Path, form: Format, reading: Reading) -> Iterator[Lasting]:
    """Every request of the file, held and put in the order of time; of rows with one key the last counts."""
    found = sorted(_keyed(path, form, reading).values(), key=lambda one: one[0].at)
    origin = _origin(form, found[0][0].at if found else 0.0)
    timed = ((one[0].at - origin, one) for one in found)
    placed = _spread(timed, form.quantum_s) if form.quantum_s else timed
    return ((replace(arrival, at=at), lasted) for at, (arrival, lasted) in placed)


def _keyed(path: Path, form: Format, reading: Reading) -> dict[str, Lasting]:
    """Requests by key, their times from the format's own origin."""
    found: dict[str, Lasting] = {}
    for number, row in enumerate(rows(path)):
        if not number:
            row.needs(form.columns)
        key = form.key(row) if isinstance(form, Unordered) else ""
        for one in _requests(form, [(form.time(row), row)], reading):
            found[key or f"row {number}"] = one
    return found


def _timed(path: Path, form: Format) -> Iterator[tuple[float, Row]]:
    """Rows and their seconds since the first."""
    first, origin, last = True, 0.0, 0.0
    for row in rows(path):
        if first:
            row.needs(form.columns)
        time = form.time(row)
        if first:
            first, origin = False, _origin(form, time)
        elif time < last:
            raise row.bad(f"its time lies {last - time:g} s before the row above: sort the file by time{HOW}")
        if time - origin > LONGEST_S:
            raise row.bad(
                f"its time lies {time - origin:.3g} s after the first row, and no recording is as long: {UNITS}"
            )
        last = time
        yield time - origin, row


def _origin(form: Format, first: float) -> float:
    return form.origin_s() if isinstance(form, Dated) else first


def _spread(timed: Iterable[tuple[float, T]], quantum_s: float) -> Iterator[tuple[float, T]]:
    """Things of one time, evenly over the quantum, or over what is left of it before the next time."""
    waiting: list[T] = []
    since = 0.0
    for at, group in groupby(timed, key=lambda pair: pair[0]):
        yield from _evenly(waiting, since, min(quantum_s, at - since))
        waiting, since = [each for _, each in group], at
    yield from _evenly(waiting, since, quantum_s)


def _evenly(group: list[T], start: float, room: float) -> Iterator[tuple[float, T]]:
    return ((start + room * i / len(group), each) for i, each in enumerate(group))
