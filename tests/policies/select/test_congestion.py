"""How full a replica is, and what a request costs there now."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import KV_TOKENS, KV_USED
from policies.select.congestion import COMFORT, LEAST_FREE, crowded_tpot_seconds, fullness, price_now, prompt_seconds
from policies.select.pace import WINDOW_S
from tests.policies.select.spots import ASK, fleet, spot


def test_at_list_price_a_full_replica_costs_no_more() -> None:
    assert price_now(3.0, 5.0, 0.0) == 3.0


def test_a_comfortable_replica_costs_what_the_list_says() -> None:
    assert price_now(3.0, COMFORT, 6.0) == 3.0


@given(st.floats(0.01, 3.0), st.floats(0.01, 3.0), st.floats(0.5, 12.0))
def test_the_fuller_the_dearer(one: float, other: float, surge: float) -> None:
    low, high = sorted((one, other))
    assert price_now(1.0, low, surge) <= price_now(1.0, high, surge)


def test_prompts_that_came_lately_lengthen_every_token() -> None:
    table = fleet().table
    own = prompt_seconds(ASK, table, 0, 0.0) / WINDOW_S
    assert crowded_tpot_seconds(ASK, table, spot(tpot_s=0.02)) == pytest.approx(0.02 / (1.0 - own))
    assert crowded_tpot_seconds(ASK, table, spot(tpot_s=0.02, busy=0.5)) == pytest.approx(0.02 / (0.5 - own))


@given(st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_the_busier_with_prompts_the_fuller(one: float, other: float) -> None:
    table, (low, high) = fleet().table, sorted((one, other))
    assert fullness(ASK, table, spot(busy=low)) <= fullness(ASK, table, spot(busy=high))


def test_a_replica_with_prompts_for_all_its_time_yet_gives_some_tokens() -> None:
    assert crowded_tpot_seconds(ASK, fleet().table, spot(tpot_s=0.02, busy=7.0)) == pytest.approx(0.02 / LEAST_FREE)


def test_who_computes_prompts_for_others_to_decode_holds_up_nobody() -> None:
    told = spot(busy=0.9, tpot_s=0.02)._replace(decode=1)
    assert crowded_tpot_seconds(ASK, fleet().table, told) == 0.02


def test_a_replica_is_full_by_whichever_limit_is_nearest() -> None:
    table = fleet().table
    assert fullness(ASK, table, spot(ttft_s=1.0, tpot_s=0.001)) == 0.5
    assert fullness(ASK, table, spot(tpot_s=0.09)) >= 0.9
    table[0, KV_USED] = table[0, KV_TOKENS]
    assert fullness(ASK, table, spot(tpot_s=0.001)) > 1.0


def test_a_split_request_needs_kv_in_both_places() -> None:
    table = fleet().table
    table[1, KV_USED] = table[1, KV_TOKENS]
    assert fullness(ASK, table, spot(tpot_s=0.001)) < 0.5
    assert fullness(ASK, table, spot(tpot_s=0.001)._replace(decode=1)) > 1.0


@given(st.floats(0.0, 499.0), st.floats(0.0, 0.9))
def test_what_is_cached_of_the_prompt_leaves_more_room(cached: float, busy: float) -> None:
    table = fleet().table
    assert fullness(ASK, table, spot(cached=cached, busy=busy)) <= fullness(ASK, table, spot(busy=busy))
