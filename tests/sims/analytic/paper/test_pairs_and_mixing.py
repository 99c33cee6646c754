"""Prefill and decode pools, whose lengths pools see, and power given up: laws of the published conventions."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.analytic.lengths import published
from sims.analytic.paper.cards import card
from sims.analytic.paper.conventions import PRINTED
from sims.analytic.paper.disaggregation import (
    DECODE_SHARE,
    MOST_DECODE,
    MOST_PREFILL,
    PREFILL_SHARE,
    TTFT_FACTOR,
    Pair,
    cheapest_pair,
    mean_tokens,
    pairs,
)
from sims.analytic.paper.flex import curtail
from sims.analytic.paper.mixing import COMPRESSIBLE, long_points, short_points

AZURE, LMSYS = published("azure"), published("lmsys")
A100, H100, A10G = card("a100"), card("h100"), card("a10g")
PAIRS = pairs(AZURE, H100, A100, 8192)


def test_every_pair_within_the_bounds_is_looked_at_once() -> None:
    assert len(PAIRS) == MOST_PREFILL * MOST_DECODE
    assert len({(one.prefills, one.decodes) for one in PAIRS}) == len(PAIRS)
    assert all(one.cards == one.prefills + one.decodes for one in PAIRS)


def test_a_pair_costs_what_its_cards_cost() -> None:
    for one in PAIRS[::97]:
        price = one.prefills * H100.price_per_hour + one.decodes * A100.price_per_hour
        assert one.dollars_per_hour == pytest.approx(price)


def test_the_slower_pool_sets_the_rate() -> None:
    by = {(one.prefills, one.decodes): one.rate for one in PAIRS}
    for p, d in ((1, 1), (4, 2), (2, 30)):
        assert by[p, d] == min(by[p, MOST_DECODE], by[MOST_PREFILL, d])
    assert by[MOST_PREFILL, 2] == pytest.approx(2.0 * by[MOST_PREFILL, 1])


def test_pools_beside_each_other_lose_a_share_of_their_rate() -> None:
    assert 0.0 < PREFILL_SHARE < DECODE_SHARE < 1.0 < TTFT_FACTOR


@given(st.floats(0.1, 200.0), st.floats(0.1, 200.0))
@settings(max_examples=40)
def test_more_requests_never_cost_less(one: float, other: float) -> None:
    low, high = (cheapest_pair(PAIRS, rate, inf, inf) for rate in sorted((one, other)))
    if high is not None:
        assert low is not None
        assert low.dollars_per_hour <= high.dollars_per_hour
        assert high.rate >= max(one, other)


def test_the_cheapest_pair_is_cheaper_than_any_other_that_is_enough() -> None:
    found = cheapest_pair(PAIRS, 50.0, inf, inf)
    assert found is not None
    enough = [one for one in PAIRS if one.rate >= 50.0]
    assert found.dollars_per_hour == min(one.dollars_per_hour for one in enough)


@pytest.mark.parametrize(("ttft_ms", "tpot_ms"), [(1e-3, inf), (inf, 1e-3)])
def test_deadlines_that_no_pair_keeps_leave_none(ttft_ms: float, tpot_ms: float) -> None:
    assert cheapest_pair(PAIRS, 1.0, ttft_ms, tpot_ms) is None


def test_a_rate_beyond_the_largest_pair_leaves_none() -> None:
    most = max(one.rate for one in PAIRS)
    assert cheapest_pair(PAIRS, most * 1.01, inf, inf) is None
    assert isinstance(cheapest_pair(PAIRS, most, inf, inf), Pair)


def test_the_mean_length_takes_every_request_at_the_end_of_its_piece() -> None:
    assert min(AZURE.tokens) < mean_tokens(AZURE) < max(AZURE.tokens)
    assert mean_tokens(LMSYS) < mean_tokens(AZURE)


@pytest.mark.parametrize("lengths", [AZURE, LMSYS])
@pytest.mark.parametrize("boundary", [1536, 4096])
def test_shares_of_either_pool_rise_to_one(lengths: object, boundary: int) -> None:
    for points in (
        short_points(lengths, boundary, 2 * boundary, PRINTED),  # type: ignore[arg-type]
        long_points(lengths, boundary, 2 * boundary, PRINTED)[0],  # type: ignore[arg-type]
    ):
        shares = [share for _, share in points]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1.0)
        assert [tokens for tokens, _ in points] == sorted({tokens for tokens, _ in points})


def test_without_compression_the_long_pool_begins_above_the_boundary() -> None:
    _, least = long_points(AZURE, 4096, 4096, PRINTED)
    assert least == 4096


def test_only_a_share_of_prompts_can_be_compressed() -> None:
    assert 0.0 < COMPRESSIBLE < 1.0


@given(st.floats(0.0, 0.9), st.floats(0.0, 0.9))
@settings(max_examples=30, deadline=None)
def test_giving_up_more_power_never_draws_more_nor_waits_less(one: float, other: float) -> None:
    less, more = sorted((one, other))
    calm, curbed = (curtail(AZURE, 100.0, 40, H100, share) for share in (less, more))
    assert curbed.watts <= calm.watts + 1e-9
    assert curbed.batch <= calm.batch
    assert curbed.p99_ms >= calm.p99_ms - 1e-6
    assert curbed.kilowatts == pytest.approx(40 * curbed.watts / 1e3)
