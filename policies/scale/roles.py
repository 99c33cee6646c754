"""Replicas move between prefill, decode and mixed so that prompts and answers keep their deadlines as traffic changes.

xLLM moves an instance as soon as no decode instance keeps the time per token, or one is idle. Here every split of the
fleet is predicted from the traffic of the last seconds: how many times as much it could serve within both deadlines. A
better split has to be better by `gain`, is reached a replica at a time, and is left alone for `dwell_s`; only where the
headroom is below `gone` everything moves at once. A role that is in use never falls below its floor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from policies.scale.needs import Deadlines, Demand, Needs, needs
from policies.scale.scaling import History, PoolState, Wish, scale
from policies.scale.splits import Floors, Split, between, headroom, moves, split_of, splits

States = Mapping[str, PoolState]

FEWEST = 16
"""Requests, and answers, in the window below which nothing is known of the traffic."""


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """For replicas that are alike, a pool a role; how many there are in all is left as it is."""

    ttft_s: float = 2.0
    tpot_s: float = 0.1
    interval_s: float = 5.0
    window_s: float = 30.0  # of traffic that is looked at
    gain: float = 0.1  # share by which another split must be better
    comfort: float = 2.0  # headroom from which nothing is moved, whatever would be better
    gone: float = 1.1  # headroom below which all moves are made at once and no dwell is waited for
    dwell_s: float = 60.0  # least time between two moves
    burst: float = (
        10.0  # see `Demand`; in a second of the code completions in Azure's hour 13, of its conversations 1.4
    )
    least_prefill: int = 1
    least_decode: int = 1
    least_mixed: int = 0
    drains: bool = False  # whether a replica empties before it takes its new role, see `Move`

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        latest = history[-1]
        needed = self.needed(history, now)
        here = split_of(latest)
        begins = len(history) == 1
        if begins or needed is None or not here.replicas or any(state.draining for state in latest.values()):
            return Wish(replicas={})
        there = self._next(here, needed, settled=self._settled(history, now))
        if there == here:
            return Wish(replicas={})
        return Wish(replicas={}, moves=moves(latest, here, there, drains=self.drains), why=told(here, there, needed))

    def needed(self, history: History, now: float) -> Needs | None:
        """The replicas of each role that the traffic of the window takes; None where too little is known of it."""
        window = list(takewhile(lambda states: _at(states) > now - self.window_s, reversed(history)))
        seconds = min(self.window_s, max(now - _at(history[0]), self.interval_s))
        demand = demanded(window, seconds, self.burst)
        perf = next((state.perf for state in history[-1].values() if state.perf is not None), None)
        if demand is None or perf is None:
            return None
        return needs(demand, perf, Deadlines(ttft_s=self.ttft_s, tpot_s=self.tpot_s))

    def _settled(self, history: History, now: float) -> bool:
        """Whether no replica has changed its role for long enough."""
        recent = takewhile(lambda pair: _at(pair[0]) > now - self.dwell_s, pairwise(reversed(history)))
        return all(split_of(later) == split_of(before) for later, before in recent)

    def _next(self, here: Split, needed: Needs, *, settled: bool) -> Split:
        """The split to go to now."""
        floors = Floors(self.least_prefill, self.least_decode, self.least_mixed)
        room = headroom(here, needed)
        all_of_them = list(splits(here.replicas, floors)) or [here]
        best = max(all_of_them, key=lambda one: (headroom(one, needed), -here.moves_to(one)))
        urgent = room < self.gone
        if room >= self.comfort or headroom(best, needed) <= (1.0 + self.gain) * room or not (settled or urgent):
            return here
        if urgent:
            return best
        better = [one for one in between(here, best, floors) if headroom(one, needed) >= room]
        return min(better, key=lambda one: (here.moves_to(one), -headroom(one, needed)))


def demanded(window: Sequence[States], window_s: float, burst: float) -> Demand | None:
    """What was asked of a fleet over a window, latest first; None where that is too little to go by.

    Mean lengths of answers are tokens that came over answers that ended: those still under way count too, so longer
    answers show before the first of them has ended.
    """
    every = [state for states in window for state in states.values()]
    arrived, ended = sum(state.arrived for state in every), sum(state.ended for state in every)
    if arrived < FEWEST or ended < FEWEST:
        return None
    waiting = sum(state.waiting + state.held for state in window[0].values() if state.role != "decode")
    return Demand(
        rate=arrived / window_s,
        prompt_tokens=sum(state.prompt_tokens for state in every) / arrived,
        output_tokens=sum(state.output_tokens for state in every) / ended,
        burst=burst,
        behind=waiting / window_s,
    )


def told(here: Split, there: Split, needed: Needs) -> str:
    """Why replicas move, in a sentence."""
    return (
        f"{here.told()} serves {headroom(here, needed):.2f} times the demand within the deadlines, "
        f"{there.told()} {headroom(there, needed):.2f} times: it takes {needed.prefill + needed.spare:.1f} prefill and "
        f"{needed.decode:.1f} decode replicas, or {needed.mixed:.1f} mixed ones"
    )


def _at(states: States) -> float:
    return next(iter(states.values())).at
