"""KV tokens beside the weights, and what is said when there is no room."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.capacity import LEAST_KV_TOKENS, activation_bytes
from policies.perf.gpu import GIB
from policies.perf.profiles import DoesNotFit, gpu, gpu_names, latency_model, model, model_names


def test_qwen3_32b_on_two_h100_holds_what_its_operators_report() -> None:
    assert isclose(latency_model("h100-sxm", "qwen3-32b", 2).kv_tokens, 307_328, rel_tol=0.03)


@pytest.mark.parametrize("name", ["l4", "a10g"])
def test_an_8b_model_on_a_24_gb_card_leaves_about_twenty_thousand_tokens(name: str) -> None:
    assert isclose(latency_model(name, "llama-3.1-8b").kv_tokens, 20_000, rel_tol=0.05)


def test_large_cards_reserve_five_and_a_half_gibibytes_and_eight_with_experts() -> None:
    card = gpu("h100-sxm")
    assert activation_bytes(card, model("qwen3-32b")) == 5.5 * GIB
    assert activation_bytes(card, model("mixtral-8x7b")) == 8 * GIB


def test_small_cards_reserve_twelve_percent() -> None:
    assert isclose(activation_bytes(gpu("l4"), model("llama-3.1-8b")), 0.12 * 22.5 * GIB)


@given(st.sampled_from(model_names()), st.sampled_from(["h200", "b200", "mi300x"]), st.floats(0.5, 0.9))
def test_more_memory_for_the_engine_never_holds_fewer_tokens(name: str, card: str, share: float) -> None:
    less = latency_model(card, name, 16, memory_utilisation=share).kv_tokens
    assert latency_model(card, name, 16, memory_utilisation=share + 0.05).kv_tokens > less


@given(st.sampled_from(["llama-3.1-8b", "qwen3-8b"]), st.sampled_from(gpu_names()), st.sampled_from([1, 2, 4]))
def test_twice_the_gpus_hold_more_than_twice_the_tokens_while_heads_divide(name: str, card: str, n: int) -> None:
    """Weights are split, so what they leave more than doubles."""
    assert latency_model(card, name, 2 * n).kv_tokens > 2 * latency_model(card, name, n).kv_tokens


def test_kv_heads_held_twice_halve_the_tokens() -> None:
    four, eight = (latency_model("h100-sxm", "qwen3-30b-a3b", n).kv_tokens for n in (4, 8))
    assert eight < 1.2 * four


def test_latent_attention_is_held_by_every_gpu_and_sent_once() -> None:
    deepseek = model("deepseek-v3")
    assert deepseek.kv_copies(8) == 8
    assert latency_model("h200", "deepseek-v3", 8).kv_bytes_per_token == 61 * 576 * 2


def verdict(card: str, name: str, n: int) -> int | str:
    """KV tokens, or why there are none."""
    try:
        return latency_model(card, name, n).kv_tokens
    except DoesNotFit as error:
        return str(error)


@pytest.mark.parametrize("card", gpu_names())
@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize("n", [1, 8])
def test_every_combination_either_fits_usefully_or_says_so(card: str, name: str, n: int) -> None:
    answer = verdict(card, name, n)
    if isinstance(answer, int):
        assert answer >= LEAST_KV_TOKENS
    else:
        assert answer.startswith(f"{name} does not fit on {n} × {card}: it needs ")


def test_what_does_not_fit_is_told_in_one_sentence_with_bytes_and_remedy() -> None:
    with pytest.raises(DoesNotFit) as caught:
        latency_model("h100-sxm", "llama-3.1-70b", 1)
    assert str(caught.value) == (
        "llama-3.1-70b does not fit on 1 × h100-sxm: it needs 147.8 GB with 2,048 tokens of KV "
        "and 77.3 GB are usable; set gpus_per_replica to 2."
    )


def test_the_remedy_works() -> None:
    assert latency_model("h100-sxm", "llama-3.1-70b", 2).kv_tokens >= LEAST_KV_TOKENS


def test_when_no_number_of_gpus_would_do_a_larger_one_is_advised() -> None:
    with pytest.raises(DoesNotFit, match=r"take a GPU with more memory\.$"):
        latency_model("l4", "deepseek-v3", 8)


def test_a_model_that_fits_only_without_its_kv_does_not_fit() -> None:
    with pytest.raises(DoesNotFit):
        latency_model("a100-80", "qwen3-32b", 1, memory_utilisation=0.835)


def test_does_not_fit_is_a_value_error() -> None:
    assert issubclass(DoesNotFit, ValueError)


def test_giving_the_tokens_skips_the_check() -> None:
    assert latency_model("h100-sxm", "llama-3.1-70b", 1, kv_tokens=5000).kv_tokens == 5000
