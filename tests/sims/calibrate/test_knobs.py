"""What calibration may turn, and the search over it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.profiles import gpu, latency_model, model
from sims.calibrate import knobs
from sims.calibrate.floors import floors
from sims.calibrate.search import search

START = latency_model("h100-sxm", "llama-3.1-8b")
LEAST = floors(gpu("h100-sxm"), model("llama-3.1-8b"), 1)


def test_factors_of_one_change_nothing_but_a_zero_host() -> None:
    assert knobs.overheads(START, LEAST).turn({"slowdown": 1.0, "host": 1.0}) == START
    idle = replace(START, host_s=0.0)
    assert knobs.overheads(idle, LEAST).turn({"slowdown": 1.0, "host": 1.0}).host_s == knobs.LEAST_HOST_S


def test_each_knob_turns_its_own_figures() -> None:
    turned = knobs.overheads(START, LEAST).turn({"slowdown": 1.5, "host": 2.0})
    assert turned.slowdown == pytest.approx(1.5 * START.slowdown)
    assert turned.host_s == pytest.approx(2.0 * START.host_s)
    assert turned.base_s == START.base_s


def test_steps_take_the_slowdown_into_the_coefficients() -> None:
    turned = knobs.steps(START, LEAST).turn(dict.fromkeys(knobs.STEPS, 1.0))
    assert turned.slowdown == 1.0
    assert turned.token_s == pytest.approx(START.token_s * START.slowdown)
    assert turned.decode_seconds(16, 16_000) == pytest.approx(START.decode_seconds(16, 16_000))


@given(st.floats(1e-3, 10.0), st.floats(1e-3, 10.0), st.floats(1e-3, 10.0))
def test_no_turn_takes_a_coefficient_below_what_physics_allows(decode: float, context: float, prompt: float) -> None:
    factors = {"decode": decode, "context": context, "prompt": prompt, "host": 1.0}
    turned = knobs.steps(START, LEAST).turn(factors)
    for name, floor in LEAST.items():
        assert getattr(turned, name) >= floor * (1 - 1e-9)


@given(st.floats(1e-3, 10.0))
def test_nor_does_a_small_slowdown(slowdown: float) -> None:
    turned = knobs.overheads(START, LEAST).turn({"slowdown": slowdown, "host": 1.0})
    assert all(turned.slowdown * getattr(turned, name) >= floor * (1 - 1e-9) for name, floor in LEAST.items())


def test_a_mixtures_missing_coefficients_have_no_floor() -> None:
    assert knobs.steps(START, {}).least("decode") == 0.0


@given(st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_the_search_finds_the_bottom_of_a_bowl(a: float, b: float) -> None:
    def bowl(factors: dict[str, float]) -> float:
        return abs(factors["a"] / a - 1.0) + abs(factors["b"] / b - 1.0)

    found = search(bowl, ["a", "b"])
    assert found["a"] == pytest.approx(a, rel=0.02)
    assert found["b"] == pytest.approx(b, rel=0.02)


def test_a_loss_that_nothing_lowers_leaves_everything_as_it_is() -> None:
    assert search(lambda _: 1.0, ["a", "b"]) == {"a": 1.0, "b": 1.0}


def test_the_search_stays_within_bounds() -> None:
    assert search(lambda factors: factors["a"], ["a"])["a"] == pytest.approx(0.02)
