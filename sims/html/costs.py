"""Policies or points held against each other: goodput, cached share, latency against cost."""

from collections.abc import Sequence
from math import isfinite

from sims.html.bars import Bar, Dot, bars, scatter
from sims.html.cards import Card
from sims.html.frame import Frame
from sims.html.named import Named
from sims.html.scale import dollars, linear, logarithmic, percent, seconds
from sims.html.tables import Cell, Sheet
from sims.measure.rows import span

MOST_BARS = 30


def goodput(named: Sequence[Named]) -> Card:
    """Of arrivals, those served within both deadlines."""
    reading = "Of all arrivals, those whose first and later tokens came in time. Whisker: 95 % interval over seeds."
    return _shares("Goodput", "goodput_share", reading, named)


def cached(named: Sequence[Named]) -> list[Card]:
    """Of prompt tokens, those that need not be computed, and what the router believed; nothing where none are."""
    if not any(one.measured.cached_token_share > 0.0 for one in named):
        return []
    reading = "Of prompt tokens, those the engine found cached; the dashed tick is what the router believed."
    return [_shares("Cached prompt tokens", "cached_token_share", reading, named, beside="believed_token_share")]


def _shares(title: str, key: str, reading: str, named: Sequence[Named], beside: str = "") -> Card:
    shown = sorted(named, key=lambda one: one.colour)[:MOST_BARS] if len(named) > MOST_BARS else list(named)
    rows = [
        Bar(
            name=one.name,
            value=getattr(one.measured, key),
            colour=one.colour,
            ends=span(one.measured, key),
            beside=(getattr(one.measured, beside) or None) if beside else None,
        )
        for one in sorted(shown, key=lambda one: -_known(getattr(one.measured, key)))
    ]
    most = max([bar.value for bar in rows if isfinite(bar.value)] + [bar.beside or 0.0 for bar in rows], default=1.0)
    scale = linear([most if most > 0.0 else 1.0], percent, high=1.0 if most > 0.5 else None)
    return Card(title=title, reading=reading, picture=bars(rows, scale, percent, title), data=_sheet(key, named))


def _sheet(key: str, named: Sequence[Named]) -> Sheet:
    ends = [span(one.measured, key) or (float("nan"), float("nan")) for one in named]
    rows = [[one.name, getattr(one.measured, key), *pair] for one, pair in zip(named, ends, strict=True)]
    return Sheet(name=key, title=key, columns=["name", key, "ci95_low", "ci95_high"], rows=rows)


def by_pool(one: Named) -> Card:
    """Where requests went, and how busy that made each pool."""
    pools = one.measured.pools
    rows = [Bar(name=p.name, value=p.share, colour=i, beside=p.utilisation or None) for i, p in enumerate(pools)]
    most = max([p.share for p in pools] + [p.utilisation for p in pools if isfinite(p.utilisation)], default=1.0)
    cells: list[list[Cell]] = [[pool.name, pool.share, pool.utilisation] for pool in pools]
    return Card(
        title="Where requests went",
        reading="Share of requests that each pool served; the dashed tick is the share of its time that it computed.",
        picture=bars(rows, linear([most], percent, high=1.0 if most > 0.5 else None), percent, "Requests by pool"),
        data=Sheet(name="by-pool", title="By pool", columns=["pool", "share", "utilisation"], rows=cells),
    )


def latency_and_cost(named: Sequence[Named], front: Sequence[int]) -> Card:
    """TTFT p90 against dollars per million output tokens, the front that none beats joined."""
    dots = [
        Dot(name=one.name, at=costs(one), colour=one.colour, on_front=i in front) for i, one in enumerate(named)
    ]  # fmt: skip
    money = [dot.at[0] for dot in dots if all(map(isfinite, dot.at))]
    frame = Frame(
        x=linear(money, dollars, zero=False),
        y=logarithmic([dot.at[1] for dot in dots], seconds),
        x_title="$ per million output tokens",
        y_title="TTFT p90 (logarithmic)",
        label="Latency against cost",
        right=90.0,
    )
    rows: list[list[Cell]] = [[dot.name, *dot.at, dot.on_front] for dot in dots]
    columns = ["name", "usd_per_million_tokens", "ttft_p90_s", "on_front"]
    return Card(
        title="Latency against cost",
        reading="Lower left is better. The dotted steps join those that no other beats in both.",
        picture=scatter(frame, dots),
        data=Sheet(name="latency-and-cost", title="Latency against cost", columns=columns, rows=rows),
    )


def costs(one: Named) -> tuple[float, float]:
    """What is paid and how long is waited."""
    return one.measured.usd_per_million_tokens, one.measured.ttft_s.p90


def _known(value: float) -> float:
    return value if isfinite(value) else -1.0
