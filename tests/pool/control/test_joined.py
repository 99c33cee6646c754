"""What engines and routers say of a pool, together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.scale.scaling import PoolState
from pool.control.joined import joined
from pool.routed import Counts

STATE = PoolState(
    pool="chat", at=0.0, ready=2, starting=0, draining=0, most=8, running=0.0, waiting=0.0, held=0.0, slots=256,
    kv_share=0.0, arrived=100, ended=90, prompt_tokens=5000.0, output_tokens=900.0,
)  # fmt: skip
KEY = ("chat", "mixed")


def of(state: PoolState, now: Counts, before: Counts | None = None) -> PoolState:
    return joined({"chat": state}, {"chat": "chat"}, {KEY: now}, {KEY: before} if before else {}, {})["chat"]


def test_what_routers_know_alone_is_added_to_what_engines_say() -> None:
    found = of(STATE, Counts(arrived=105, ended=95, judged=80, late=8), Counts(arrived=5, ended=5, judged=10, late=1))
    assert (found.judged, found.late) == (70, 7)
    assert (found.arrived, found.prompt_tokens) == (100, 5000.0), "engines count tokens exactly"


def test_engines_that_serve_others_too_say_more_than_routers_and_are_believed() -> None:
    assert of(STATE, Counts(arrived=10, ended=10)).arrived == 100


@pytest.mark.parametrize("engines", [replace(STATE, arrived=0, ended=0), replace(STATE, arrived=40, ended=30)])
def test_where_engines_restarted_or_say_nothing_the_routers_word_counts(engines: PoolState) -> None:
    told = Counts(arrived=100, ended=90, prompt_tokens=4800, output_tokens=850)
    found = of(engines, told)
    assert (found.arrived, found.ended, found.prompt_tokens, found.output_tokens) == (100, 90, 4800.0, 850.0)


def test_roles_of_one_pool_are_told_apart() -> None:
    states = {"chat": STATE, "chat/prefill": replace(STATE, pool="chat/prefill", role="prefill")}
    totals = {KEY: Counts(judged=5, late=1), ("chat", "prefill"): Counts(judged=0)}
    found = joined(states, {"chat": "chat", "chat/prefill": "chat"}, totals, {}, {"chat": 3})
    assert {key: (one.judged, one.late, one.wanted) for key, one in found.items()} == {
        "chat": (5, 1, 3), "chat/prefill": (0, 0, -1),
    }  # fmt: skip


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_arrivals_are_one_of_the_two_words_and_never_fewer_than_nine_tenths_of_either(engines: int, told: int) -> None:
    found = of(replace(STATE, arrived=engines, ended=engines), Counts(arrived=told, ended=told)).arrived
    assert found in (engines, told)
    assert found >= 0.9 * max(engines, told) - 16
