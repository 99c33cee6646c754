"""Recorded arrivals drawn again: a bootstrap over sessions, so that seeds differ as another such hour might have."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sims.arrivals import NONE, Arrivals, dense

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

EVERYBODYS = 0.05  # a block in a greater share of the prompts says nothing of who asks ...
FEW = 32  # ... unless these are so few that they may be one session's
SHIFT_S = 60.0  # a session drawn again comes at most so much earlier or later ...
SHIFT_SHARE = 0.05  # ... and at most this share of the span

VARIES = (
    "which sessions came and how often (sessions drawn anew from the trace, with replacement), "
    "and the draws that policies hash from request ids"
)


def redrawn(arrivals: Arrivals, seed: int) -> Arrivals:
    """As many sessions as there are, drawn with replacement; turns, gaps and shared prefixes inside each stay.

    A request that names no session belongs with those that share a prefix of its own. A session drawn again is moved by
    up to a minute, and what only it had in its prompts is new again: a copy finds cached what another session would.
    """
    if len(arrivals) < 2:
        return arrivals
    unit, rng = units(arrivals), np.random.Generator(np.random.PCG64([seed, 0x5E55]))
    copies = _drawn(unit, rng)
    at = arrivals.at[copies.place] + _shifts(arrivals.at, unit, copies, rng)[copies.copy]
    order = np.argsort(at, kind="stable")
    return replace(_copied(arrivals, unit, copies, order), at=at[order])


def units(arrivals: Arrivals) -> Places:
    """Numbers from 0 up of who asked each: its session, else who shares its first block that is not everybody's."""
    count = len(arrivals)
    label = count + np.arange(count, dtype=np.int64)
    own, at = _first_own(arrivals)
    label[own] = 2 * count + arrivals.blocks[at[own]]
    named = arrivals.session != NONE
    label[named] = arrivals.session[named]
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


def _first_own(arrivals: Arrivals) -> tuple[npt.NDArray[np.bool_], Places]:
    """Which arrivals have a block that is not everybody's, and where the first such one of each stands."""
    count = len(arrivals)
    if not len(arrivals.blocks):
        return np.zeros(count, np.bool_), np.zeros(count, np.int64)
    prompts = np.bincount(arrivals.blocks)
    rare = np.flatnonzero(prompts[arrivals.blocks] <= max(EVERYBODYS * count, min(FEW, count / 2.0)))
    if not len(rare):
        return np.zeros(count, np.bool_), np.zeros(count, np.int64)
    place = np.searchsorted(rare, arrivals.ends[:-1])
    first = rare[np.minimum(place, len(rare) - 1)]
    return (place < len(rare)) & (first < arrivals.ends[1:]), first


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """The arrivals that were drawn, in the order of the trace."""

    place: Places  # of each among the arrivals
    copy: Places  # of each: which copy of a unit it belongs to, numbered over all of them
    unit: Places  # of each copy
    again: npt.NDArray[np.bool_]  # of each copy: whether its unit was drawn before


def _drawn(unit: Places, rng: np.random.Generator) -> Copies:
    """As many units as there are, with replacement."""
    most = int(unit.max()) + 1
    times = np.bincount(rng.integers(0, most, most), minlength=most)
    before = np.cumsum(times) - times
    each = times[unit]
    place = np.repeat(np.arange(len(unit)), each)
    turn = np.arange(len(place)) - np.repeat(np.cumsum(each) - each, each)
    of = np.repeat(np.arange(most), times)
    return Copies(place=place, copy=before[unit[place]] + turn, unit=of, again=np.arange(len(of)) > before[of])


def _shifts(at: Floats, unit: Places, copies: Copies, rng: np.random.Generator) -> Floats:
    """Seconds by which each copy moves, none of its turns leaving the trace; shape [copies]."""
    earliest, latest = np.full(unit.max() + 1, np.inf), np.full(unit.max() + 1, -np.inf)
    np.minimum.at(earliest, unit, at)
    np.maximum.at(latest, unit, at)
    first, last = float(at.min()), float(at.max())
    most = min(SHIFT_S, SHIFT_SHARE * (last - first))
    low = np.maximum(first - earliest, -most)[copies.unit]
    high = np.minimum(last - latest, most)[copies.unit]
    return np.where(copies.again, low + rng.random(len(low)) * (high - low), 0.0)


def _copied(arrivals: Arrivals, unit: Places, copies: Copies, order: Places) -> Arrivals:
    """The drawn arrivals in that order; every copy is a session of its own, with its own blocks."""
    place, copy = copies.place[order], copies.copy[order]
    counts = np.diff(arrivals.ends)[place]
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    at = np.arange(ends[-1]) + np.repeat(arrivals.ends[place] - ends[:-1], counts)
    fresh = _private(arrivals, unit)[at] & np.repeat(copies.again[copy], counts)
    blocks = arrivals.blocks[at] + np.where(fresh, np.repeat(copy + 1, counts) * arrivals.distinct_blocks, 0)
    session = np.where(arrivals.session[place] == NONE, NONE, copy).astype(np.int32)
    return replace(arrivals.chosen(place), session=session, blocks=dense(blocks), ends=ends)


def _private(arrivals: Arrivals, unit: Places) -> npt.NDArray[np.bool_]:
    """Of each block where it stands: whether one unit alone has it."""
    if not len(arrivals.blocks):
        return np.zeros(0, np.bool_)
    whose = np.repeat(unit, np.diff(arrivals.ends))
    one = np.zeros(arrivals.distinct_blocks, np.int64)
    one[arrivals.blocks] = whose
    shared = np.bincount(arrivals.blocks, weights=one[arrivals.blocks] != whose) > 0.0
    return ~shared[arrivals.blocks]
