"""What a trace's sessions are like: how many turns, how far apart, how prompts grow from one to the next."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from sims.arrivals import NONE, Arrivals, Floats, Ints

FEW = 5  # sessions seen whole, below which those cut off by the ends of the trace count as well
MODAL = 0.5  # share of sessions that must begin alike for a beginning to be everybody's


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Arrays of one entry a session, or one a pair of turns that follow one another."""

    counts: Ints  # turns of a session
    starts: Floats  # when its first turn came
    opening: Ints  # its first prompt's tokens
    growth: Ints  # tokens by which the next prompt is longer; below 0 where the context was cut
    fresh: Ints  # of those, beyond the answer between them
    pauses: Floats  # seconds between two turns: from the end of the first where that is told, else from its arrival
    rate_rps: float
    answer: float  # mean tokens of an answer
    system_tokens: int  # with which most sessions begin

    @classmethod
    def of(cls, sample: Arrivals) -> Self:
        """From a trace with sessions."""
        order = np.argsort(sample.session, kind="stable")
        order = order[sample.session[order] != NONE]
        session = sample.session[order]
        heads = np.flatnonzero(np.diff(session, prepend=NONE - 1))
        counts = np.diff(np.append(heads, len(order)))
        follows = np.flatnonzero(session[1:] == session[:-1])
        before, later = order[follows], order[follows + 1]
        apart = sample.at[later] - sample.at[before]
        pauses = np.fmax(apart, sample.after_s[later])
        whole = _whole(sample, sample.at[order[heads]], sample.at[order[heads + counts - 1]], pauses)
        growth = (sample.prompt_tokens[later] - sample.prompt_tokens[before]).astype(np.int64)
        return cls(
            counts=counts[whole],
            starts=sample.at[order[heads]],
            opening=sample.prompt_tokens[order[heads]][whole].astype(np.int64),
            growth=growth,
            fresh=growth - sample.output_tokens[before],
            pauses=pauses,
            rate_rps=len(order) / sample.span_s if sample.span_s else 0.0,
            answer=float(sample.output_tokens[order].mean()),
            system_tokens=_common(sample, order[heads]) * sample.block_tokens,
        )


def _whole(sample: Arrivals, starts: Floats, lasts: Floats, pauses: Floats) -> npt.NDArray[np.bool_]:
    """Sessions that neither had begun before the trace nor go on after it, as far as a usual pause tells."""
    usual = 1.5 * float(np.median(pauses)) if len(pauses) else 0.0
    inside = (starts > sample.at[0] + usual) & (lasts < sample.at[-1] - usual)
    return inside if inside.sum() >= FEW else np.ones(len(starts), np.bool_)


def _common(sample: Arrivals, heads: Ints) -> int:
    """How many blocks most first prompts begin with."""
    prompts = [sample.blocks[sample.ends[i] : sample.ends[i + 1]] for i in heads.tolist()]
    depth = 0
    while prompts:
        found = np.array([blocks[depth] for blocks in prompts if len(blocks) > depth], np.int64)
        if len(found) < MODAL * len(heads) or not len(found):
            break
        ids, seen = np.unique(found, return_counts=True)
        if seen.max() < max(MODAL * len(heads), 2):
            break
        modal = int(ids[seen.argmax()])
        prompts = [blocks for blocks in prompts if len(blocks) > depth and blocks[depth] == modal]
        depth += 1
    return depth
