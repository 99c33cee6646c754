"""Two pools of one model divided by length: the boundary and gamma follow the mix, together with the replicas.

FleetOpt (arXiv 2603.16514) finds the boundary B*, gamma and both pools' replicas once, for a mix that is known; here
they are found again every minute for the mix of the last quarter of an hour (WRP's direction O17). Replicas are wanted
as `slo_model` wants them, of each pool for what comes to it. A boundary is another only where that would have been
cheaper by `gain` at every look for `hold_s`, by a bounded step, and once replicas are ready for what comes over: they
are started first, so that neither pool is late for the other's sake. Then nothing moves for `dwell_s`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, inf

import numpy as np

from policies.scale.capacity import Window
from policies.scale.division import Division, Floats, Mixture, Pair, Side, Sized
from policies.scale.horizontal import recent
from policies.scale.lengths import EDGES, at_least, at_most, class_steps, nearest_edge, octaves, summed
from policies.scale.needs import Deadlines
from policies.scale.scaling import Boundary, History, PoolState, Wish, scale
from policies.scale.slo_model import DAY_S, SloModel

LOOKS = 10
"""Times within `hold_s` at which another boundary has to have been cheaper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staffing(SloModel):
    """`slo_model` for one pool of which it is known what each request takes."""

    busy_s: float = 0.0  # of a replica; 0 where that is not known

    def _served(self, history: History, pool: str, now: float) -> float:
        return 1.0 / self.busy_s if self.busy_s else SloModel._served(self, history, pool, now)

    def _times(self, history: History, pool: str, now: float) -> float:
        return 1.0 if self.busy_s else SloModel._times(self, history, pool, now)


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class ByLength:
    """For two pools that are not alike: the short one takes shorter requests, costs less or holds less KV."""

    ttft_s: float = 2.0
    tpot_s: float = 0.1
    late: float = 0.0095  # share of answers that may miss a deadline
    interval_s: float = 60.0
    mix_s: float = 900.0  # of the lengths
    lead_s: float = 240.0  # from asking for a replica until it serves
    spare: float = 1.5  # see `policies.scale.capacity.staffed`
    untold: float = 3.8  # the same where nothing has told yet how many answers are late
    learn_s: float = 2700.0  # see `slo_model`
    down_s: float = 1200.0
    least: int = 1
    tokens: float = 8192.0  # the boundary to begin with
    gamma: float = 1.0  # the same
    least_tokens: float = 256.0  # bounds of the boundary
    most_tokens: float = 131072.0
    most_gamma: float = 2.0
    compressible: float = 0.0  # share of prompts that may be compressed; 0: gamma stays 1
    gain: float = 0.05  # share by which another boundary must be cheaper
    hold_s: float = 600.0
    step: int = 4  # quarters of an octave that it moves at once; 0: it stays
    dwell_s: float = 1800.0  # between two moves
    turn_s: float = 7200.0  # between a move and one the other way
    lacking: float = 1.1  # times the replicas there can be, from which none of these is longer ...
    urgent_s: float = 180.0  # ... than this, the last one than four times this

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        latest, names = history[-1], sides(history[-1])
        if names is None:
            return self._staffing().wanted(history, now)
        here = latest[names[0]].boundary
        division = self._division(history, now, here) if here else None
        replicas = self._replicas(history, now, division, here)
        if here is None:
            return Wish(replicas=replicas, boundaries=(self._first(*names, latest),), why="a boundary to begin with")
        found = self._better(history, now, here, division)
        if division is None or found is None:
            return Wish(replicas=replicas)
        old, new = found
        needed = {
            pool: min(grown(replicas[pool], was, will), latest[pool].most)
            for pool, was, will in ((here.short, old.short, new.short), (here.long, old.long, new.long))
        }
        if any(latest[pool].ready < count for pool, count in needed.items()):
            return Wish(replicas={pool: max(count, needed.get(pool, 0)) for pool, count in replicas.items()})
        there = replace(here, tokens=EDGES[new.pair.edge], gamma=octaves(new.pair.reach))
        return Wish(replicas=replicas, boundaries=(there,), why=told(division, old, new))

    def _replicas(
        self, history: History, now: float, division: Division | None, here: Boundary | None
    ) -> dict[str, int]:
        """Replicas of each pool for what comes to it."""
        busy: dict[str, float] = {}
        if division is not None and here is not None:
            short, long = (_came(list(recent(history, pool, now, self.mix_s))) for pool in (here.short, here.long))
            busy = dict(zip((here.short, here.long), division.busy(pair_of(here), (short, long)), strict=True))
        return {pool: self._alone(history, pool, now, busy.get(pool, 0.0)) for pool in history[-1]}

    def _staffing(self, busy_s: float = 0.0) -> Staffing:
        return Staffing(
            busy_s=busy_s if busy_s < inf else 0.0,
            ttft_s=self.ttft_s, tpot_s=self.tpot_s, late=self.late, interval_s=self.interval_s, mix_s=self.mix_s,
            lead_s=self.lead_s, spare=self.spare, untold=self.untold, learn_s=self.learn_s, down_s=self.down_s,
            least=self.least,
        )  # fmt: skip

    def _alone(self, history: History, pool: str, now: float, busy_s: float) -> int:
        """Replicas of one pool for what comes to it."""
        most = ceil((DAY_S + 3600.0) / self.interval_s)
        mine = [{pool: states[pool]} for states in history[-most:] if pool in states]
        return self._staffing(busy_s).wanted(mine, now).replicas[pool]

    def _first(self, short: str, long: str, latest: Mapping[str, PoolState]) -> Boundary:
        first, last = self._edges(latest[short])
        edge = min(max(nearest_edge(self.tokens), first), last)
        gamma = octaves(min(class_steps(self.gamma), self._most_reach()))
        return Boundary(short=short, long=long, tokens=EDGES[edge], gamma=gamma)

    def _edges(self, short: PoolState) -> tuple[int, int]:
        """The lowest and the highest boundary."""
        most = min(self.most_tokens, short.limit_tokens or inf)
        first = at_least(self.least_tokens)
        return first, max(at_most(most), first)

    def _most_reach(self) -> int:
        return class_steps(self.most_gamma) if self.compressible > 0.0 else 0

    def _pairs(self, short: PoolState) -> Iterator[Pair]:
        """All that there may be."""
        first, last = self._edges(short)
        for edge in range(first, last + 1):
            for reach in range(self._most_reach() + 1):
                yield Pair(edge, reach)

    def _better(
        self, history: History, now: float, here: Boundary, division: Division | None
    ) -> tuple[Sized, Sized] | None:
        """The boundary in force and a step to a better one that has been better for long enough; None where none is."""
        if division is None or not self.step:
            return None
        pair = pair_of(here)
        old = division.sized(pair)
        rule = self if old.lacking < self.lacking else self._urgent()
        if rule._moved(history, now, here):
            return None
        best = division.best(self._pairs(history[-1][here.short]))
        new = division.sized(self._towards(pair, best.pair))
        if rule._turns(history, now, here, new.pair) or not rule._pays(old, best) or new.cost > old.cost:
            return None
        return (old, new) if rule._held(history, here, pair, best.pair) else None

    def _urgent(self) -> "ByLength":
        """The same in a hurry."""
        most = self.urgent_s
        hold_s, dwell_s, turn_s = min(self.hold_s, most), min(self.dwell_s, most), min(self.turn_s, 4.0 * most)
        return replace(self, hold_s=hold_s, dwell_s=dwell_s, turn_s=turn_s)

    def _pays(self, old: Sized, new: Sized) -> bool:
        return new.cost < inf and new.cost < (1.0 - self.gain) * old.cost

    def _held(self, history: History, here: Boundary, old: Pair, new: Pair) -> bool:
        """Whether the other pair would have been cheaper at every look for so long."""
        looks = ceil(self.hold_s / self.interval_s)
        stride = max(looks // LOOKS, 1)
        if len(history) <= looks:
            return False
        for back in range(stride, looks + 1, stride):
            division = self._division(history[:-back], history[-1 - back][here.short].at, here)
            if division is None or not self._pays(division.sized(old), division.sized(new)):
                return False
        return True

    def _moved(self, history: History, now: float, here: Boundary) -> bool:
        """Whether the boundary is another since too short a time."""
        return any(state.boundary != here for state in recent(history, here.short, now, self.dwell_s))

    def _turns(self, history: History, now: float, here: Boundary, new: Pair) -> bool:
        """Whether a boundary would go back the way it came too soon."""
        before = [state.boundary for state in recent(history, here.short, now, self.turn_s) if state.boundary]
        old = next((pair_of(each).edge for each in before if each.tokens != here.tokens), None)
        edge = pair_of(here).edge
        return old is not None and (edge - old) * (new.edge - edge) < 0

    def _towards(self, here: Pair, there: Pair) -> Pair:
        """As far on the way as one step goes."""
        edge, reach = (was + min(max(will - was, -self.step), self.step) for was, will in zip(here, there, strict=True))
        return Pair(edge, reach)

    def _division(self, history: History, now: float, here: Boundary) -> Division | None:
        """The two pools at the mix of the last minutes."""
        states = [list(recent(history, pool, now, self.mix_s)) for pool in (here.short, here.long)]
        if not all(states):
            return None
        seconds = Window.of(history, here.short, now, self.mix_s).seconds
        mixture = Mixture.of(states, seconds)
        short, long = (self._side(each[0]) for each in states)
        if mixture is None or short is None or long is None:
            return None
        deadlines = Deadlines(ttft_s=self.ttft_s, tpot_s=self.tpot_s)
        return Division(
            short=short, long=long, mixture=mixture, deadlines=deadlines, late=self.late,
            compressible=self.compressible,
        )  # fmt: skip

    def _side(self, state: PoolState) -> Side | None:
        if state.perf is None:
            return None
        return Side(perf=state.perf, most=state.most, spare=self.spare, least=min(self.least, state.most))


def sides(latest: Mapping[str, PoolState]) -> tuple[str, str] | None:
    """The short and the long one of two pools; None where there are not two, or nothing tells them apart."""
    if len(latest) != 2 or any(state.perf is None or state.role != "mixed" for state in latest.values()):
        return None
    short, long = sorted(latest, key=lambda pool: (_size(latest[pool]), pool))
    return (short, long) if _size(latest[short]) != _size(latest[long]) else None


def _size(state: PoolState) -> tuple[float, ...]:
    """By what pools are told apart: the longest request they take, their price, their KV."""
    assert state.perf is not None
    return state.limit_tokens or inf, state.perf.price_per_hour, state.perf.kv_tokens


def _came(states: list[PoolState]) -> Floats:
    """Shares of the requests of one pool, by class of length."""
    counts = np.array(summed(state.lengths for state in states))
    shares: Floats = counts / max(float(counts.sum()), 1.0)
    return shares


def pair_of(boundary: Boundary) -> Pair:
    """A boundary as classes of length."""
    return Pair(nearest_edge(boundary.tokens), class_steps(boundary.gamma))


def grown(replicas: int, was: float, will: float) -> int:
    """Replicas of a pool of which the law wanted so many and will want others: as many times more, or fewer."""
    share = will / was if 0.0 < was < inf else 1.0
    return max(ceil(replicas * share - 0.25), ceil(will - 0.5) if was == inf else 0)


def told(division: Division, old: Sized, new: Sized) -> str:
    """Why a boundary moves, in a sentence."""
    rate = division.mixture.rate
    return f"{rate:.2f} requests a second take {_takes(old)} and {_takes(new)}"


def _takes(one: Sized) -> str:
    gamma = f" and gamma {octaves(one.pair.reach):.2f}" if one.pair.reach else ""
    pools = f"{one.short:.1f} short and {one.long:.1f} long replicas"
    return f"{pools} ({one.usd_per_hour:.2f} $/h) at {EDGES[one.pair.edge]:,.0f} tokens{gamma}"
