"""The rule of Kubernetes' horizontal autoscaler (autoscaling/v2), whatever it measures: as many replicas as bring the
metric to its target, within a tolerance; up by at most so much a step, down to the most wanted of the last minutes.

A real one cannot scale from zero, where there is nothing to measure: KEDA or the like starts the first replica for it.
Here `waking` does, as for every policy.
"""

from collections.abc import Callable, Iterator
from math import ceil

from policies.scale.scaling import History, PoolState, Wish

TOLERANCE = 0.1
"""A share by which the metric may miss its target before anything is done."""

Metric = Callable[[PoolState], float]
"""What is measured of a pool, over its target: 1 where all is as it should be."""


def recent(history: History, pool: str, now: float, seconds: float) -> Iterator[PoolState]:
    """The states of a pool in the last seconds, latest first; the latest always."""
    for i, states in enumerate(reversed(history)):
        state = states.get(pool)
        if state is None or (i and state.at <= now - seconds):
            return
        yield state


def every_pool(history: History, now: float, metric: Metric, *, least: int, down_s: float) -> Wish:
    """What the rule wants of every pool."""
    return Wish(
        replicas={pool: horizontal(history, pool, now, metric, least=least, down_s=down_s) for pool in history[-1]}
    )


def horizontal(history: History, pool: str, now: float, metric: Metric, *, least: int, down_s: float) -> int:
    """The replicas that the rule wants."""
    latest = history[-1][pool]
    there = latest.ready + latest.starting
    if not there:
        return min(least, latest.most)
    wished = [_wished(state, metric) for state in recent(history, pool, now, down_s)]
    wanted = wished[0] if wished[0] > there else min(max(wished), there)
    return min(max(min(wanted, max(2 * there, there + 4)), least), latest.most)


def _wished(state: PoolState, metric: Metric) -> int:
    there, ratio = state.ready + state.starting, metric(state)
    return there if abs(ratio - 1.0) <= TOLERANCE else ceil(state.ready * ratio)
