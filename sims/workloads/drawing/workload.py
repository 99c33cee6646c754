"""What a workload is, and the registry of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from itertools import chain, islice, takewhile
from typing import Any, Protocol, Self

import numpy as np

from policies.registry import Registry, strict
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.traces.reading.columns import first, full, joined, rows
from sims.traces.reading.gathering import gathered
from sims.traces.reading.row import BadTrace


class CannotFit(BadTrace):
    """A trace that lacks what a generator is fitted from."""


class Workload(Protocol):
    """Makes arrivals; a frozen dataclass whose fields are its settings."""

    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """The same stream for the same seed, in the order of time; without end unless the workload has stages."""

    def columns(self, seed: int, *, count: int | None = None, until_s: float | None = None) -> Arrivals:
        """The first `count` of that stream, or those before `until_s` seconds; its full blocks, numbered anew."""

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """The settings whose stream is most like a trace; raises `CannotFit`."""


class Rowed(ABC):
    """A workload that makes one arrival after the other."""

    __slots__ = ()

    @abstractmethod
    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """The stream."""

    def columns(self, seed: int, *, count: int | None = None, until_s: float | None = None) -> Arrivals:
        """The first of the stream, as columns."""
        check_bound(count, until_s)
        stream = islice(self.arrivals(seed), count)
        return gathered(stream if until_s is None else takewhile(lambda a: a.at < until_s, stream))


class Drawn(ABC):
    """A workload that draws a batch of columns at a time: millions of arrivals a second."""

    __slots__ = ()

    @abstractmethod
    def batches(self, seed: int) -> Iterator[Arrivals]:
        """The stream in pieces; blocks keep their numbers from piece to piece, and cover their prompts."""

    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """The stream, row by row."""
        return chain.from_iterable(map(rows, self.batches(seed)))

    def columns(self, seed: int, *, count: int | None = None, until_s: float | None = None) -> Arrivals:
        """The first of the stream."""
        check_bound(count, until_s)
        return full(bounded(self.batches(seed), count, until_s))


def bounded(batches: Iterator[Arrivals], count: int | None, until_s: float | None) -> Arrivals:
    """As much of a stream of batches as was asked for, at least one batch of it drawn."""
    pieces, missing = [], count if count is not None else 1 << 62
    for batch in batches:
        inside = len(batch) if until_s is None else int(np.searchsorted(batch.at, until_s))
        pieces.append(first(batch, min(inside, missing)))
        missing -= len(batch)
        if inside < len(batch) or missing <= 0:
            break
    return joined(pieces)


def check_bound(count: int | None, until_s: float | None) -> None:
    """Raise ValueError where a stream without end would be drawn whole, or less than nothing of it."""
    if count is None and until_s is None:
        raise ValueError("say how much to draw: a count, or until when")
    if (count is not None and count < 0) or (until_s is not None and not until_s >= 0.0):
        raise ValueError(f"a count or time to draw to is 0 or more, not {count if until_s is None else until_s}")


WORKLOADS: Registry[type[Workload]] = Registry("workload", "sims.workloads")
workload = WORKLOADS.register


def chosen(name: str, settings: Mapping[str, Any] | None = None) -> Workload:
    """The workload of that name with those settings; unknown names and keys are errors that list the known."""
    return strict(WORKLOADS[name], f"workload {name}", settings or {})
