"""The models a request may go to, as the fleet stands: each with its best replica's predicted seconds and dollars."""

from collections.abc import Mapping, Sequence

from policies.cached import Cached
from policies.fleet import HBM, Table
from policies.predict import cost_usd, eligible, tpot_seconds, ttft_seconds
from policies.request import Ask
from policies.select.port import Option

LATE_S = 3600.0
"""Seconds past the deadline of a model that nobody serves now."""


def options_now(
    ask: Ask, fleet: Table, cached: Cached, models: Mapping[str, float], expected_tokens: Sequence[float],
    comfort: float = 1.0,
) -> tuple[list[Option], list[int]]:  # fmt: skip
    """One option a model, and the row of its replica of the least predicted TTFT, -1 where none is ready.

    `models` are names by the fleet's numbers for them; `expected_tokens` are each one's answer, in the same order.
    Lateness counts from `comfort` of the deadlines on: below 1, room is kept for those who come next.
    """
    options, rows = [], []
    for (name, number), tokens in zip(models.items(), expected_tokens, strict=True):
        asked = ask._replace(model=number, expected_tokens=tokens)
        times = {i: ttft_seconds(asked, fleet, cached, i) for i in range(len(fleet)) if eligible(asked, fleet, i)}
        row = min(times, key=times.__getitem__, default=-1)
        rows.append(row)
        options.append(_option(name, asked, fleet, cached, row, times.get(row, LATE_S), comfort))
    return options, rows


def _option(name: str, ask: Ask, fleet: Table, cached: Cached, row: int, ttft_s: float, comfort: float) -> Option:
    if row < 0:
        return Option(name, name, 0.0, ttft_s, ttft_s, over_slo_s=LATE_S)
    tpot_s = tpot_seconds(ask, fleet, row)
    return predicted(
        name, name, ask, usd=cost_usd(ask, fleet, cached, row), ttft_s=ttft_s, tpot_s=tpot_s,
        cached_tokens=float(cached[row, HBM]), comfort=comfort,
    )  # fmt: skip


def predicted(
    model: str, pool: str, ask: Ask, *, usd: float, ttft_s: float, tpot_s: float, cached_tokens: float,
    comfort: float = 1.0,
) -> Option:  # fmt: skip
    """An option of what is predicted on its replica: late is what comes past either deadline."""
    after_s = max(tpot_s - comfort * ask.tpot_deadline_s, 0.0) * ask.expected_tokens
    return Option(
        model=model,
        pool=pool,
        usd=usd,
        ttft_s=ttft_s,
        e2e_s=ttft_s + tpot_s * ask.expected_tokens,
        over_slo_s=max(ttft_s - comfort * ask.ttft_deadline_s, 0.0) + after_s,
        cached_tokens=cached_tokens,
    )
