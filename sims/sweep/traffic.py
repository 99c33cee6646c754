"""What is sent: a recorded trace or a generator, its requests for the fleet's models, at a rate."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import inf
from typing import Any, Protocol, Self

import numpy as np

from sims.arrivals import NONE, Arrivals
from sims.sweep.redraw import VARIES, redrawn, units
from sims.workloads.drawing.saved import name_of, opened
from sims.workloads.drawing.workload import chosen


class Traffic(Protocol):
    """Arrivals by seed."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def varies(self) -> str:
        """What differs between two seeds."""

    def drawn(self, seed: int) -> Arrivals:
        """The arrivals of one seed, at their own rate; the same for every policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A trace: as it was recorded where there is one seed, drawn again for each of several."""

    name: str
    arrivals: Arrivals
    again: bool  # whether seeds draw it again

    @property
    def varies(self) -> str:
        """What differs between two seeds."""
        return VARIES if self.again else "nothing was varied: the trace as it was recorded"

    def drawn(self, seed: int) -> Arrivals:
        """The arrivals of one seed."""
        return redrawn(self.arrivals, seed) if self.again else self.arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A registered workload, every seed another stream."""

    workload: str
    requests: int  # at most
    span_s: float = inf
    settings: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""  # that its settings came from

    @classmethod
    def of(cls, spec: str, requests: int, span_s: float = inf) -> Self:
        """A registered workload's name or a TOML file of `weir trace fit`; raises `UnknownName`, `BadTrace`.

        A file is read here, so that who draws later, on another machine too, draws from what it said now.
        """
        found = opened(spec)
        settings = {each.name: getattr(found, each.name) for each in fields(found)}  # type: ignore[arg-type]
        file = spec if spec.endswith(".toml") else ""
        return cls(workload=name_of(found), requests=requests, span_s=span_s, settings=settings, file=file)

    @property
    def name(self) -> str:
        """What to call it."""
        return f"workload:{self.file or self.workload}"

    @property
    def varies(self) -> str:
        """What differs between two seeds."""
        return "the whole stream of requests, drawn from the same statistics, and the policies' draws"

    def drawn(self, seed: int) -> Arrivals:
        """The arrivals of one seed."""
        until = None if self.span_s == inf else self.span_s
        return chosen(self.workload, self.settings).columns(seed, count=self.requests, until_s=until)


def window(arrivals: Arrivals, start_s: float, end_s: float) -> Arrivals:
    """Those in [start_s, end_s), their times counted from start_s; raises ValueError where there is none."""
    kept = arrivals.chosen((arrivals.at >= start_s) & (arrivals.at < end_s))
    if not len(kept):
        last = f"{arrivals.at[-1]:g} s" if len(arrivals) else "nowhere"
        raise ValueError(f"no arrival between {start_s:g} s and {end_s:g} s: the last one comes at {last}")
    return replace(kept, at=kept.at - start_s)


def paced(arrivals: Arrivals, rate_rps: float) -> Arrivals:
    """The same requests at that mean rate, from 0 on; pauses inside closed-loop sessions stay as they are."""
    if not 0.0 < rate_rps < inf:
        raise ValueError(f"a rate of {rate_rps:g} requests a second: give one above 0")
    if not arrivals.span_s > 0.0:
        raise ValueError("all requests come at once: there is no rate to change")
    return replace(arrivals, at=(arrivals.at - arrivals.at[0]) * (arrivals.rate_rps / rate_rps))


def served_by(arrivals: Arrivals, shares: Mapping[str, float], seed: int) -> Arrivals:
    """Every session (every request, where there is none) for one of the models, drawn by share."""
    names = tuple(shares)
    unit = units(arrivals)
    draws = np.random.Generator(np.random.PCG64([seed, 0x30DE1])).random(int(unit.max()) + 1)
    bounds = np.cumsum(list(shares.values()))
    model = np.searchsorted(bounds, draws * bounds[-1], side="right")
    return replace(arrivals, model=np.minimum(model, len(names) - 1)[unit].astype(np.int32), models=names)


def any_model(arrivals: Arrivals) -> Arrivals:
    """Without the names of models: the fleet has one, and everybody is served by it."""
    return replace(arrivals, model=np.full(len(arrivals), NONE, np.int32), models=())
