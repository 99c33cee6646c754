"""Columns of arrivals: joined, cut to full blocks, told as rows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sims.arrival import Arrival
from sims.arrivals import NONE, PER_ARRIVAL, Arrivals, Floats, Ids, Ints

SPARSE = 8  # ids up to so many times their count are renumbered through a table, others by sorting


def joined(pieces: Sequence[Arrivals]) -> Arrivals:
    """Pieces of one stream end to end: they share the numbers of their blocks, sessions and models."""
    starts = np.cumsum([0, *(len(piece.blocks) for piece in pieces)])
    ends = [piece.ends[1:] + start for piece, start in zip(pieces, starts.tolist(), strict=False)]
    columns: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in pieces]) for name in PER_ARRIVAL}
    return replace(
        max(pieces, key=lambda piece: piece.block_tokens),
        **columns,
        blocks=np.concatenate([piece.blocks for piece in pieces]),
        ends=np.concatenate([np.zeros(1, np.int64), *ends]),
    )


def lengths(at: Floats, prompt_tokens: Ints, output_tokens: Ints) -> Arrivals:
    """A piece of a stream of which nothing else is known; what is unknown takes no memory until it is joined."""
    none = np.broadcast_to(np.int32(NONE), len(at))
    return Arrivals(
        at=at,
        prompt_tokens=prompt_tokens.astype(np.int32),
        output_tokens=output_tokens.astype(np.int32),
        session=none,
        after_s=np.broadcast_to(np.nan, len(at)),
        model=none,
        ends=np.broadcast_to(np.int64(0), len(at) + 1),
    )


def first(arrivals: Arrivals, count: int) -> Arrivals:
    """The first so many; their blocks keep their numbers."""
    if count >= len(arrivals):
        return arrivals
    columns = {name: getattr(arrivals, name)[:count] for name in PER_ARRIVAL}
    return replace(arrivals, **columns, blocks=arrivals.blocks[: arrivals.ends[count]], ends=arrivals.ends[: count + 1])


def full(arrivals: Arrivals) -> Arrivals:
    """The same without the partial blocks at the ends of prompts, the others numbered from 0 up without gaps."""
    if not len(arrivals.blocks):
        return replace(arrivals, block_tokens=0)
    covering = np.diff(arrivals.ends)
    counts = np.minimum(covering, arrivals.prompt_tokens // arrivals.block_tokens)
    if (counts == covering).all():
        return replace(arrivals, blocks=renumbered(arrivals.blocks))
    return replace(
        arrivals, blocks=renumbered(arrivals.blocks[ranges(arrivals.ends[:-1], counts)]), ends=cumulated(counts)
    )


def ranges(starts: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> Ints:
    """starts[0], starts[0] + 1, ... counts[0] of them, then those of starts[1] and so on; shape [counts.sum()]."""
    ends = cumulated(counts)
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts - ends[:-1], counts))


def cumulated(counts: npt.NDArray[np.integer]) -> Ints:
    """0 and the running sums, shape [n + 1]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def renumbered(blocks: npt.NDArray[np.integer]) -> Ids:
    """The ids from 0 up without gaps, in the order of the ids."""
    if not len(blocks):
        return np.zeros(0, np.int32)
    if blocks.max() > SPARSE * len(blocks) + 1024:
        return np.asarray(np.unique(blocks, return_inverse=True)[1], np.int32)
    used = np.zeros(int(blocks.max()) + 1, np.bool_)
    used[blocks] = True
    if used.all():
        return blocks.astype(np.int32, copy=False)
    return np.asarray((np.cumsum(used, dtype=np.int32) - np.int32(1))[blocks])


def rows(arrivals: Arrivals) -> Iterator[Arrival]:
    """Every arrival as a row; turns are counted from 0 in what is given."""
    ends, size = arrivals.ends.tolist(), arrivals.block_tokens
    turns: dict[int, int] = {}
    columns = (getattr(arrivals, name).tolist() for name in PER_ARRIVAL)
    for i, (at, prompt, output, session, after_s, model, slo, visual, topic) in enumerate(zip(*columns, strict=True)):
        blocks = tuple(arrivals.blocks[ends[i] : ends[i + 1]].tolist()) if size else ()
        turn = 0
        if session != NONE:
            turn = turns.get(session, 0)
            turns[session] = turn + 1
        yield Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=output,
            session=str(session) if session != NONE else "",
            turn=turn,
            model=arrivals.models[model] if model != NONE else "",
            slo=arrivals.slos[slo] if slo != NONE else "",
            blocks=blocks,
            block_tokens=size if blocks else 0,
            after_s=None if after_s != after_s else after_s,
            visual_tokens=visual,
            topic=arrivals.topics[topic] if topic != NONE else "",
        )
