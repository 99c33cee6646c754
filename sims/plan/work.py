"""Seconds of a replica that requests of each length ask for, by the latency model: what the programme adds up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from sims.analytic.demand import Demand
from sims.analytic.slo import Infeasible
from sims.analytic.traffic import Traffic
from sims.plan.asked import Asked, SloClass
from sims.plan.kinds import Kind, class_of, late
from sims.plan.traffic import Bools, Floats

STRIPS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Where slices of requests end, as shares of them from the shortest prompt to the longest."""

HALVINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """Requests of one class and about one prompt length."""

    owner: SloClass
    traffic: Traffic
    longest: float  # tokens of the longest prompt in it


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What slices cost on kinds. Arrays have shape [kinds, slices]."""

    kinds: tuple[Kind, ...]
    slices: tuple[Slice, ...]
    seconds: Floats  # of a whole replica, a request; inf where it does not fit
    late: Floats  # requests a second that miss a deadline even alone, by slice and kind; the worst of its deadlines
    allowed: Floats  # requests a second that may, by slice's class; shape [slices], the same for all of a class

    @property
    def rates(self) -> Floats:
        """Requests a second, shape [slices]."""
        return np.array([one.traffic.rate for one in self.slices])

    def scaled(self, factors: Floats) -> "Work":
        """The same where kind k's seconds are `factors[k]` times as many: what simulation taught."""
        return replace(self, seconds=self.seconds * factors[:, None])

    def only(self, chosen: Sequence[int]) -> "Work":
        """The same for some of the kinds."""
        rows = list(chosen)
        kinds = tuple(self.kinds[i] for i in rows)
        return replace(self, kinds=kinds, seconds=self.seconds[rows], late=self.late[rows])

    def at_rate(self, factor: float) -> "Work":
        """The same at another rate."""
        slices = tuple(replace(one, traffic=one.traffic.at(one.traffic.rate * factor)) for one in self.slices)
        return replace(self, slices=slices, late=self.late * factor, allowed=self.allowed * factor)

    def alone(self, k: int) -> float:
        """Replicas of kind k, not whole ones, that all the traffic keeps busy."""
        return float(np.dot(self.seconds[k], self.rates))


def work_of(kinds: Sequence[Kind], traffic: Traffic, asked: Asked) -> Work:
    """The work of all slices on all kinds."""
    slices = tuple(_slices(traffic, asked))
    seconds = np.array([[_seconds(kind, one) for one in slices] for kind in kinds])
    late_rate = np.array([[_late(kind, one) for one in slices] for kind in kinds])
    return Work(
        kinds=tuple(kinds),
        slices=slices,
        seconds=seconds,
        late=late_rate,
        allowed=np.array([_allowed(one, slices) for one in slices]),
    )


def _slices(traffic: Traffic, asked: Asked) -> list[Slice]:
    """Slices of every class, shortest prompts first."""
    found = []
    for one, mine in class_of(traffic, asked.classes):
        if not mine.any():
            continue
        edges = _edges(traffic.prompts[mine], traffic.weights[mine])
        for low, high in zip((-1.0, *edges[:-1]), edges, strict=True):
            part = traffic.part(
                np.where(mine & (traffic.prompts > low) & (traffic.prompts <= high), traffic.weights, 0.0)
            )
            if part is not None:
                found.append(Slice(owner=one, traffic=part.thinned(), longest=high))
    return found


def _edges(prompts: Floats, weights: Floats) -> list[float]:
    order = np.argsort(prompts)
    sums = np.cumsum(weights[order]) / weights.sum()
    places = np.minimum(np.searchsorted(sums, np.array(STRIPS) - 1e-9), len(order) - 1)
    return [float(edge) for edge in np.unique(prompts[order][places])]


def _seconds(kind: Kind, one: Slice) -> float:
    """Replica seconds of one request of the slice, in a batch as large as memory and the deadline for a token allow."""
    demand = Demand(traffic=one.traffic, model=kind.perf)
    try:
        most = float(demand.concurrency)
    except Infeasible:
        return inf
    limit = one.owner.tpot.seconds if one.owner.tpot else inf
    batch = _batch(demand, most, limit)
    step = _step(demand, batch)
    own = demand.work_moments[0] + demand.mean_chunks * demand.chunk_extra(batch)
    return own + (demand.mean_steps + demand.mean_parts) * step / batch


def _batch(demand: Demand, most: float, limit: float) -> float:
    """The greatest batch that keeps the deadline for a token, prompts being computed in the same steps."""
    low, high = 1.0, most
    if _token_seconds(demand, high) <= limit:
        return high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if _token_seconds(demand, middle) <= limit:
            low = middle
        else:
            high = middle
    return low


def _token_seconds(demand: Demand, batch: float) -> float:
    """Seconds between two tokens of a request, when every request in the batch brings its prompt's work along."""
    own = demand.work_moments[0] + demand.mean_chunks * demand.chunk_extra(batch)
    return _step(demand, batch) + batch * own / max(demand.mean_steps, 1.0)


def _step(demand: Demand, batch: float) -> float:
    return float(demand.step(np.array(max(batch, 1.0))))


def _late(kind: Kind, one: Slice) -> float:
    """Requests a second of the slice that miss a deadline on that kind whatever is done."""
    missed: Bools = np.zeros(len(one.traffic.prompts), np.bool_)
    for what, limit in one.owner.limits:
        missed |= late(kind, limit, what, one.traffic)
    return float(one.traffic.weights[missed].sum()) * one.traffic.rate


def _allowed(one: Slice, slices: Sequence[Slice]) -> float:
    """Requests a second of its class that may miss a deadline: the strictest of its percentiles."""
    total = sum(other.traffic.rate for other in slices if other.owner is one.owner)
    strictest = max(limit.percentile for _, limit in one.owner.limits)
    return (1.0 - strictest / 100.0) * total
