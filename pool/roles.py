"""Replicas that are alike change their roles as the policy wishes: what it sees is what engines say of themselves.

Routers learn of it by the feed: one that empties first is not ready meanwhile, one that has turned is described anew.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from policies.perf.latency import LatencyModel
from policies.scale.scaling import Move, PoolState, Scaling
from policies.scale.splits import Split
from pool.demand import load, model, seen, state
from pool.roster import Entry, Roster
from pool.scrape import Reading

log = logging.getLogger(__name__)

MOST_STATES, MOST_SWITCHES = 1024, 256

Kind = tuple[str, str, str, int]
"""What replicas must share to take each other's role: served model, profile, GPU, GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One replica's change of role, as it was decided."""

    at: float  # monotonic seconds
    replica: str
    source: str
    target: str
    why: str
    drains: bool
    done: bool  # False where it was only told


@dataclass(slots=True, kw_only=True)
class Switched:
    """What the reconciler has decided: the latest switches, and how many there ever were."""

    latest: deque[Switch] = field(default_factory=lambda: deque(maxlen=MOST_SWITCHES))
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by (source, target)

    def note(self, switch: Switch) -> None:
        """Keep a switch and log it."""
        self.latest.append(switch)
        self.counts[switch.source, switch.target] += 1
        how = "turns" if switch.done else "would turn"
        log.warning("%s %s from %s to %s: %s", switch.replica, how, switch.source, switch.target, switch.why)


@dataclass(slots=True)
class Group:
    """Replicas alike, and what was seen of them."""

    history: deque[dict[str, PoolState]] = field(default_factory=lambda: deque(maxlen=MOST_STATES))
    before: dict[str, tuple[int, Reading]] = field(default_factory=dict)  # by replica: epoch and reading


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """Asks the policy every interval and does what it wishes, group by group."""

    roster: Roster
    policy: Scaling
    acts: bool = True  # False: it only tells
    switched: Switched = field(default_factory=Switched)
    clock: Callable[[], float] = monotonic
    _groups: dict[Kind, Group] = field(default_factory=dict)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            await asyncio.sleep(self.policy.interval_s)

    def look(self) -> None:
        """Look at every group once."""
        now, kinds = self.clock(), dict[Kind, list[Entry]]()
        for entry in self.roster:
            if entry.described.role in Split._fields:
                kinds.setdefault(_kind(entry), []).append(entry)
        self._groups = {kind: self._groups.get(kind, Group()) for kind in kinds}
        for kind, entries in kinds.items():
            self._settle(entries)
            self._reconcile(self._groups[kind], entries, now)

    def _settle(self, entries: Iterable[Entry]) -> None:
        """Those that have emptied take their role; so do those that are no longer there to empty."""
        for entry in entries:
            if entry.becoming and (not entry.readiness.ready or load(entry) == 0):
                self.roster.turn(entry, entry.becoming)

    def _reconcile(self, group: Group, entries: list[Entry], now: float) -> None:
        perf = model(entries[0].described)
        if perf is None:
            return
        group.history.append(states(entries, group.before, perf, now))
        group.before = seen(entries)
        wish = self.policy.wanted(list(group.history), now)
        for move in wish.moves:
            self._move(move, entries, wish.why, now)

    def _move(self, move: Move, entries: Sequence[Entry], why: str, now: float) -> None:
        there = [entry for entry in entries if entry.described.role == move.source and entry.ready]
        for entry in sorted(there, key=lambda entry: (load(entry), entry.name))[: move.replicas]:
            self.switched.note(
                Switch(at=now, replica=entry.name, source=move.source, target=move.target, why=why,
                       drains=move.drains, done=self.acts)
            )  # fmt: skip
            if self.acts and move.drains:
                self.roster.drain(entry, move.target)
            elif self.acts:
                self.roster.turn(entry, move.target)


def states(
    entries: Sequence[Entry], before: dict[str, tuple[int, Reading]], perf: LatencyModel, now: float
) -> dict[str, PoolState]:
    """What the policy sees of a group, a pool a role, all roles named."""
    found = {role: [entry for entry in entries if entry.described.role == role] for role in Split._fields}
    return {role: state(role, role, mine, before, perf, now, len(mine)) for role, mine in found.items()}


def _kind(entry: Entry) -> Kind:
    described = entry.described
    return described.model, described.profile, described.gpu, described.gpus
