"""So many replicas at each hour of the day: a plan made beforehand."""

from dataclasses import dataclass

from policies.scale.scaling import History, Wish, scale

HOUR_S = 3600.0


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class ByHour:
    """The same day after day, in every pool alike unless `pools` says otherwise."""

    replicas: tuple[int, ...] = (1,)  # by hour from the trace's start; the list repeats
    pools: tuple[tuple[str, tuple[int, ...]], ...] = ()  # (pool, replicas by hour)
    interval_s: float = 60.0
    ahead_s: float = 180.0  # how long before the hour its replicas are asked for, so that they are ready

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        named = dict(self.pools)
        return Wish(replicas={pool: self._at(named.get(pool, self.replicas), now) for pool in history[-1]})

    def _at(self, hours: tuple[int, ...], now: float) -> int:
        this, next_one = (hours[int(time // HOUR_S) % len(hours)] for time in (now, now + self.ahead_s))
        return max(this, next_one)
