"""A trace in numbers."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sims.arrival import Arrival


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens over requests."""

    mean: float
    p50: float
    p90: float
    p99: float
    largest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """What a trace asks of a fleet."""

    count: int
    span_s: float  # from the first arrival to the last
    rate_rps: float
    cv: float  # of the times between arrivals: 1 is Poisson, more is bursty
    prompt: Lengths
    output: Lengths
    reuse_share: float  # of all blocks, those that an infinite prefix cache would already hold
    reusing_share: float  # of all requests, those that would find two blocks or more
    sessions: int


def describe(arrivals: Iterable[Arrival]) -> TraceSummary:
    """The summary of a stream of arrivals; raises ValueError when there is none."""
    at, prompt, output = array("d"), array("q"), array("q")
    sessions: set[str] = set()
    seen: set[int] = set()
    held, blocks, reusing = 0, 0, 0
    for arrival in arrivals:
        at.append(arrival.at)
        prompt.append(arrival.prompt_tokens)
        output.append(arrival.output_tokens)
        sessions.add(arrival.session)
        leading = _leading(arrival.blocks, seen)
        held, blocks, reusing = held + leading, blocks + len(arrival.blocks), reusing + (leading >= 2)
        seen.update(arrival.blocks[leading:])
    if not at:
        raise ValueError("no arrivals to describe")
    span = at[-1] - at[0]
    return TraceSummary(
        count=len(at),
        span_s=span,
        rate_rps=len(at) / span if span > 0.0 else 0.0,
        cv=_variation(np.diff(np.frombuffer(at))),
        prompt=_lengths(prompt),
        output=_lengths(output),
        reuse_share=held / blocks if blocks else 0.0,
        reusing_share=reusing / len(at),
        sessions=len(sessions - {""}),
    )


def _leading(blocks: tuple[int, ...], seen: set[int]) -> int:
    """How many leading blocks were seen before."""
    for i, block in enumerate(blocks):
        if block not in seen:
            return i
    return len(blocks)


def _variation(gaps: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    return float(gaps.std() / gaps.mean()) if len(gaps) and gaps.mean() > 0.0 else 0.0


def _lengths(values: "array[int]") -> Lengths:
    tokens = np.frombuffer(values, dtype=np.int64)
    p50, p90, p99 = (float(p) for p in np.percentile(tokens, (50, 90, 99)))
    return Lengths(mean=float(tokens.mean()), p50=p50, p90=p90, p99=p99, largest=int(tokens.max()))
