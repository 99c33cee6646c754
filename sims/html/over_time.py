"""The pools while the trace passes: who waits, how large the batches are, how full the KV memory."""

from collections.abc import Callable, Sequence

from sims.html.cards import Card
from sims.html.frame import Frame, room
from sims.html.lines import Level, Series, drawn
from sims.html.scale import Format, Scale, hours, linear, percent, plain
from sims.html.tables import Sheet
from sims.measure.timeline import PoolOverTime, Timeline

Values = Sequence[float]


def over_time(timeline: Timeline) -> list[Card]:
    """Four cards: queue, batch, KV memory and replicas of every pool."""
    return [
        _card(timeline, "Queue", "Requests sent to a pool and not yet in a batch, the most at any moment sampled.",
              "requests waiting", lambda pool: pool.waiting, plain),
        _card(timeline, "Batch", "Requests that run at once on a replica that is ready, on average over the pool.",
              "requests running per replica", per_replica, plain),
        _card(timeline, "KV memory", "Of the pool's KV memory, what requests hold.", "share of KV memory taken",
              lambda pool: pool.kv_share, percent, most=1.0),
        _card(timeline, "Replicas", "Ready for work: those that start, drain or have failed are not.", "replicas ready",
              lambda pool: pool.ready, plain),
    ]  # fmt: skip


def per_replica(pool: PoolOverTime) -> Values:
    """Running requests over ready replicas."""
    return [running / max(ready, 1.0) for running, ready in zip(pool.running, pool.ready, strict=True)]


def _card(
    timeline: Timeline, title: str, reading: str, axis: str, of: Callable[[PoolOverTime], Values], shown: Format,
    most: float | None = None,
) -> Card:  # fmt: skip
    columns = [of(pool) for pool in timeline.pools]
    series = [
        Series(name=pool.name, colour=i, points=list(zip(timeline.at_s, values, strict=True)))
        for i, (pool, values) in enumerate(zip(timeline.pools, columns, strict=True))
    ]
    frame = Frame(
        x=_clock(timeline.at_s),
        y=linear([value for values in columns for value in values], shown, high=most),
        x_title="simulated time",
        y_title=axis,
        label=f"{title} of every pool over time",
        right=room([pool.name for pool in timeline.pools]),
    )
    levels = [Level(at=1.0, name="full")] if most == 1.0 else []
    rows = [[at, *values] for at, *values in zip(timeline.at_s, *columns, strict=True)]
    names = ["at_s", *(pool.name for pool in timeline.pools)]
    data = Sheet(name=f"{title.lower().replace(' ', '-')}-over-time", title=title, columns=names, rows=rows)
    return Card(title=title, reading=reading, picture=drawn(frame, series, levels), data=data)


CLOCK = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0,
         43200.0, 86400.0, 172800.0, 604800.0)  # fmt: skip


def _clock(at_s: Values) -> Scale:
    """Ticks at whole minutes, hours or days."""
    end = max(max(at_s), 1.0)
    step = next((each for each in CLOCK if end / each <= 6.0), CLOCK[-1])
    ticks = tuple(step * i for i in range(int(end / step) + 1))
    return Scale(low=0.0, high=end, ticks=ticks, shown=hours, bend=float)
