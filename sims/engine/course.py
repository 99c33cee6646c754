"""What happens to a fleet while it serves: samples, failures and repairs, scaling; each at its own time."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Protocol

import numpy as np

from policies.scale.scaling import Move, PoolState, Scaling
from sims.engine.conditions import Conditions, Outage
from sims.engine.looks import LOOKS
from sims.engine.pools import Pools, Status
from sims.engine.run import Samples

DRAIN_LOOK_S = 1.0
"""Seconds between two looks at whether a replica that drains is empty."""

Action = Callable[[float], None]


class Paused(Protocol):
    """A simulation between two events."""

    def look(self) -> np.ndarray:
        """What every engine is doing now, shape [replicas, LOOKS]."""

    def fail(self, row: int) -> None:
        """Take a replica away with all that it was serving."""

    def let_go(self) -> None:
        """Try again for those held at the router."""

    def held(self) -> int:
        """How many those are."""

    def join(self, row: int, role: str) -> None:
        """Give a replica another role."""


class Course:
    """A calendar of what is done to a paused simulation."""

    def __init__(self, paused: Paused, pools: Pools, conditions: Conditions, scaling: Scaling | None) -> None:
        self.paused, self.pools, self.conditions, self.scaling = paused, pools, conditions, scaling
        self._due: list[tuple[float, int, Action, bool]] = []
        self._order, self._history, self._draining = count(), list[dict[str, PoolState]](), False
        self._times, self._looks, self._ready = list[float](), list[np.ndarray](), list[list[bool]]()
        self._wanted = dict[str, int]()
        self._away = [inf] * len(pools.replicas)  # until when each that is not ready is so
        for outage in conditions.outages:
            self._at(outage.at, self._breaking(outage))
        if conditions.sample_s > 0.0:
            self._at(0.0, self._sample, idle=True)
        if scaling is not None:
            self._at(0.0, self._scale)

    def next_time(self) -> float:
        """When the next of all this happens, inf for never."""
        return self._due[0][0] if self._due else inf

    def moves(self) -> bool:
        """Whether anything is to come that may make a replica ready."""
        return any(not idle for *_, idle in self._due)

    def act(self, now: float) -> None:
        """Do all that is due by now."""
        while self._due and self._due[0][0] <= now:
            heappop(self._due)[2](now)

    def samples(self) -> Samples | None:
        """What was sampled, if anything was to be."""
        if not self._times:
            return None
        looks = np.array(self._looks).reshape(len(self._times), -1, LOOKS)
        return Samples(
            at=np.array(self._times),
            running=looks[:, :, 0].astype(np.int32),
            waiting=looks[:, :, 1].astype(np.int32),
            kv_tokens=looks[:, :, 5].astype(np.int32),
            ready=np.array(self._ready).astype(np.int8),
        )

    def _at(self, time: float, action: Action, *, idle: bool = False) -> None:
        heappush(self._due, (time, next(self._order), action, idle))

    def _sample(self, now: float) -> None:
        self._times.append(now)
        self._looks.append(self.paused.look().copy())
        self._ready.append([status is Status.READY for status in self.pools.status])
        self._at(now + self.conditions.sample_s, self._sample, idle=True)

    def _breaking(self, outage: Outage) -> Action:
        def breaks(now: float) -> None:
            row, status = outage.replica, self.pools.status[outage.replica]
            if status is Status.OFF:
                return
            until = max(outage.until, self._away[row]) if status is Status.FAILED else outage.until
            self.pools.turn(row, Status.FAILED, now)
            self.pools.target.pop(row, None)  # repaired, it is where it was
            self.paused.fail(row)
            self._returns(row, until)

        return breaks

    def _returns(self, row: int, at: float) -> None:
        """A replica that is not ready will be so at a time, unless it is told otherwise by then."""
        self._away[row] = at
        if at < inf:
            self._at(at, lambda now: self._ready_now(row, now))

    def _ready_now(self, row: int, now: float) -> None:
        if self.pools.status[row] in {Status.STARTING, Status.FAILED} and self._away[row] <= now:
            self.pools.turn(row, Status.READY, now)
            self.paused.let_go()

    def _scale(self, now: float) -> None:
        assert self.scaling is not None
        self.paused.look()
        self._history.append(self.pools.states(now, self.paused.held(), self._wanted))
        wish, first = self.scaling.wanted(self._history, now), len(self._history) == 1
        self._wanted |= wish.replicas
        all_of = {pool: state.most for pool, state in self._history[-1].items()} if first else {}
        for pool, wanted in {**all_of, **wish.replicas}.items():
            self._resize(pool, wanted, now, first=first)
        for boundary in wish.boundaries:
            self.pools.bound(boundary)
        for move in wish.moves:
            self._move(move, now)
        self._at(now + self.scaling.interval_s, self._scale)

    def _resize(self, pool: str, wanted: int, now: float, *, first: bool) -> None:
        pools = self.pools
        there = pools.rows(pool, Status.STARTING, Status.READY)
        for row in pools.rows(pool, Status.OFF)[: max(wanted - len(there), 0)]:
            self._start(row, now, at_once=first)
        excess = len(there) - max(wanted, 0)
        unready = pools.rows(pool, Status.STARTING)[::-1]
        by_load = sorted(pools.rows(pool, Status.READY), key=pools.load)
        for row in [*unready, *by_load][: max(excess, 0)]:
            self._stop(row, now)

    def _start(self, row: int, now: float, *, at_once: bool) -> None:
        if at_once:
            self.pools.turn(row, Status.READY, now)
            return
        self.pools.turn(row, Status.STARTING, now)
        perf, conditions = self.pools.replicas[row].perf, self.conditions
        ready = now + conditions.provision_s + perf.load_seconds(conditions.read_bytes_per_s)
        self._returns(row, ready)

    def _stop(self, row: int, now: float) -> None:
        if self.pools.status[row] is Status.STARTING:
            self.pools.turn(row, Status.OFF, now)
            return
        self.pools.turn(row, Status.DRAINING, now)
        if not self._draining:
            self._draining = True
            self._at(now + DRAIN_LOOK_S, self._drained)

    def _drained(self, now: float) -> None:
        """End those that have served all they had; look again while there are others."""
        self.paused.look()
        pools, left = self.pools, False
        for row, status in enumerate(pools.status):
            if status is Status.DRAINING:
                left = left or not pools.is_empty(row)
                if pools.is_empty(row):
                    self._leave(row, now)
        self._draining = left
        if left:
            self._at(now + DRAIN_LOOK_S, self._drained)

    def _leave(self, row: int, now: float) -> None:
        """A drained replica goes off, or to the pool for which it drained."""
        target = self.pools.target.pop(row, None)
        if target is None:
            self.pools.turn(row, Status.OFF, now)
            self.paused.fail(row)  # it holds nobody; its cache goes with its process
            return
        self.pools.turn(row, Status.READY, now)
        self._join(row, target)

    def _move(self, move: Move, now: float) -> None:
        ready = sorted(self.pools.rows(move.source, Status.READY), key=self.pools.load)
        for row in ready[: move.replicas]:
            if not move.drains:
                self._join(row, move.target)
                continue
            self.pools.target[row] = move.target
            self._stop(row, now)

    def _join(self, row: int, pool: str) -> None:
        """Give a replica the role of another pool, and try again for those held."""
        self.paused.join(row, self.pools.change(row, pool))
        self.paused.let_go()
