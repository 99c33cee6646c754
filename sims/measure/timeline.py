"""Each pool over time: requests waiting and running, KV memory taken, replicas ready."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sims.engine.run import Run, Samples
from sims.measure.pools import pool_numbers

Floats = npt.NDArray[np.float64]

POINTS = 240  # of a timeline: about one a pixel or two
LOOKS = 8  # samples behind each point: a queue comes and goes between two of them


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOverTime:
    """One pool, a value for each stretch of time."""

    name: str
    waiting: Annotated[tuple[float, ...], Field(description="most requests not yet in a batch, of the moments sampled")]
    running: Annotated[tuple[float, ...], Field(description="mean requests in a batch, of all the pool's replicas")]
    kv_share: Annotated[
        tuple[float, ...], Field(description="mean share of its ready replicas' KV memory that is taken")
    ]
    ready: Annotated[tuple[float, ...], Field(description="mean replicas ready for work")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The fleet over time, of the first seed."""

    at_s: Annotated[
        tuple[float, ...], Field(description="begin of each stretch, simulated seconds since the trace began")
    ]
    pools: tuple[PoolOverTime, ...]


def timeline(run: Run, most: int = POINTS) -> Timeline | None:
    """The run's samples pool by pool, in at most `most` stretches; None where none were kept."""
    samples = run.samples
    if samples is None or not len(samples.at):
        return None
    starts = np.arange(0, len(samples.at), -(-len(samples.at) // most))
    names, of = pool_numbers(run.replicas)
    capacity = np.array([replica.perf.kv_tokens for replica in run.replicas], np.float64)
    pools = tuple(_pool(name, samples, of == i, capacity, starts) for i, name in enumerate(names))
    return Timeline(at_s=_values(samples.at[starts]), pools=pools)


def _pool(
    name: str, samples: Samples, here: npt.NDArray[np.bool_], capacity: Floats, starts: npt.NDArray[np.int64]
) -> PoolOverTime:
    fits = (samples.ready[:, here] * capacity[here]).sum(axis=1)
    taken = samples.kv_tokens[:, here].sum(axis=1)
    share = np.divide(taken, fits, out=np.zeros(len(fits)), where=fits > 0.0)
    return PoolOverTime(
        name=name,
        waiting=_values(np.maximum.reduceat(samples.waiting[:, here].sum(axis=1), starts)),
        running=_means(samples.running[:, here].sum(axis=1), starts),
        kv_share=_means(share, starts),
        ready=_means(samples.ready[:, here].sum(axis=1), starts),
    )


def _means(column: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """The mean of each stretch."""
    lengths = np.diff(np.append(starts, len(column)))
    return _values(np.add.reduceat(column.astype(np.float64), starts) / lengths)


def _values(column: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in column.tolist())
