"""A replica's latency model: prompts, steps, transfers, and figures of the whole replica."""

from dataclasses import FrozenInstanceError, fields, replace
from itertools import pairwise
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.latency import WARM_UP_S, LatencyModel
from policies.perf.profiles import latency_model

H100 = latency_model("h100-sxm", "llama-3.1-8b")
REPLICAS = (
    H100,
    latency_model("a100-80", "llama-3.1-70b", 4),
    latency_model("h100-sxm", "qwen3-30b-a3b", 2),
    latency_model("l4", "llama-3.1-8b"),
    latency_model("h200", "deepseek-v3", 8),
)
replicas = st.sampled_from(REPLICAS)
tokens = st.integers(0, 100_000)


def chunk_by_chunk(replica: LatencyModel, new: int, cached: int) -> float:
    """The prefill of one prompt, each of its steps priced on its own."""
    edges = [*range(0, new, replica.chunk_tokens), new]
    chunks = [(end - start, cached + start) for start, end in pairwise(edges)]
    return sum(replica.step(0, 0, n, n * (before + n / 2)) for n, before in chunks)


@given(replicas, st.integers(1, 60_000), tokens)
def test_a_prompt_takes_the_sum_of_its_chunks(replica: LatencyModel, new: int, cached: int) -> None:
    assert isclose(replica.prefill_seconds(new, cached), chunk_by_chunk(replica, new, cached), rel_tol=1e-9)


@given(replicas, tokens, tokens)
def test_a_longer_prompt_never_takes_less(replica: LatencyModel, new: int, more: int) -> None:
    assert replica.prefill_seconds(new + more) >= replica.prefill_seconds(new)


@given(replicas, st.integers(1, 50_000), st.integers(1, 50_000))
def test_cached_tokens_cost_attention_only(replica: LatencyModel, new: int, cached: int) -> None:
    extra = replica.prefill_seconds(new, cached) - replica.prefill_seconds(new)
    assert isclose(extra, replica.slowdown * replica.attention_s * new * cached, rel_tol=1e-6, abs_tol=1e-12)


@given(replicas, st.integers(1024, 50_000), st.integers(1024, 50_000))
def test_a_cached_prefix_is_cheaper_than_computing_it(replica: LatencyModel, new: int, cached: int) -> None:
    assert replica.prefill_seconds(new, cached) < replica.prefill_seconds(new + cached)


def test_a_prefix_hit_costs_what_the_public_table_says() -> None:
    """1,024 new tokens after 4,096 cached ones took 25.5 ms where 1,024 alone took 22.1."""
    exact = latency_model("h100-sxm", "llama-3.1-8b", slowdown=1.0, host_s=0.0)
    assert isclose(exact.prefill_seconds(1024, 4096), 25.5e-3, rel_tol=0.05)


def test_nothing_to_prefill_takes_no_time() -> None:
    assert H100.prefill_seconds(0, 5000) == 0.0


def test_one_token_over_the_chunk_takes_another_step() -> None:
    budget = H100.chunk_tokens
    extra = H100.prefill_seconds(budget + 1) - H100.prefill_seconds(budget)
    assert extra > H100.slowdown * H100.prefill_base_s


def test_the_frontend_is_no_engine_time() -> None:
    behind_gateway = latency_model("h100-sxm", "llama-3.1-8b", frontend_s=0.2)
    assert behind_gateway.prefill_seconds(1000) == H100.prefill_seconds(1000)
    assert behind_gateway.decode_seconds(8, 8000) == H100.decode_seconds(8, 8000)


@given(replicas, st.integers(1, 512), st.integers(0, 500_000))
def test_decoding_is_a_step_without_prompts(replica: LatencyModel, batch: int, context: int) -> None:
    assert replica.decode_seconds(batch, context) == replica.step(batch, context)


@given(replicas, st.integers(1, 512), st.integers(0, 500_000), st.integers(0, 4096))
def test_a_loaded_step_is_never_faster_than_a_lighter_one(
    replica: LatencyModel, batch: int, context: int, new: int
) -> None:
    heavier = replica.step(batch + 1, context + 500, new + 100, (new + 100) ** 2 / 2)
    assert heavier > replica.step(batch, context, new, new**2 / 2)


@given(replicas, st.integers(1, 200_000))
def test_transfer_time_is_set_up_plus_bytes_over_the_link(replica: LatencyModel, n: int) -> None:
    seconds = replica.transfer_seconds(n) - replica.transfer_base_s
    assert isclose(seconds * replica.transfer_bytes_per_s, n * replica.kv_bytes_per_token, rel_tol=1e-9)


def test_sending_nothing_takes_no_time() -> None:
    assert H100.transfer_seconds(0) == 0.0


def test_four_thousand_tokens_of_a_70b_model_cross_a_400_gigabit_link_in_34_ms() -> None:
    replica = latency_model("h100-sxm", "llama-3.1-70b", 4)
    assert isclose(replica.transfer_seconds(4096), 34e-3, rel_tol=0.05)


def test_loading_takes_the_weights_at_the_given_rate_and_a_warm_up() -> None:
    assert isclose(H100.load_seconds(2e9), 16.06e9 / 2e9 + WARM_UP_S, rel_tol=1e-3)


def test_a_replica_of_eight_gpus_is_priced_and_powered_as_eight() -> None:
    one, eight = H100, latency_model("h100-sxm", "llama-3.1-70b", 8)
    assert isclose(eight.price_per_hour, 8 * one.price_per_hour)
    assert isclose(eight.idle_w, 8 * one.idle_w)
    assert isclose(eight.busy_w, 8 * one.busy_w)
    assert isclose(eight.limit_w, 8 * one.limit_w)
    assert isclose(eight.host_bytes_per_s, 8 * one.host_bytes_per_s)
    assert (one.gpus, eight.gpus) == (1, 8)


def test_eight_gpus_are_faster_than_four_and_cost_more_for_a_token() -> None:
    four, eight = (latency_model("h100-sxm", "llama-3.1-70b", n) for n in (4, 8))
    batch, context = 32, 32 * 2048
    assert eight.decode_seconds(batch, context) < four.decode_seconds(batch, context)
    dollars = [r.price_per_hour * r.decode_seconds(batch, context) for r in (four, eight)]
    assert dollars[1] > dollars[0]


def test_what_is_given_replaces_the_profile() -> None:
    replica = latency_model(
        "h100-sxm", "llama-3.1-8b", 2, chunk_tokens=512, max_seqs=64, slowdown=1.1, host_s=1e-5,
        frontend_s=0.2, price_per_gpu_hour=2.95, kv_tokens=123_456,
    )  # fmt: skip
    assert (replica.chunk_tokens, replica.max_seqs, replica.kv_tokens) == (512, 64, 123_456)
    assert (replica.slowdown, replica.host_s, replica.frontend_s) == (1.1, 1e-5, 0.2)
    assert isclose(replica.price_per_hour, 5.90)
    assert dict(replica.sources)["slowdown"] == "given"


def test_nothing_given_means_the_documented_defaults() -> None:
    assert (H100.slowdown, H100.host_s, H100.frontend_s, H100.max_seqs) == (1.2, 50e-6, 15e-3, 256)


@pytest.mark.parametrize("replica", REPLICAS)
def test_every_number_says_where_it_comes_from(replica: LatencyModel) -> None:
    named = {name for name, source in replica.sources if source.strip()}
    assert named == {f.name for f in fields(replica)} - {"measured", "sources"}


def test_measured_models_name_the_measurement_and_others_the_roofline() -> None:
    assert "AIConfigurator 0.12 silicon tables" in dict(H100.sources)["base_s"]
    guessed = latency_model("l4", "llama-3.1-8b")
    assert (H100.measured, guessed.measured) == (True, False)
    assert dict(guessed.sources)["base_s"].startswith("roofline")


def test_terms_missing_from_a_measured_row_come_from_the_roofline() -> None:
    mixtral = latency_model("h200", "mixtral-8x7b", 2)
    sources = dict(mixtral.sources)
    assert mixtral.measured
    assert "silicon" in sources["expert_s"]
    assert sources["attention_s"].startswith("roofline")


def test_a_model_is_a_value_that_replace_copies_and_nothing_changes() -> None:
    assert replace(H100, slowdown=1.0).slowdown == 1.0
    with pytest.raises(FrozenInstanceError):
        H100.slowdown = 1.0  # type: ignore[misc]


def test_equal_arguments_give_equal_models() -> None:
    assert latency_model("h100-sxm", "llama-3.1-8b") == H100


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"gpus_per_replica": 0}, "at least 1 GPU"),
        ({"memory_utilisation": 0.0}, "fraction above 0"),
        ({"memory_utilisation": 1.1}, "fraction above 0"),
        ({"chunk_tokens": 0}, "chunk_tokens is 0; it must be above 0"),
        ({"slowdown": -1.0}, "slowdown is -1.0; it must be above 0"),
        ({"slowdown": float("nan")}, "slowdown is nan"),
        ({"host_s": -1e-6}, "host_s is -1e-06; it must be 0 or more"),
        ({"kv_tokens": 0}, "kv_tokens is 0"),
        ({"price_per_gpu_hour": -2.0}, "price_per_hour is -2.0"),
    ],
)
def test_a_senseless_figure_is_refused(arguments: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("(", r"\(")):
        latency_model("h100-sxm", "llama-3.1-8b", **arguments)  # type: ignore[arg-type]
