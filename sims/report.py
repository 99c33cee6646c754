"""What a run says in the end: one summary a policy, side by side, and the same as JSON with stable keys."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.table import Table

from sims.load.record import Record
from sims.statistics import UNSERVED, Interval, after_warmup, goodput, interval, percentile, served_mean

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds over arrivals: the mean of those served, percentiles of all, unserved ones being endlessly late."""

    mean: float
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, values: Values) -> "Spread":
        """From one value per arrival."""
        p50, p90, p99 = (percentile(values, q) for q in (50.0, 90.0, 99.0))
        return cls(mean=served_mean(values), p50=p50, p90=p90, p99=p99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One run; field names are the JSON's keys and stay."""

    requests: int
    completed: int
    shed: int  # refused for want of room
    errors: int  # neither completed nor shed
    ttft_s: Spread
    tpot_s: Spread
    e2e_s: Spread
    goodput_rps: float
    goodput_share: float
    output_tokens_per_s: float
    cached_token_share: float  # of the prompt tokens of replies that say; nan when none does
    cost_usd: float
    usd_per_million_tokens: float  # per million output tokens
    span_s: float  # from the first request counted to the last token
    lag_p99_s: float  # how late the load generator itself was


def summarise(
    records: Sequence[Record], *, usd_per_hour: float, slo: tuple[float, float], warmup_s: float = 0.0
) -> Summary:
    """The summary of records scheduled from `warmup_s` on; `slo` is (ttft, tpot) in seconds.

    The fleet is paid for from the first of them to the last token, whatever it did. Raises ValueError if none is left.
    """
    kept = after_warmup([record.scheduled_s for record in records], warmup_s)
    counted = [record for record, keep in zip(records, kept, strict=True) if keep]
    if not counted:
        raise ValueError(f"none of {len(records)} requests came after the warm-up of {warmup_s:g} s")
    ttft, tpot = (_seconds(counted, of) for of in (lambda r: r.ttft_s, lambda r: r.tpot_s))
    span = _span(counted)
    good = goodput(ttft, tpot, slo, span)
    tokens = sum(record.output_tokens for record in counted)
    cost = usd_per_hour * span / 3600.0
    completed = sum(record.completed for record in counted)
    shed = sum(record.shed for record in counted)
    return Summary(
        requests=len(counted),
        completed=completed,
        shed=shed,
        errors=len(counted) - completed - shed,
        ttft_s=Spread.of(ttft),
        tpot_s=Spread.of(tpot),
        e2e_s=Spread.of(_seconds(counted, lambda r: r.e2e_s)),
        goodput_rps=good.rps,
        goodput_share=good.share,
        output_tokens_per_s=tokens / span if span > 0.0 else nan,
        cached_token_share=_cached_share(counted),
        cost_usd=cost,
        usd_per_million_tokens=1e6 * cost / tokens if tokens else nan,
        span_s=span,
        lag_p99_s=percentile([record.lag_s for record in counted], 99.0),
    )


def _seconds(records: Sequence[Record], of: Callable[[Record], float | None]) -> Values:
    """One value per record; a request whose answer did not come whole was not served."""
    found = (of(record) if record.completed else None for record in records)
    return np.array([UNSERVED if value is None else value for value in found])


def _span(records: Sequence[Record]) -> float:
    ends = (record.sent_s if record.last_token_s is None else record.last_token_s for record in records)
    return max(ends) - min(record.scheduled_s for record in records)


def _cached_share(records: Sequence[Record]) -> float:
    told = [record for record in records if record.cached_tokens >= 0]
    prompts = sum(record.prompt_tokens for record in told)
    return sum(record.cached_tokens for record in told) / prompts if prompts else nan


def to_json(summary: Summary) -> str:
    """One JSON object; what is endless or unknown is null."""
    return json.dumps(_plain(asdict(summary)), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def over_seeds(summaries: Sequence[Summary]) -> dict[str, Interval]:
    """The mean and its 95 % interval of every figure over runs with different seeds, by dotted key."""
    flat = [_flat(asdict(summary)) for summary in summaries]
    return {key: interval([float(figures[key]) for figures in flat]) for key in flat[0]}


def _flat(figures: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    out: dict[str, float] = {}
    for key, value in figures.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out


def number(value: float, digits: int = 2) -> str:
    """For people: thousands parted, a dash for what is unknown, ∞ for never."""
    if isfinite(value):
        return f"{value:,.{digits}f}"
    return "∞" if value > 0.0 else "–"


def spread(value: Spread) -> str:
    """Mean and percentiles of seconds in one cell."""
    return " / ".join(number(part, 3) for part in (value.mean, value.p50, value.p90, value.p99))


ROWS: dict[str, Callable[[Summary], str]] = {
    "requests": lambda s: f"{s.requests:,}",
    "completed": lambda s: f"{s.completed:,}",
    "shed": lambda s: f"{s.shed:,}",
    "errors": lambda s: f"{s.errors:,}",
    "TTFT s: mean / p50 / p90 / p99": lambda s: spread(s.ttft_s),
    "TPOT s: mean / p50 / p90 / p99": lambda s: spread(s.tpot_s),
    "E2E s: mean / p50 / p90 / p99": lambda s: spread(s.e2e_s),
    "goodput: requests/s in SLO": lambda s: number(s.goodput_rps),
    "goodput: % of requests": lambda s: number(100.0 * s.goodput_share, 1),
    "output tokens/s": lambda s: number(s.output_tokens_per_s, 0),
    "cached prompt tokens, %": lambda s: number(100.0 * s.cached_token_share, 1),
    "$": lambda s: number(s.cost_usd, 4),
    "$ per million output tokens": lambda s: number(s.usd_per_million_tokens),
}


def table(summaries: Mapping[str, Summary]) -> Table:
    """Summaries side by side, one column each."""
    out = Table()
    out.add_column("")
    for name in summaries:
        out.add_column(name, justify="right")
    for label, cell in ROWS.items():
        out.add_row(label, *(cell(summary) for summary in summaries.values()))
    return out
