"""Profiles from datasheets, as published and put right."""

import pytest

from sims.analytic.paper.computed import Computed, gpu, shape
from sims.analytic.paper.conventions import CORRECTED, PRINTED, Conventions


def llama(kind: str, conventions: Conventions = PRINTED, model: str = "llama-70b", gpus: int = 8) -> Computed:
    return Computed(gpu=gpu(kind), shape=shape(model), gpus=gpus, conventions=conventions)


@pytest.mark.parametrize(
    ("kind", "step_ms", "slots"), [("a100", 10.89, 22), ("h100", 6.72, 22), ("h200", 4.76, 44), ("b200", 2.95, 58)]
)
def test_published_profiles_come_out(kind: str, step_ms: float, slots: int) -> None:
    one = llama(kind)
    assert round(one.step_s * 1e3, 2) == step_ms
    assert one.slots(8192) == slots


@pytest.mark.parametrize(("kind", "slots"), [("h100", 177), ("h200", 353), ("b200", 465)])
def test_sharded_kv_holds_eight_times_as_many(kind: str, slots: int) -> None:
    assert llama(kind, CORRECTED).slots(8192) == slots


def test_sharding_changes_memory_and_not_speed() -> None:
    printed, corrected = llama("h100"), llama("h100", CORRECTED)
    assert corrected.step_s == printed.step_s
    assert corrected.sequence_s == pytest.approx(printed.sequence_s)
    assert corrected.kv_blocks == pytest.approx(8 * printed.kv_blocks, abs=8)


def test_a_model_on_one_gpu_is_the_same_under_both() -> None:
    assert (
        llama("h100", model="llama-8b", gpus=1).slots(8192) == llama("h100", CORRECTED, "llama-8b", 1).slots(8192) == 58
    )


def test_published_parameters_are_counted() -> None:
    assert shape("llama-70b").params() == pytest.approx(69.5e9, rel=0.01)
    moe = shape("qwen3-235b")
    assert moe.params(active=True) < 0.1 * moe.params()


def test_true_shapes_have_the_kv_that_models_have() -> None:
    assert 2 * shape("qwen3-235b").kv_values(False) == 96_256
    assert 2 * shape("qwen3-235b").kv_values(True) == 192_512
    assert 2 * shape("deepseek-v3").kv_values(False) == 1_748_992
    assert 2 * shape("deepseek-v3").kv_values(True) == 70_272


def test_latent_kv_is_held_by_every_gpu() -> None:
    one = Computed(gpu=gpu("b200"), shape=shape("deepseek-v3"), gpus=8, bytes_per_value=1.0, conventions=CORRECTED)
    assert one._kv_bytes == shape("deepseek-v3").kv_values(True)


def test_weights_that_do_not_fit_leave_a_single_slot() -> None:
    assert llama("h100", model="llama-405b").kv_blocks >= 0
    assert llama("h100", model="llama-405b").slots(8192) == 1


def test_power_grows_with_the_batch_up_to_its_share_of_the_limit() -> None:
    one = llama("h100")
    assert 0.43 * 700 < one.watts(1) < one.watts(64) <= 0.86 * 700
    assert one.price_per_hour == pytest.approx(8 * 4.02)
