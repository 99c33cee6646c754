"""One engine step: the formula, its laws, and the same numbers from compiled code."""

from math import isclose
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.compilable import COMPILABLE
from policies.perf.step import distinct_experts, model_seconds, step_seconds


class Coefficients(NamedTuple):
    base_s: float = 8e-3
    sequence_s: float = 2e-5
    context_s: float = 5e-8
    expert_s: float = 0.0
    experts: float = 0.0
    top_k: float = 0.0
    prefill_base_s: float = 5e-3
    token_s: float = 3e-5
    attention_s: float = 1e-9
    slowdown: float = 1.0
    host_s: float = 0.0


DENSE = Coefficients()
MIXTURE = Coefficients(expert_s=1e-4, experts=128.0, top_k=8.0, prefill_base_s=2.4e-2)

coefficients = st.builds(
    Coefficients,
    base_s=st.floats(1e-3, 0.1),
    sequence_s=st.floats(0.0, 1e-3),
    context_s=st.floats(0.0, 1e-6),
    expert_s=st.floats(0.0, 1e-3),
    experts=st.sampled_from([0.0, 8.0, 128.0, 256.0]),
    top_k=st.sampled_from([1.0, 2.0, 8.0]),
    prefill_base_s=st.floats(1e-3, 0.2),
    token_s=st.floats(1e-6, 1e-3),
    attention_s=st.floats(0.0, 1e-8),
    slowdown=st.floats(1.0, 2.0),
    host_s=st.floats(0.0, 1e-4),
)
batches = st.integers(0, 1024).map(float)
contexts = st.integers(0, 2_000_000).map(float)
prompts = st.integers(0, 16384).map(float)


def test_a_decode_step_is_base_plus_sequences_plus_context() -> None:
    assert isclose(step_seconds(*DENSE, 32, 32 * 1024, 0, 0), 8e-3 + 32 * 2e-5 + 32768 * 5e-8)


def test_a_prefill_step_has_its_own_base_and_no_decode_terms() -> None:
    assert isclose(step_seconds(*DENSE, 0, 0, 1000, 500_000), 5e-3 + 1000 * 3e-5 + 500_000 * 1e-9)


def test_a_mixed_step_reads_the_weights_once() -> None:
    mixed = step_seconds(*DENSE, 32, 32768, 1000, 500_000)
    decode, prefill = step_seconds(*DENSE, 32, 32768, 0, 0), step_seconds(*DENSE, 0, 0, 1000, 500_000)
    assert isclose(mixed, decode + prefill - DENSE.prefill_base_s)


def test_a_mixed_step_takes_the_greater_base_when_prefill_has_the_greater() -> None:
    slow_start = DENSE._replace(prefill_base_s=20e-3)
    assert step_seconds(*slow_start, 1, 100, 1000, 500_000) > step_seconds(*slow_start, 0, 0, 1000, 500_000)


def test_an_empty_step_takes_no_time() -> None:
    assert step_seconds(*MIXTURE, 0, 0, 0, 0) == 0.0


def test_slowdown_stretches_the_model_and_not_the_host() -> None:
    slowed = DENSE._replace(slowdown=1.25, host_s=50e-6)
    assert isclose(step_seconds(*slowed, 10, 0, 0, 0), 1.25 * model_seconds(*DENSE[:9], 10, 0, 0, 0) + 10 * 50e-6)


def test_one_token_touches_top_k_experts_and_many_touch_all() -> None:
    assert isclose(distinct_experts(128, 8, 1), 8.0)
    assert isclose(distinct_experts(128, 8, 10_000), 128.0)


def test_a_dense_model_has_no_experts() -> None:
    assert distinct_experts(0, 0, 500) == 0.0


def test_choosing_every_expert_touches_every_expert() -> None:
    assert distinct_experts(8, 8, 1) == 8.0


def test_a_mixture_decoding_pays_for_the_experts_it_touches() -> None:
    alone = MIXTURE.base_s + 8 * 1e-4 + MIXTURE.sequence_s
    assert isclose(step_seconds(*MIXTURE, 1, 0, 0, 0), alone)


def test_a_prefill_of_a_mixture_does_not_pay_for_experts_twice() -> None:
    dearer = MIXTURE._replace(expert_s=1.0)
    assert step_seconds(*dearer, 0, 0, 512, 0) == step_seconds(*MIXTURE, 0, 0, 512, 0)


def test_prefill_tokens_beside_decodes_touch_experts_too() -> None:
    free_tokens = MIXTURE._replace(token_s=0.0, prefill_base_s=0.0)
    extra = step_seconds(*free_tokens, 1, 0, 1000, 0) - step_seconds(*free_tokens, 1, 0, 0, 0)
    assert isclose(extra, 120 * 1e-4, rel_tol=1e-6)


def no_less(more: float, less: float) -> bool:
    """At least as long, but for rounding."""
    return more >= less * (1.0 - 1e-12)


@given(coefficients, batches, contexts, prompts)
def test_another_sequence_never_makes_a_step_faster(c: Coefficients, batch: float, context: float, new: float) -> None:
    attended = new * new / 2.0
    assert no_less(step_seconds(*c, batch + 1, context, new, attended), step_seconds(*c, batch, context, new, attended))


@given(coefficients, batches.filter(bool), contexts, st.integers(1, 100_000))
def test_more_context_never_makes_a_step_faster(c: Coefficients, batch: float, context: float, more: int) -> None:
    assert no_less(step_seconds(*c, batch, context + more, 0, 0), step_seconds(*c, batch, context, 0, 0))


@given(coefficients, batches, contexts, prompts, st.integers(1, 8192))
def test_more_prompt_never_makes_a_step_faster(
    c: Coefficients, batch: float, context: float, new: float, more: int
) -> None:
    longer = step_seconds(*c, batch, context, new + more, (new + more) ** 2 / 2.0)
    assert no_less(longer, step_seconds(*c, batch, context, new, new**2 / 2.0))


@given(coefficients, batches.filter(bool), contexts, prompts)
def test_a_mixed_step_costs_at_least_either_part_and_at_most_both(
    c: Coefficients, batch: float, context: float, new: float
) -> None:
    attended = new * new / 2.0
    mixed = step_seconds(*c, batch, context, new, attended)
    decode, prefill = step_seconds(*c, batch, context, 0, 0), step_seconds(*c, 0, 0, new, attended)
    experts = c.slowdown * c.expert_s * c.experts
    assert no_less(mixed, decode)
    assert no_less(mixed, prefill)
    assert no_less(decode + prefill + experts, mixed)


@given(st.sampled_from([8.0, 64.0, 128.0, 256.0]), st.sampled_from([1.0, 2.0, 8.0]), st.floats(1.0, 4096.0))
def test_distinct_experts_stay_between_top_k_and_all(experts: float, top_k: float, tokens: float) -> None:
    assert top_k * (1 - 1e-9) <= distinct_experts(experts, top_k, tokens) <= experts


@given(coefficients, batches.filter(bool), contexts, st.integers(1, 64))
def test_decode_steps_of_a_fixed_batch_add_up_in_closed_form(
    c: Coefficients, batch: float, context: float, steps: int
) -> None:
    one_by_one = sum(step_seconds(*c, batch, context + k * batch, 0, 0) for k in range(steps))
    growth = c.slowdown * c.context_s * batch * steps * (steps - 1) / 2
    assert isclose(one_by_one, steps * step_seconds(*c, batch, context, 0, 0) + growth, rel_tol=1e-9)


def test_every_function_of_a_step_is_marked_for_compilation_callees_first() -> None:
    places = [COMPILABLE.index(function) for function in (distinct_experts, model_seconds, step_seconds)]
    assert places == sorted(places)


@pytest.fixture(scope="module")
def compiled() -> Any:
    numba = pytest.importorskip("numba")
    extending = pytest.importorskip("numba.extending")
    for function in (distinct_experts, model_seconds):
        extending.register_jitable(function)
    return numba.njit(step_seconds)


@pytest.mark.parametrize("c", [DENSE, MIXTURE, MIXTURE._replace(slowdown=1.2, host_s=5e-5)])
@pytest.mark.parametrize(
    "load", [(0, 0, 0, 0), (1, 100, 0, 0), (64, 1e5, 0, 0), (0, 0, 2048, 2e6), (64, 1e5, 512, 1e6)]
)
def test_compiled_and_plain_steps_agree(compiled: Any, c: Coefficients, load: tuple[float, ...]) -> None:
    floats = tuple(float(x) for x in load)
    assert isclose(compiled(*c, *floats), step_seconds(*c, *floats), rel_tol=1e-12)
