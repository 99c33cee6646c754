"""A run's records become one summary: for people a table, for scripts JSON with stable keys."""

import json
from io import StringIO
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from sims.load.record import Record
from sims.report import Spread, Summary, number, over_seeds, summarise, table, to_json

KEYS = [
    "requests",
    "completed",
    "shed",
    "errors",
    "ttft_s",
    "tpot_s",
    "e2e_s",
    "goodput_rps",
    "goodput_share",
    "output_tokens_per_s",
    "cached_token_share",
    "cost_usd",
    "usd_per_million_tokens",
    "span_s",
    "lag_p99_s",
]


def record(at: float = 0.0, ttft: float = 1.0, tokens: int = 11, tpot: float = 0.1, **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "request_id": "r",
        "session": "",
        "model": "m",
        "scheduled_s": at,
        "sent_s": at,
        "first_token_s": at + ttft,
        "last_token_s": at + ttft + tpot * (tokens - 1),
        "prompt_tokens": 100,
        "output_tokens": tokens,
        "cached_tokens": 25,
        "status": 200,
    }
    return Record(**(fields | changes))


def refused(at: float = 0.0, status: int = 503) -> Record:
    gone: dict[str, Any] = {"first_token_s": None, "last_token_s": None, "output_tokens": 0, "cached_tokens": -1}
    return record(at, status=status, error="no", **gone)


def summary(*records: Record, warmup_s: float = 0.0) -> Summary:
    return summarise(records, usd_per_hour=36.0, slo=(1.5, 0.1001), warmup_s=warmup_s)


def test_requests_are_counted_by_what_became_of_them() -> None:
    found = summary(record(), refused(), refused(status=429), refused(status=500), refused(status=0))
    assert (found.requests, found.completed, found.shed, found.errors) == (5, 1, 2, 2)


def test_times_are_spread_over_arrivals() -> None:
    found = summary(record(ttft=1.0), record(ttft=2.0), record(ttft=3.0))
    assert found.ttft_s == Spread.of(np.array([1.0, 2.0, 3.0]))
    assert (found.ttft_s.mean, found.ttft_s.p90, found.ttft_s.p99) == pytest.approx((2.0, 2.8, 2.98))
    assert found.tpot_s.p50 == pytest.approx(0.1)
    assert found.e2e_s.p50 == pytest.approx(3.0)


def test_a_refused_request_is_endlessly_late() -> None:
    found = summary(record(ttft=1.0), refused())
    assert (found.ttft_s.mean, found.ttft_s.p99) == (1.0, inf)


def test_a_broken_answer_is_not_served_though_it_began() -> None:
    found = summary(record(), record(error="the connection was lost after 3 tokens"))
    assert (found.errors, found.ttft_s.p99, found.goodput_share) == (1, inf, 0.5)


def test_goodput_counts_requests_within_both_deadlines() -> None:
    found = summary(record(0.0), record(0.0, ttft=5.0), record(8.0, ttft=1.0))
    assert found.span_s == pytest.approx(10.0)
    assert (found.goodput_share, found.goodput_rps) == pytest.approx((2 / 3, 0.2))


def test_the_fleet_is_paid_for_until_the_last_token() -> None:
    found = summary(record(0.0), record(8.0))
    assert found.cost_usd == pytest.approx(0.1)
    assert found.usd_per_million_tokens == pytest.approx(0.1 / 22 * 1e6)
    assert found.output_tokens_per_s == pytest.approx(2.2)


def test_the_cached_share_is_of_those_that_say() -> None:
    assert summary(record(), record(cached_tokens=75), record(cached_tokens=-1)).cached_token_share == 0.5
    assert isnan(summary(record(cached_tokens=-1)).cached_token_share)


def test_the_warm_up_is_left_out_of_everything() -> None:
    found = summary(record(0.0, ttft=90.0), record(10.0), record(12.0), warmup_s=10.0)
    assert found.requests == 2
    assert (found.ttft_s.p99, found.span_s) == pytest.approx((1.0, 4.0))


def test_nothing_after_the_warm_up_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of 1 requests came after the warm-up of 5 s"):
        summary(record(), warmup_s=5.0)


def test_the_generators_own_lag_is_told() -> None:
    assert summary(record(sent_s=0.25)).lag_p99_s == 0.25


def test_nothing_served_has_no_price_per_token() -> None:
    found = summary(refused(0.0), refused(3600.0))
    assert found.cost_usd == 36.0
    assert isnan(found.usd_per_million_tokens)


def test_json_has_the_documented_keys_in_their_order() -> None:
    found = json.loads(to_json(summary(record())))
    assert list(found) == KEYS
    assert list(found["ttft_s"]) == ["mean", "p50", "p90", "p99"]


def test_json_says_null_for_endless_and_unknown() -> None:
    found = json.loads(to_json(summary(refused(0.0), refused(1.0))))
    assert found["ttft_s"] == {"mean": None, "p50": None, "p90": None, "p99": None}
    assert found["cached_token_share"] is None


def test_figures_over_seeds_get_intervals() -> None:
    found = over_seeds([summary(record(ttft=t)) for t in (1.0, 2.0, 3.0)])
    assert found["ttft_s.p50"].mean == pytest.approx(2.0)
    assert found["ttft_s.p50"].half == pytest.approx(4.3027 / 3**0.5, rel=1e-4)
    assert found["requests"].mean == 1.0


@pytest.mark.parametrize(("value", "shown"), [(1234.5, "1,234.50"), (inf, "∞"), (nan, "–"), (0.0, "0.00")])
def test_numbers_are_shown_for_people(value: float, shown: str) -> None:
    assert number(value) == shown


def test_the_table_has_a_column_a_policy_and_every_figure() -> None:
    out = StringIO()
    Console(file=out, width=160).print(table({"random": summary(record()), "shortest_ttft": summary(record(ttft=0.5))}))
    shown = out.getvalue()
    for part in ("random", "shortest_ttft", "TTFT", "TPOT", "E2E", "goodput", "cached", "$ per million", "0.500"):
        assert part in shown
