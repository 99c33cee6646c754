"""k times the traffic of a trace: more users rather than faster ones.

`grown` superposes k copies of the trace, each shifted by up to a minute, with sessions and prefixes of its own; what
many users' prompts begin with anyway, as a system prompt, stays common. So the pauses inside sessions and the seconds
between a prefix and its reuse stay as they were, and the distinct prefixes that caches must hold grow with the users.
The rate's shape from minute to minute stays too, as if all users were busy at the same times: the careful end; a longer
shift evens it out, as independent users do. `scaled` compresses time instead: every user types k times faster, reuse
comes k times sooner over as few prefixes as before, and an hour is over in minutes. It keeps the times between
arrivals in proportion: choose it to see one source's bursts faster, where there are no sessions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import merge
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.registry import BadSetting
from policies.request import coin
from sims.arrival import Arrival
from sims.arrivals import NONE, PER_ARRIVAL, Arrivals
from sims.traces.reading.columns import cumulated, ranges, renumbered
from sims.traces.reading.transforms import moved

SHIFT_S = 60.0
COMMON = 0.1  # share of sessions (of requests, where there are none) that must begin with a block for all to share it


def grown(arrivals: Sequence[Arrival], rate: float, shift_s: float = SHIFT_S) -> Iterator[Arrival]:
    """`rate` times as many requests, in the order of time; the same in every run. Raises `BadSetting`."""
    shifts = _shifts(rate, shift_s)
    common, stride = _common(arrivals), 1 + max((max(a.blocks, default=-1) for a in arrivals), default=-1)
    copies = [_copy(arrivals, number, shift, common, stride) for number, shift in enumerate(shifts)]
    if part := rate % 1.0:
        copies[-1] = (a for a, kept in zip(copies[-1], _drawn(arrivals, part), strict=True) if kept)
    return merge(*copies, key=lambda arrival: arrival.at)


def _shifts(rate: float, shift_s: float) -> list[float]:
    """By how much each copy comes later: the first not at all, the others spread over the shift."""
    if not 0.0 < rate <= 1e6 or not shift_s >= 0.0:
        raise BadSetting(
            f"rate must be above 0 and at most a million, shift_s not below 0, not {rate:g} and {shift_s:g}"
        )
    count = ceil(rate)
    return [shift_s * (i + coin(f"shift of {i}")) / count if i else 0.0 for i in range(count)]


def _copy(arrivals: Iterable[Arrival], number: int, later_s: float, common: set[int], stride: int) -> Iterator[Arrival]:
    suffix, shift = f"~{number}" if number else "", number * stride
    for arrival in arrivals:
        found = moved(arrival, later_s, suffix, 0)
        if number and arrival.blocks:
            blocks = tuple(block if block in common else block + shift for block in arrival.blocks)
            found = replace(found, blocks=blocks)
        yield found


def _drawn(arrivals: Sequence[Arrival], share: float) -> Iterator[bool]:
    """Whether an arrival is in a part of the trace: whole sessions are or are not."""
    numbers: dict[str, int] = {}
    for i, arrival in enumerate(arrivals):
        session = numbers.setdefault(arrival.session, len(numbers)) if arrival.session else NONE
        yield coin(_unit(session, i)) < share


def _common(arrivals: Sequence[Arrival]) -> set[int]:
    """Blocks that enough sessions have."""
    units: dict[int, set[str]] = {}
    names = set()
    for i, arrival in enumerate(arrivals):
        name = arrival.session or f"request {i}"
        names.add(name)
        for block in arrival.blocks:
            units.setdefault(block, set()).add(name)
    least = max(COMMON * len(names), 2.0)
    return {block for block, users in units.items() if len(users) >= least}


def grown_columns(arrivals: Arrivals, rate: float, shift_s: float = SHIFT_S) -> Arrivals:
    """The same of columns, for millions; sessions and blocks are numbered anew."""
    shifts, count = _shifts(rate, shift_s), len(arrivals)
    copy, place = np.divmod(np.arange(count * len(shifts)), max(count, 1))
    if part := rate % 1.0:
        kept = (copy < len(shifts) - 1) | np.tile(_part(arrivals, part), len(shifts))
        copy, place = copy[kept], place[kept]
    at = arrivals.at[place] + np.array(shifts)[copy]
    order = np.argsort(at, kind="stable")
    copy, place, at = copy[order], place[order], at[order]
    columns: dict[str, Any] = {name: getattr(arrivals, name)[place] for name in PER_ARRIVAL} | {"at": at}
    sessions = int(arrivals.session.max(initial=NONE)) + 1
    numbered = columns["session"] != NONE
    columns["session"] = np.where(numbered, columns["session"] + copy * sessions, NONE).astype(np.int32)
    counts = np.diff(arrivals.ends)[place]
    return replace(arrivals, **columns, blocks=_copied(arrivals, copy, place, counts), ends=cumulated(counts))


def _part(arrivals: Arrivals, share: float) -> npt.NDArray[np.bool_]:
    return np.array([coin(_unit(session, i)) < share for i, session in enumerate(arrivals.session.tolist())], np.bool_)


def _unit(session: int, place: int) -> str:
    """What is kept or left as a whole."""
    return f"part of session {session}" if session != NONE else f"part of request {place}"


def _copied(
    arrivals: Arrivals, copy: npt.NDArray[Any], place: npt.NDArray[Any], counts: npt.NDArray[Any]
) -> npt.NDArray[np.int32]:
    """The copies' blocks: those that all share as they are, the others each copy's own."""
    if not len(arrivals.blocks):
        return arrivals.blocks
    blocks = arrivals.blocks[ranges(arrivals.ends[:-1][place], counts)].astype(np.int64)
    own = np.repeat(copy, counts)
    own[_common_columns(arrivals)[blocks]] = 0
    return renumbered(blocks + own * arrivals.distinct_blocks)


def _common_columns(arrivals: Arrivals) -> npt.NDArray[np.bool_]:
    """Of every block whether enough sessions have it; shape [distinct blocks]."""
    lone = int(arrivals.session.max(initial=NONE)) + 1 + np.arange(len(arrivals))
    units = np.where(arrivals.session == NONE, lone, arrivals.session).astype(np.int64)
    pairs = np.repeat(units, np.diff(arrivals.ends)) * arrivals.distinct_blocks + arrivals.blocks
    users = np.bincount(np.unique(pairs) % arrivals.distinct_blocks, minlength=arrivals.distinct_blocks)
    return np.asarray(users >= max(COMMON * len(np.unique(units)), 2.0))
