"""How many replicas each pool shall have: as its resource asks, or as a scaling policy wants."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from policies.scale.scaling import PoolState, Scaling, scaling
from pool.reconcile import Switch, Wanted
from pool.roster import Roster
from weir.resources import PoolSpec

MOST_STATES = 4096


def asked(spec: PoolSpec | None) -> Wanted:
    """What a Pool resource asks for; a pool of the file asks for nothing."""
    if spec is None:
        return Wanted()
    bounds = spec.bounds
    least = 0 if spec.replicas == 0 else bounds.min  # zero is said in so many words
    return Wanted(
        replicas=spec.replicas, least=least, most=bounds.max, why=f"Pool {spec.name} asks for {spec.replicas}"
    )


@dataclass(slots=True, kw_only=True)
class Wishes:
    """A scaling policy, asked when it is time for it."""

    policy: str
    clock: Callable[[], float] = field(default=monotonic)
    _policy: Scaling = field(init=False)
    _history: deque[Mapping[str, PoolState]] = field(default_factory=lambda: deque(maxlen=MOST_STATES))
    _due: float = 0.0
    _wish: Mapping[str, int] = field(default_factory=dict)
    _switches: dict[str, tuple[Switch, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._policy = scaling(self.policy)

    def wanted(
        self, states: Callable[[float], Mapping[str, PoolState]], asked: Mapping[str, Wanted]
    ) -> dict[str, Wanted]:
        """What is wanted now, within the bounds of what was asked for."""
        now = self.clock()
        if now >= self._due:
            self._due = now + self._policy.interval_s
            self._history.append(states(now))
            self._wish = self._policy.wanted(list(self._history), now).replicas
        made = {}
        for name, want in asked.items():
            replicas = self._wish.get(name)
            made[name] = want if replicas is None else Wanted(
                replicas=replicas, least=want.least, most=want.most, why=f"{self.policy} wants {replicas}"
            )  # fmt: skip
        return made


def states(roster: Roster, asked: Mapping[str, Wanted], now: float) -> dict[str, PoolState]:
    """What a scaling policy sees of each pool; what waits at routers is theirs to know."""
    made = {}
    for name, want in asked.items():
        mine = [entry for entry in roster if entry.described.pool == name]
        ready = [entry for entry in mine if entry.ready]
        drained = [entry for entry in mine if entry.barred.startswith("it is drained")]
        active = [*ready, *drained]
        made[name] = PoolState(
            pool=name,
            at=now,
            ready=len(ready),
            starting=len(mine) - len(active),
            draining=len(drained),
            most=want.most,
            running=float(sum(entry.reading.running for entry in active)),
            waiting=float(sum(entry.reading.waiting for entry in active)),
            held=0.0,
            slots=max((int(entry.described.engine.max_num_seqs) for entry in mine), default=1) or 1,
            kv_share=sum(entry.reading.kv_used for entry in ready) / len(ready) if ready else 0.0,
            arrived=0,
        )
    return made
