"""Power of a replica against batch, context and prompts, beside the measured points."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.latency import POWER_CONTEXT, LatencyModel
from policies.perf.profiles import gpu, gpu_names, latency_model

# The engine of the measured runs: slowdown and host seconds fitted to their latencies.
MEASURED = {"h100-sxm": (1.228, 43.1e-6), "a100-80": (1.248, 59.7e-6)}
POINTS = [(name, batch, watts) for name in MEASURED for batch, watts in gpu(name).power_points]
H100 = latency_model("h100-sxm", "llama-3.1-8b")
EIGHT = latency_model("h100-sxm", "llama-3.1-70b", 8)
replicas = st.sampled_from([H100, EIGHT, latency_model("a100-80", "qwen3-32b", 2), latency_model("l40s", "qwen3-8b")])
batches = st.integers(1, 512)


@pytest.mark.parametrize(("name", "batch", "watts"), POINTS)
def test_power_is_within_five_percent_of_every_measured_point(name: str, batch: float, watts: float) -> None:
    slowdown, host_s = MEASURED[name]
    replica = latency_model(name, "llama-3.1-8b", slowdown=slowdown, host_s=host_s)
    assert isclose(replica.watts(batch, POWER_CONTEXT * batch), watts, rel_tol=0.05)


def test_both_measured_gpus_have_their_four_points() -> None:
    assert [(name, batch) for name, batch, _ in POINTS] == [(n, b) for n in MEASURED for b in (1, 16, 32, 64)]


def test_four_times_the_kv_draws_what_the_multi_head_model_drew() -> None:
    """Llama-2-7B reads four times the KV: 595 W at batch 64 on H100 where Llama-3-8B drew 455."""
    slowdown, host_s = MEASURED["h100-sxm"]
    grouped = latency_model("h100-sxm", "llama-3.1-8b", slowdown=slowdown, host_s=host_s)
    many = 64 * POWER_CONTEXT * 4
    assert isclose(grouped.watts(64, many), 595, rel_tol=0.05)


def test_an_idle_replica_draws_its_idle_power() -> None:
    assert EIGHT.watts(0) == EIGHT.idle_w == 8 * (70 + 38)


def test_context_defaults_to_that_of_the_measured_runs() -> None:
    assert H100.watts(16) == H100.watts(16, 16 * POWER_CONTEXT)


def test_a_full_prompt_step_draws_the_limit() -> None:
    assert H100.watts(0, 0, 1024) == H100.limit_w == 700
    assert EIGHT.watts(0, 0, 8192) == 5600


@pytest.mark.parametrize(("prompt", "fraction"), [(128, 0.46), (256, 0.66), (512, 0.75), (2048, 0.99)])
def test_short_prompts_draw_the_fraction_that_was_measured(prompt: int, fraction: float) -> None:
    replica = latency_model("a100-80", "llama-3.1-70b", 8)
    assert isclose(replica.watts(0, 0, prompt) / replica.limit_w, fraction, rel_tol=0.10)


@given(replicas, batches, st.integers(0, 4096), st.integers(0, 8192))
def test_power_stays_between_idle_and_the_limit(replica: LatencyModel, batch: int, held: int, prompt: int) -> None:
    assert replica.idle_w <= replica.watts(batch, batch * held, prompt) <= replica.limit_w


@given(replicas, batches, st.integers(0, 4096))
def test_a_larger_batch_of_equal_sequences_never_draws_less(replica: LatencyModel, batch: int, held: int) -> None:
    assert replica.watts(batch + 1, (batch + 1) * held) >= replica.watts(batch, batch * held) * (1 - 1e-9)


@given(replicas, batches, st.integers(0, 100_000), st.integers(1, 100_000))
def test_more_kv_to_read_never_draws_much_less(replica: LatencyModel, batch: int, context: int, more: int) -> None:
    """Where arithmetic weighs, longer steps thin it out; reading more KV makes up for nearly all of it."""
    assert replica.watts(batch, context + more) >= replica.watts(batch, context) * 0.95


@given(replicas, batches, st.integers(0, 2048), st.integers(1, 2048))
def test_more_prompt_never_draws_less(replica: LatencyModel, batch: int, prompt: int, more: int) -> None:
    assert replica.watts(batch, None, prompt + more) >= replica.watts(batch, None, prompt)


@given(replicas, st.integers(1, 255))
def test_energy_a_token_falls_with_the_batch(replica: LatencyModel, batch: int) -> None:
    def joules(n: int) -> float:
        return replica.watts(n) * replica.decode_seconds(n, n * POWER_CONTEXT) / n

    assert joules(batch + 1) < joules(batch)


@pytest.mark.parametrize("name", gpu_names())
def test_idle_busy_and_limit_rise_in_that_order(name: str) -> None:
    card = gpu(name)
    assert 0 < card.idle_w < card.idle_w + card.context_w < card.busy_w < card.limit_w
