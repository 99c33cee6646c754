"""Which replicas are off, starting, ready, draining or failed; since when each is paid for; what a pool looks like."""

from collections.abc import Mapping, Sequence
from enum import Enum

import numpy as np

from policies.fleet import BOUND_TOKENS, LIMIT_TOKENS, MODEL, READY, ROLES, RUNNING, WAITING, Replica
from policies.scale.scaling import Boundary, History, PoolState
from policies.scale.waking import awaited
from sims.engine.arena import Array, Memory
from sims.engine.looks import LOOKS
from sims.engine.mix import Mix, Told
from sims.engine.records import NONE


class Status(Enum):
    """What a replica is doing; all but the first and the last are paid for."""

    OFF = 0
    STARTING = 1
    READY = 2
    DRAINING = 3
    FAILED = 4


PAID = {Status.STARTING, Status.READY, Status.DRAINING}


class Pools:
    """The replicas' statuses and what they have cost so far."""

    def __init__(self, memory: Memory, replicas: Sequence[Replica], status: Status, mix: Mix | None = None) -> None:
        self.replicas, self.table, self.engines = replicas, memory.array("table_"), memory.array("engines_")
        self.names = list(dict.fromkeys(replica.pool for replica in replicas))
        self.pool = [replica.pool for replica in replicas]
        self.status = [status] * len(replicas)
        self.target: dict[int, str] = {}  # of those that drain to change their pool
        self.boundaries: dict[str, Boundary] = {}  # by the name of either pool
        self._bounds, self._gammas = memory.array("bounds_"), memory.array("gammas_")
        self._looks, self._mix = memory.array("looks_"), mix
        self._since = np.zeros(len(replicas))
        self._up_s = np.zeros(len(replicas))
        self._sent = np.zeros(len(replicas))
        for row in range(len(replicas)):
            self.table[row, READY] = float(status is Status.READY)

    def turn(self, row: int, status: Status, now: float) -> None:
        """Change a replica's status."""
        if self.status[row] in PAID:
            self._up_s[row] += now - self._since[row]
        self._since[row] = now
        self.status[row] = status
        self.table[row, READY] = float(status is Status.READY)

    def up_s(self, now: float) -> Array:
        """Seconds that each replica has been paid for."""
        paid = np.array([status in PAID for status in self.status])
        return np.where(paid, self._up_s + now - self._since, self._up_s)

    def role_of(self, pool: str) -> str:
        """The role that a pool's replicas were given to begin with; of a pool that has none its name, which is one."""
        return next((replica.role for replica in self.replicas if replica.pool == pool), pool)

    def change(self, row: int, pool: str) -> str:
        """Count a replica in another pool from now on; returns the role it has there."""
        if pool not in self.names:
            if pool not in ROLES:
                raise ValueError(f"a move to {pool!r}: there is no such pool and no such role ({', '.join(ROLES)})")
            self.names.append(pool)
        self.pool[row] = pool
        self._divide(row)
        return self.role_of(pool)

    def bound(self, boundary: Boundary) -> None:
        """Divide requests between two pools from now on."""
        for pool in (boundary.short, boundary.long):
            if pool not in self.names:
                raise ValueError(f"a boundary of {pool!r}: there is no such pool ({', '.join(self.names)})")
            self.boundaries[pool] = boundary
        for row in range(len(self.pool)):
            self._divide(row)
            if self.pool[row] == boundary.short:
                model = int(self.table[row, MODEL])
                self._bounds[model], self._gammas[model] = boundary.tokens, boundary.gamma

    def _divide(self, row: int) -> None:
        boundary = self.boundaries.get(self.pool[row])
        tokens = boundary.tokens if boundary else 0.0
        self.table[row, BOUND_TOKENS] = tokens if boundary and boundary.short == self.pool[row] else -tokens

    def rows(self, pool: str, *statuses: Status) -> list[int]:
        """The rows of a pool in those statuses."""
        return [row for row in range(len(self.pool)) if self.pool[row] == pool and self.status[row] in statuses]

    def load(self, row: int) -> float:
        """Requests in flight at a replica, as the router sees it."""
        return float(self.table[row, RUNNING] + self.table[row, WAITING])

    def is_empty(self, row: int) -> bool:
        """Whether a replica has nothing to do and nothing is on its way to it; the looks must be fresh."""
        at, engines = LOOKS * row, self.engines
        moving = engines.sending[row] or engines.receiving[row]  # KV that others fetch from it, or send to it
        return not self._looks[at] and not self._looks[at + 1] and not moving and engines.first_coming[row] == NONE

    def states(
        self, now: float, held: Mapping[int, int], wanted: Mapping[str, int], history: History = ()
    ) -> dict[str, PoolState]:
        """Every pool as it is, `held` by model, `wanted` as the decision before left it; the looks must be fresh."""
        served = self.engines.sent - self._sent
        self._sent = self.engines.sent.copy()
        told = self._mix.since(now) if self._mix else None
        found = {pool: self._state(pool, now, served, told, wanted.get(pool, -1)) for pool in self.names}
        for model, count in held.items():
            mine = {pool: state for pool, state in found.items() if self._model_of(pool) == model}
            found |= awaited(history, mine, count)
        return found

    def _model_of(self, pool: str) -> int:
        """The model that a pool serves; one without replicas is of the first."""
        return int(self.table[self.pool.index(pool) if pool in self.pool else 0, MODEL])

    def _state(self, pool: str, now: float, sent: Array, told: Told | None, wanted: int) -> PoolState:
        members = [row for row in range(len(self.pool)) if self.pool[row] == pool]
        ready = self.rows(pool, Status.READY)
        busy = self.rows(pool, Status.READY, Status.DRAINING)
        kv = [self._looks[LOOKS * row + 5] / self.replicas[row].perf.kv_tokens for row in ready]
        return PoolState(
            pool=pool,
            at=now,
            ready=len(ready),
            starting=len(self.rows(pool, Status.STARTING)),
            draining=len(self.rows(pool, Status.DRAINING)),
            most=len(members),
            running=float(sum(self._looks[LOOKS * row] for row in busy)),
            waiting=float(sum(self._looks[LOOKS * row + 1] for row in busy)),
            held=0.0,
            slots=self.replicas[members[0]].perf.max_seqs if members else 1,
            kv_share=float(np.mean(kv)) if kv else 0.0,
            arrived=int(sum(sent[row] for row in members)),
            prompt_tokens=float(told.prompt_tokens[members].sum()) if told else 0.0,
            ended=int(told.ended[members].sum()) if told else 0,
            output_tokens=float(told.output_tokens[members].sum()) if told else 0.0,
            judged=int(told.ended[members].sum()) if told else 0,
            late=int(told.late[members].sum()) if told else 0,
            lengths=tuple(told.lengths[members].sum(axis=0).tolist()) if told else (),
            answered=tuple(told.answered[members].sum(axis=0).tolist()) if told else (),
            answer_tokens=tuple(told.answer_tokens[members].sum(axis=0).tolist()) if told else (),
            wanted=wanted,
            boundary=self.boundaries.get(pool),
            limit_tokens=int(self.table[members[0], LIMIT_TOKENS]) if members else 0,
            role=self.role_of(pool),
            perf=self.replicas[members[0] if members else 0].perf,
        )
