"""As many replicas as the latency model says the deadlines take: a slow loop that foresees, a fast one that corrects.

The slow loop looks as far ahead as a replica takes to start: at the rate of the last minutes, its trend, and how the
same time of earlier days went on. The fast one adds what is needed to work off those who wait. Both give a rate; the
inverted latency model turns it into replicas at the mix of prompts and answers of the last minutes. Up at once; down to
the most that was needed over `down_s`, and only by a whole replica to spare, so that nothing goes up and down.
"""

from dataclasses import dataclass
from math import ceil

from policies.scale.capacity import Window, capacity, staffed
from policies.scale.horizontal import recent
from policies.scale.scaling import History, PoolState, Wish, scale

DAY_S = 86_400.0


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class SloModel:
    """Pools of one model are variants: those that serve a dollar's most requests are filled first."""

    ttft_s: float = 2.0
    tpot_s: float = 0.1
    interval_s: float = 30.0
    window_s: float = 300.0  # of the rate that counts now
    mix_s: float = 900.0  # of the lengths
    lead_s: float = 240.0  # from asking for a replica until it serves: what is foreseen
    trust: float = 0.5  # how much of what earlier days say is believed
    trend: float = 0.5  # how much of a rise goes on
    spare: float = 3.8  # see `staffed`
    clear_s: float = 60.0  # in which those who wait are to be worked off
    down_s: float = 5400.0
    slack: float = 1.5  # of a replica that has to be spare before one goes
    least: int = 1
    usd_per_hour: float = 0.0  # the budget of all pools; 0: none

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        latest = history[-1]
        if len(history) == 1:
            return Wish(replicas={pool: self._within(state, self.least) for pool, state in latest.items()})
        asked = sum(self._ahead(history, pool, now) for pool in latest)
        most = max(asked, sum(self._most(history, pool, now) for pool in latest))
        return Wish(replicas=self._spread(history, now, asked, most))

    def _spread(self, history: History, now: float, asked: float, most: float) -> dict[str, int]:
        """Replicas by pool for a rate now, and for the most it was lately; the cheapest served request first."""
        latest, found, left = history[-1], dict[str, int](), self.usd_per_hour
        for pool in sorted(latest, key=lambda name: (self._price(history, name, now), name)):
            state, served = latest[pool], self._served(history, pool, now)
            there = state.ready + state.starting
            if not served:
                found[pool] = self._within(state, max(there, self.least))
                continue
            up = ceil(staffed(asked / served, self.spare))
            down = ceil(staffed(most / served, self.spare) + self.slack)
            found[pool] = self._within(state, up if up > there else min(max(up, down), there))
            if self.usd_per_hour and state.perf is not None:
                found[pool] = min(found[pool], max(int(left / state.perf.price_per_hour), self.least))
                left -= found[pool] * state.perf.price_per_hour
            asked, most = (max(rate - found[pool] * served, 0.0) for rate in (asked, most))
        return found

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
        """Dollars of a served request, times any constant."""
        perf, served = history[-1][pool].perf, self._served(history, pool, now)
        return perf.price_per_hour / served if perf is not None and served else 0.0

    def _within(self, state: PoolState, wanted: int) -> int:
        return min(max(wanted, self.least), state.most)
