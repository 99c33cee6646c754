"""As many replicas as keep the deadlines: a slow loop that foresees, a fast one that corrects, and one that learns.

The slow loop looks as far ahead as a replica takes to start: at the rate of the last minutes, its trend, and how the
same time of earlier days went on. The fast one adds what is needed to work off those who wait. Both give a rate; the
inverted latency model turns it into replicas at the mix of prompts and answers of the last minutes. The third corrects
that by the share of answers that missed their deadlines (`lateness`). A step one way waits some minutes before it is
taken back, unless much is short: that is what keeps it from going up and down.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from policies.scale.capacity import Window, capacity, staffed
from policies.scale.horizontal import recent
from policies.scale.lateness import correction
from policies.scale.purse import Purse
from policies.scale.scaling import History, PoolState, Wish, scale

DAY_S = 86_400.0


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class SloModel:
    """Pools of one model are variants: those whose requests cost least, in dollars or energy, are filled first."""

    ttft_s: float = 2.0
    tpot_s: float = 0.1
    late: float = 0.0095  # share of answers that may miss a deadline
    interval_s: float = 60.0
    window_s: float = 300.0  # of the rate that counts now
    mix_s: float = 900.0  # of the lengths
    lead_s: float = 240.0  # from asking for a replica until it serves: what is foreseen
    trust: float = 0.5  # how much of what earlier days say is believed
    trend: float = 0.5  # how much of a rise goes on
    spare: float = 1.5  # see `staffed`
    untold: float = 3.8  # the same where nothing has told yet how many answers are late
    learn_s: float = 2700.0  # of late answers that the law is corrected by
    clear_s: float = 60.0  # in which those who wait are to be worked off
    down_s: float = 1200.0  # nothing goes below what these seconds needed
    slack: float = 1.0  # of a replica that has to be spare before one goes
    settle_s: float = 660.0  # before a step is taken back
    short: float = 0.35  # share of replicas that is short from when it is not waited for
    idle_s: float = 900.0  # without a request, after which a pool that may be empty is emptied
    least: int = 1
    usd: float = 1.0  # weight of a rented dollar in what a variant costs
    usd_per_kwh: float = 0.0  # weight of a kilowatt-hour there; with `usd` 0 the least energy decides
    usd_per_hour: float = 0.0  # the budget of all pools; 0: none
    gpus: int = 0  # the quota of all pools; 0: none

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        latest = history[-1]
        if len(history) == 1:
            return Wish(replicas={pool: self._within(state, _there(state)) for pool, state in latest.items()})
        asked = sum(self._ahead(history, pool, now) for pool in latest)
        most = max(asked, sum(self._most(history, pool, now) for pool in latest))
        return Wish(replicas=self._spread(history, now, asked, most))

    def _spread(self, history: History, now: float, asked: float, most: float) -> dict[str, int]:
        """Replicas by pool for a rate now, and for the most it was lately; the cheapest served request first."""
        latest, found, purse = history[-1], dict[str, int](), Purse(usd_per_hour=self.usd_per_hour, gpus=self.gpus)
        spare = self._spare(history, now)
        for pool in sorted(latest, key=lambda name: (self._price(history, name, now), name)):
            state, served = latest[pool], self._served(history, pool, now)
            if not served:
                found[pool] = self._unknown(history, pool, now)
                continue
            times = self._times(history, pool, now)
            up = max(ceil(times * staffed(asked / served, spare) - 0.5), 1)
            down = max(ceil(times * staffed(most / served, spare) - 0.5 + self.slack), 1)
            wanted = self._settled(history, pool, now, self._within(state, up), self._within(state, down))
            found[pool], purse = purse.buys(wanted, state.perf, self.least)
            asked, most = (max(rate - found[pool] * served, 0.0) for rate in (asked, most))
        return found

    def _settled(self, history: History, pool: str, now: float, up: int, down: int) -> int:
        """Up to the one, down to the other, and nothing back that was just done unless much is short."""
        state = history[-1][pool]
        there, way = _there(state), _way(history, pool, now, self.settle_s)
        if up > there:
            urgent = up - there >= self.short * up or state.waiting + state.held > max(state.ready, 1)
            return up if urgent or way >= 0 else there
        wanted = min(max(up, down), there)
        return there if way > 0 else wanted

    def _unknown(self, history: History, pool: str, now: float) -> int:
        """What is there, where nothing says what it can serve: one more than none for those held, none for nobody."""
        state = history[-1][pool]
        there = _there(state)
        if state.held and not there:
            return self._within(state, 1)
        if self.least or there == 0 or state.at - history[0][pool].at < self.idle_s:
            return self._within(state, there)
        idle = all(_idle(each) for each in recent(history, pool, now, self.idle_s))
        return 0 if idle else self._within(state, there)

    def _spare(self, history: History, now: float) -> float:
        """Lateness is learned from what was told lately: only that is looked at."""
        told = any(state.judged for pool in history[-1] for state in recent(history, pool, now, self.learn_s))
        return self.spare if told else self.untold

    def _times(self, history: History, pool: str, now: float) -> float:
        """How many times the law's replicas are right, by those who were late."""
        perf = history[-1][pool].perf

        def law(window: Window) -> float:
            served = capacity(perf, window, self.ttft_s, self.tpot_s)
            return staffed(window.rate / served, self.spare) if served else 0.0

        return correction(history, pool, now, law, allowed=self.late, hour_s=self.learn_s, day_s=DAY_S)

    def _ahead(self, history: History, pool: str, now: float) -> float:
        """The rate that is foreseen: what comes now, what it rises by, what other days know, and those who wait."""
        state, short = history[-1][pool], Window.of(history, pool, now, self.window_s).rate
        long = Window.of(history, pool, now, 3.0 * self.window_s).rate
        rising = short + self.trend * max(short - long, 0.0) * self.lead_s / (2.0 * self.window_s)
        foreseen = max(rising, (1.0 - self.trust) * short + self.trust * self._other_days(history, pool, now, long))
        behind = state.waiting + state.held - max(state.ready, 1)
        return foreseen + max(behind, 0.0) / self.clear_s

    def _other_days(self, history: History, pool: str, now: float, rate: float) -> float:
        """The present rate as it went on a day ago over the time that a start takes; itself where nobody knows."""
        back = round(DAY_S / self.interval_s)
        span = max(round(self.lead_s / self.interval_s), 1)
        if len(history) <= back + 3 * span:
            return rate
        then = [states[pool].arrived for states in history[-back - 3 * span : -back + 2 * span] if pool in states]
        before, after = sum(then[: 3 * span]) / (3 * span), sum(then[3 * span :]) / max(2 * span, 1)
        return rate * min(max(after / max(before, 1e-9), 0.5), 2.0)

    def _most(self, history: History, pool: str, now: float) -> float:
        """The highest rate over any window of the time in which nothing goes down."""
        states = list(recent(history, pool, now, self.down_s))
        length = max(round(self.window_s / self.interval_s), 1)
        sums, total = 0, 0
        for i, state in enumerate(states):
            total += state.arrived - (states[i - length].arrived if i >= length else 0)
            sums = max(sums, total)
        return sums / (length * self.interval_s)

    def _served(self, history: History, pool: str, now: float) -> float:
        """Requests a second that one replica of a pool serves within the deadlines."""
        window = Window.of(history, pool, now, self.mix_s)
        return capacity(history[-1][pool].perf, window, self.ttft_s, self.tpot_s)

    def _price(self, history: History, pool: str, now: float) -> float:
        """What a served request costs, in dollars and energy as they are weighed, times any constant."""
        perf, served = history[-1][pool].perf, self._served(history, pool, now)
        if perf is None or not served:
            return 0.0
        window = Window.of(history, pool, now, self.mix_s)
        decoding = served * self.tpot_s * window.output_tokens / max(window.ended, 1)  # at most, by Little's law
        return (self.usd * perf.price_per_hour + self.usd_per_kwh * perf.watts(decoding) / 1000.0) / served

    def _within(self, state: PoolState, wanted: int) -> int:
        return min(max(wanted, self.least), state.most)


def _there(state: PoolState) -> int:
    return state.ready + state.starting


def _idle(state: PoolState) -> bool:
    return not (state.arrived or state.running or state.waiting or state.held)


def _way(history: History, pool: str, now: float, seconds: float) -> int:
    """The way of the last step that was asked for in the last seconds: 1 up, -1 down, 0 none."""
    for later, before in pairwise(recent(history, pool, now, seconds)):
        if min(later.wanted, before.wanted) >= 0 and later.wanted != before.wanted:
            return 1 if later.wanted > before.wanted else -1
    return 0
