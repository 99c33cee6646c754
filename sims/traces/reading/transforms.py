"""Streams of arrivals to streams of arrivals."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate, islice
from math import inf

from policies.request import coin
from sims.arrival import Arrival


def window(arrivals: Iterable[Arrival], start_s: float = 0.0, end_s: float = inf) -> Iterator[Arrival]:
    """Those in [start_s, end_s), their times counted from start_s."""
    for arrival in arrivals:
        if arrival.at >= end_s:
            return
        if arrival.at >= start_s:
            yield replace(arrival, at=arrival.at - start_s)


def scaled(arrivals: Iterable[Arrival], rate: float) -> Iterator[Arrival]:
    """The same requests at `rate` times as many a second; pauses inside sessions stay as they are."""
    if not 0.0 < rate < inf:
        raise ValueError(f"rate must be above 0, not {rate:g}")
    return (replace(arrival, at=arrival.at / rate) for arrival in arrivals)


def limited(arrivals: Iterable[Arrival], count: int) -> Iterator[Arrival]:
    """The first `count`."""
    return islice(arrivals, count)


def assigned(arrivals: Iterable[Arrival], shares: Mapping[str, float]) -> Iterator[Arrival]:
    """Each session (each request, where there is none) to one model, models by share; the same in every run."""
    if not shares or min(shares.values()) < 0.0 or not 0.0 < sum(shares.values()) < inf:
        raise ValueError("shares must name models with shares of 0 or more that do not sum to 0")
    names, bounds = list(shares), list(accumulate(shares.values()))
    for i, arrival in enumerate(arrivals):
        draw = coin(f"model of {arrival.session or i}") * bounds[-1]
        yield replace(arrival, model=next(name for name, bound in zip(names, bounds, strict=True) if draw < bound))
