"""How many replicas each pool shall have, and of which role: as its resource asks, or as a scaling policy wants."""

import logging
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from time import monotonic
from types import MappingProxyType

from policies.scale.scaling import SCALES, Boundary, Move, PoolState, Scaling, Wish, scaling
from policies.scale.waking import awaited
from pool.control.divisions import Divided, entered
from pool.control.joined import joined
from pool.demand import Before, model, seen, state
from pool.reconcile import Switch, Wanted
from pool.roster import Entry, Roster
from pool.routed import Routed, Totals
from pool.scrape import Reading
from weir import fleetfile
from weir.fleetfile import message
from weir.resources import PoolSpec

log = logging.getLogger(__name__)

MOST_STATES, MOST_REPLICAS = 4096, 1 << 16
WARM_S = 300.0  # of what is seen before anybody ends, where the policy does not say
KEPT_S = 300.0  # a move that is not done after so long is given up; it outlasts a drain
APART = "/"  # between a pool and the role of those of its replicas that have another than its own

Deadlines = tuple[float, float]
"""TTFT and TPOT, seconds; 0: the policy's own."""

Pools = Mapping[str, fleetfile.Pool]


def asked(spec: PoolSpec | None, least: int = 1) -> Wanted:
    """What a Pool resource asks for; a pool of the file asks for nothing but its `least`."""
    if spec is None:
        return Wanted(least=least)
    bounds = spec.bounds
    least = 0 if spec.replicas == 0 else bounds.min  # zero is said in so many words
    return Wanted(
        replicas=spec.replicas, least=least, most=bounds.max, why=f"Pool {spec.name} asks for {spec.replicas}"
    )


@dataclass(slots=True)
class Group:
    """The pools of one model: one policy sees them together, for they take each other's requests."""

    history: deque[Mapping[str, PoolState]] = field(default_factory=lambda: deque(maxlen=MOST_STATES))
    before: dict[str, tuple[int, Reading]] = field(default_factory=dict)
    told: Totals = field(default_factory=dict)  # what routers had said by then
    wish: Wish = field(default_factory=lambda: Wish(replicas={}))
    wanted: dict[str, int] = field(default_factory=dict)  # that were asked for last, by the name of the state
    since: float = 0.0  # monotonic seconds of the first look
    pools: Pools = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A move that was wished for, until it is done or too old."""

    switch: Switch
    until: float  # monotonic seconds


@dataclass(slots=True, kw_only=True)
class Wishes:
    """A scaling policy, asked when it is time for it."""

    policy: str
    settings: Mapping[str, float] = field(default_factory=dict)
    routed: Routed = field(default_factory=Routed)
    clock: Callable[[], float] = field(default=monotonic)
    divided: Divided = field(default_factory=dict)  # the boundaries in force
    moved: list[tuple[Boundary, str]] = field(default_factory=list)  # since somebody took them, each with its reason
    _policy: Scaling = field(init=False)
    _promise: tuple[Deadlines, int] = ((0.0, 0.0), 1)
    _groups: dict[str, Group] = field(default_factory=dict)
    _moves: dict[str, dict[str, Kept]] = field(default_factory=dict)  # by pool and role
    _due: float = 0.0
    _elastic: Container[str] = ()

    def __post_init__(self) -> None:
        self._policy = promised(self.policy, *self._promise, self.settings)

    def look(
        self, roster: Roster, pools: Pools, most: Mapping[str, int], deadlines: Deadlines = (0.0, 0.0), least: int = 1,
        elastic: Container[str] = (),
    ) -> None:  # fmt: skip
        """See how things are, and ask the policy when it is time to; whoever does not lead looks too, for it may.

        `elastic` names the pools that can be made larger; none: it is not known which.
        """
        now, self._elastic = self.clock(), elastic
        if (deadlines, least) != self._promise:
            self._promise, self._policy = (deadlines, least), promised(self.policy, deadlines, least, self.settings)
        if now >= self._due:
            self._due = now + self._policy.interval_s
            self._ask(list(roster), pools, most, now)
        else:
            self._revive(list(roster), most, now)
        self._forget(list(roster), now)

    def wanted(self, asked: Mapping[str, Wanted]) -> dict[str, Wanted]:
        """What is wanted now, within the bounds of what was asked for."""
        return {name: self._within(name, want) for name, want in asked.items()}

    def _ask(self, entries: Sequence[Entry], pools: Pools, most: Mapping[str, int], now: float) -> None:
        models: dict[str, dict[str, fleetfile.Pool]] = {}
        for name, pool in pools.items():
            models.setdefault(pool.serves, {})[name] = pool
        self._groups = {name: self._groups.get(name) or Group(since=now) for name in models}
        for name, mine in models.items():
            group = self._groups[name]
            group.pools = mine
            found = bounded(self._states(name, group, entries, most, now), self.divided, entries)
            group.history.append(found)
            group.before, group.told = seen(entries), dict(self.routed.totals)
            group.wish = entire(self._cautious(self._policy.wanted(list(group.history), now), group, now), found)
            self._divide(group.wish)
            group.wanted |= group.wish.replicas
            for move in group.wish.moves:
                self._take(move, found, entries, now)

    def _states(
        self, name: str, group: Group, entries: Sequence[Entry], most: Mapping[str, int], now: float
    ) -> dict[str, PoolState]:
        seen_now = states(group.pools, entries, group.before, most, now)
        pools = {key: pool_of(key) for key in seen_now}
        found = joined(seen_now, pools, self.routed.totals, group.told, group.wanted)
        for asked_for, count in self._held(name, group).items():
            takes = {key: one for key, one in found.items() if asked_for in (name, *group.pools[pools[key]].adapters)}
            can = [key for key in takes if pools[key] in self._elastic]
            found |= awaited(group.history, takes, count, can or None)
        return found

    def _held(self, name: str, group: Group) -> dict[str, int]:
        """How many wait for one of the group's pools, by what they ask for: the model, or an adapter of it."""
        names = {name, *(adapter for pool in group.pools.values() for adapter in pool.adapters)}
        return {each: count for each, count in self.routed.held().items() if each in names and count}

    def _revive(self, entries: Sequence[Entry], most: Mapping[str, int], now: float) -> None:
        """Whoever waits for what nobody serves is not made to wait for the next decision too."""
        for name, group in self._groups.items():
            if not self._held(name, group):
                continue
            found = self._states(name, group, entries, most, now)
            woken = {key for key, one in found.items() if one.wakes and not one.starting}
            if woken:
                wish = self._policy.wanted([*group.history, found], now)
                more = {key: count for key, count in wish.replicas.items() if key in woken}
                group.wish = entire(replace(group.wish, replicas={**group.wish.replicas, **more}), found)
                group.wanted |= more

    def _cautious(self, wish: Wish, group: Group, now: float) -> Wish:
        """Nobody ends before as much was seen as the policy goes by when it lets replicas go."""
        if now - group.since >= getattr(self._policy, "down_s", WARM_S):
            return wish
        there = {name: state.ready + state.starting for name, state in group.history[-1].items()}
        return replace(wish, replicas={name: max(count, there.get(name, 0)) for name, count in wish.replicas.items()})

    def _divide(self, wish: Wish) -> None:
        self.divided = entered(self.divided, wish.boundaries)
        self.moved += [(boundary, wish.why) for boundary in wish.boundaries]

    def _take(self, move: Move, found: Mapping[str, PoolState], entries: Sequence[Entry], now: float) -> None:
        """A move between names of states is a switch of role within the pool that the replicas are of."""
        pool = pool_of(move.source)
        source, target = found[move.source].role, found[move.target].role if move.target in found else move.target
        there = [each for each in entries if each.described.pool == pool]
        have = sum((each.becoming or each.described.role) == target for each in there)
        switch = Switch(role=target, replicas=have + move.replicas, source=source, drains=move.drains)
        moves = self._moves.setdefault(pool, {})
        moves.pop(source, None)
        moves[target] = Kept(switch=switch, until=now + KEPT_S)
        log.warning("pool %s: %d replicas from %s to %s", pool, move.replicas, source, target)

    def _forget(self, entries: Sequence[Entry], now: float) -> None:
        """Moves that are done, and those that nobody is left to make."""
        for pool, moves in self._moves.items():
            roles = [each.described.role for each in entries if each.described.pool == pool]
            for role, kept in list(moves.items()):
                if kept.until <= now or roles.count(role) >= kept.switch.replicas or len(roles) < kept.switch.replicas:
                    del moves[role]

    def _within(self, name: str, want: Wanted) -> Wanted:
        wishes = [group.wish for group in self._groups.values()]
        replicas = [count for wish in wishes if (count := _of(wish.replicas, name)) is not None]
        switches = tuple(kept.switch for kept in self._moves.get(name, {}).values())
        if not replicas:
            return Wanted(replicas=want.replicas, least=want.least, most=want.most, why=want.why, switches=switches)
        return Wanted(
            replicas=sum(replicas), least=want.least, most=want.most, why=f"{self.policy} wants {sum(replicas)}",
            switches=switches,
        )  # fmt: skip


def bounded(
    states: Mapping[str, PoolState], divided: Mapping[str, Boundary], entries: Sequence[Entry]
) -> dict[str, PoolState]:
    """The states with the boundaries in force, and the longest request that each pool takes."""
    limits = {entry.described.pool: entry.described.context_limit for entry in entries}
    return {
        name: replace(state, boundary=divided.get(name), limit_tokens=int(limits.get(pool_of(name), 0)))
        for name, state in states.items()
    }


def promised(
    policy: str, deadlines: Deadlines, least: int = 1, settings: Mapping[str, float] = MappingProxyType({})
) -> Scaling:
    """A scaling policy that keeps the fleet's deadlines and lets a pool be empty that may be, where it knows of such;
    what is set by hand goes before. Raises `UnknownName` or `BadSetting`.
    """
    known = {each.name: each.type for each in fields(SCALES[policy])}
    told = {name: value for name, value in zip(("ttft_s", "tpot_s"), deadlines, strict=True) if value}
    given = {name: value for name, value in told.items() if name in known}
    if least == 0 and "least" in known:
        given["least"] = 0
    whole = {name: int(value) if known.get(name) in (int, "int") else value for name, value in settings.items()}
    return scaling(policy, {**given, **whole})


def states(
    pools: Pools, entries: Sequence[Entry], before: Before, most: Mapping[str, int], now: float
) -> dict[str, PoolState]:
    """What a scaling policy sees: each pool under its name, those of its replicas that have another role apart."""
    found = {}
    for name, pool in pools.items():
        mine, perf = [entry for entry in entries if entry.described.pool == name], model(message(pool, 0, ""))
        others = sorted({entry.described.role for entry in mine} - {pool.role})
        for role in (pool.role, *others):
            key = name if role == pool.role else f"{name}{APART}{role}"
            those = [entry for entry in mine if entry.described.role == role]
            found[key] = state(key, role, those, before, perf, now, most.get(name, MOST_REPLICAS))
    return found


def _of(replicas: Mapping[str, int], pool: str) -> int | None:
    """What is wanted of a pool, its other roles included; None where nothing is."""
    mine = [count for key, count in replicas.items() if pool_of(key) == pool]
    return sum(mine) if mine else None


def entire(wish: Wish, found: Mapping[str, PoolState]) -> Wish:
    """A wish that names one role of a pool names all of them: as many of the others as there are."""
    named = {pool_of(key) for key in wish.replicas}
    others = {key: one.ready + one.starting for key, one in found.items() if pool_of(key) in named}
    return replace(wish, replicas={**others, **wish.replicas})


def pool_of(key: str) -> str:
    """The pool whose replicas a state is of."""
    return key.partition(APART)[0]
