"""Streams of arrivals to streams of arrivals."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate, islice
from math import inf

from policies.registry import BadSetting
from policies.request import coin
from sims.arrival import Arrival


def window(arrivals: Iterable[Arrival], start_s: float = 0.0, end_s: float = inf) -> Iterator[Arrival]:
    """Those in [start_s, end_s), their times counted from start_s; a session cut at the start waits for nobody."""
    if not 0.0 <= start_s <= end_s:
        raise BadSetting(f"a window from {start_s:g} to {end_s:g} s holds nothing: begin at 0 or later, end after that")
    return _windowed(arrivals, start_s, end_s)


def _windowed(arrivals: Iterable[Arrival], start_s: float, end_s: float) -> Iterator[Arrival]:
    begun: set[str] = set()
    for arrival in arrivals:
        if arrival.at >= end_s:
            return
        if arrival.at < start_s:
            continue
        waits = arrival.after_s if arrival.session in begun else None
        begun.add(arrival.session)
        yield replace(arrival, at=arrival.at - start_s, after_s=waits)


def scaled(arrivals: Iterable[Arrival], rate: float) -> Iterator[Arrival]:
    """The same requests at `rate` times as many a second; pauses inside sessions stay as they are."""
    if not 0.0 < rate < inf:
        raise BadSetting(f"rate must be above 0, not {rate:g}")
    return (replace(arrival, at=arrival.at / rate) for arrival in arrivals)


def limited(arrivals: Iterable[Arrival], count: int) -> Iterator[Arrival]:
    """The first `count`."""
    return islice(arrivals, count)


def spliced(streams: Iterable[Iterable[Arrival]], gap_s: float = 0.0) -> Iterator[Arrival]:
    """One stream after the other, `gap_s` between the last arrival and the next stream's time 0; nothing is shared.

    Sessions and blocks of different streams stay apart, whatever their names and numbers.
    """
    start, blocks = 0.0, 0
    for number, stream in enumerate(streams):
        last, most = start, -1
        for arrival in stream:
            last, most = start + arrival.at, max(most, max(arrival.blocks, default=-1))
            yield moved(arrival, start, f"+{number}" if number else "", blocks)
        start, blocks = last + gap_s, blocks + most + 1


def moved(arrival: Arrival, later_s: float, suffix: str, block_shift: int) -> Arrival:
    """The arrival later, in a session of another name, over blocks of other numbers."""
    return replace(
        arrival,
        at=arrival.at + later_s,
        session=arrival.session + suffix if arrival.session else "",
        blocks=tuple(block + block_shift for block in arrival.blocks) if block_shift else arrival.blocks,
    )


def assigned(arrivals: Iterable[Arrival], shares: Mapping[str, float]) -> Iterator[Arrival]:
    """Each session (each request, where there is none) to one model, models by share; the same in every run."""
    if not shares or min(shares.values()) < 0.0 or not 0.0 < sum(shares.values()) < inf:
        raise ValueError("shares must name models with shares of 0 or more that do not sum to 0")
    names, bounds = list(shares), list(accumulate(shares.values()))
    for i, arrival in enumerate(arrivals):
        draw = coin(f"model of {arrival.session or i}") * bounds[-1]
        yield replace(arrival, model=next(name for name, bound in zip(names, bounds, strict=True) if draw < bound))
