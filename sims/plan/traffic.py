"""The traffic a plan is made for: arrivals as columns, drawn anew for every seed, in windows where there are many."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from sims.analytic.traffic import Traffic
from sims.arrivals import NONE, Arrivals
from sims.sweep.redraw import redrawn

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

WINDOW_REQUESTS = 20_000
"""Requests of a window: what one simulated seed sees at most."""

FIRST_S, TOKEN_S = 0.5, 0.03
"""Seconds that a turn's answer is expected to take: its first token, and each token more."""

STEPS = 200
"""Starts at which a window of the most work is looked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sampled:
    """Arrivals that stand for all traffic, and a sentence on how they were taken."""

    arrivals: Arrivals
    said: str
    share: float = 1.0  # of all arrivals

    @cached_property
    def analytic(self) -> Traffic:
        """The same as weighted lengths, with what an unbounded cache that everybody shares would find."""
        arrivals = self.arrivals
        times = np.sort(expected_times(arrivals))
        gaps = np.diff(times)
        mean = float(gaps.mean()) if len(gaps) else 0.0
        low, high = np.quantile(times, (0.1, 0.9))
        return Traffic(
            rate=arrivals.rate_rps if np.isnan(arrivals.after_s).all() else 0.8 * len(times) / max(high - low, 1e-9),
            prompts=arrivals.prompt_tokens.astype(np.float64),
            outputs=arrivals.output_tokens.astype(np.float64),
            cached=leading_tokens(arrivals).astype(np.float64),
            arrival_cv2=float(gaps.var()) / mean**2 if mean > 0.0 else 1.0,
        )

    def part(self, chosen: Bools, said: str) -> Self:
        """Those of them that are chosen."""
        return replace(self, arrivals=self.arrivals.chosen(chosen), said=said)

    def at_rate(self, factor: float) -> Self:
        """The same requests, `factor` times as many a second."""
        return replace(self, arrivals=replace(self.arrivals, at=self.arrivals.at / factor))

    def drawn(self, seed: int) -> Arrivals:
        """What one seed sees: the sessions drawn anew, as `weir replay --seeds` draws them, from second 0 on."""
        again = redrawn(self.arrivals, seed)
        return replace(again, at=again.at - again.at[0])


def sampled(arrivals: Arrivals, *, most: int = WINDOW_REQUESTS) -> Sampled:
    """All arrivals, or where they are more than `most` the window of so many that asks for the most work."""
    count = len(arrivals)
    if count < 2 or not arrivals.span_s > 0.0:
        raise ValueError(f"a plan needs arrivals over some time, not {count} at one instant: give a longer trace")
    if count <= most:
        return Sampled(arrivals=arrivals, said=f"all {count:,} requests of {told_span(arrivals.span_s)}")
    start, end = busiest(arrivals, most)
    window = arrivals.chosen(np.arange(start, end))
    moved = replace(window, at=window.at - window.at[0])
    said = (
        f"{end - start:,} of {count:,} requests: the busiest {told_span(moved.span_s)} of "
        f"{told_span(arrivals.span_s)}, {(arrivals.at[start] - arrivals.at[0]) / 3600.0:.1f} h after its begin"
    )
    return Sampled(arrivals=moved, said=said, share=(end - start) / count)


def busiest(arrivals: Arrivals, most: int) -> tuple[int, int]:
    """(first, past the last) of the window, as long as `most` requests at the busiest, that brings the most tokens."""
    weights = arrivals.prompt_tokens + 4.0 * arrivals.output_tokens  # an answer's token costs a few of a prompt's
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    at = arrivals.at
    starts = np.linspace(0, len(at) - most, STEPS).astype(np.int64)
    seconds = np.maximum(at[starts + most - 1] - at[starts], 1e-9)
    best = int(np.argmax((sums[starts + most] - sums[starts]) / seconds))
    return int(starts[best]), int(starts[best]) + most


def expected_times(arrivals: Arrivals) -> Floats:
    """When each arrival is expected to come: turns that wait for the one before, at an unhurried pace. Shape [n]."""
    if np.isnan(arrivals.after_s).all():
        return arrivals.at
    order = np.argsort(arrivals.session, kind="stable")
    follows = np.concatenate([[False], np.diff(arrivals.session[order]) == 0]) & (arrivals.session[order] != NONE)
    after = arrivals.after_s[order]
    waits = follows & ~np.isnan(after)
    before = FIRST_S + TOKEN_S * np.concatenate([[0], arrivals.output_tokens[order][:-1]])
    steps = np.cumsum(np.where(waits, np.nan_to_num(after) + before, 0.0))
    # what was summed up before the last arrival whose time is given is not this one's
    since = np.maximum.accumulate(np.where(waits, 0, np.arange(len(order))))
    out = np.empty(len(order))
    out[order] = arrivals.at[order][since] + steps - steps[since]
    return out


def leading_tokens(arrivals: Arrivals) -> Places:
    """Of each arrival the prompt tokens whose blocks came before; blocks are chained, so these lead. Shape [n]."""
    if not len(arrivals.blocks):
        return np.zeros(len(arrivals), np.int64)
    owner = np.repeat(np.arange(len(arrivals)), np.diff(arrivals.ends))
    first = np.full(arrivals.distinct_blocks, len(arrivals), np.int64)
    np.minimum.at(first, arrivals.blocks, owner)
    seen = np.concatenate([[0], np.cumsum(first[arrivals.blocks] < owner)])
    return np.asarray((seen[arrivals.ends[1:]] - seen[arrivals.ends[:-1]]) * arrivals.block_tokens)


def told_span(seconds: float) -> str:
    """A span of time in words."""
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
