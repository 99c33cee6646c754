"""The terms that datasheets give, before anything is fitted."""

from dataclasses import replace

import numpy as np
import pytest

from policies.perf.profiles import gpu, model
from sims.calibrate.silicon.physics import COMPONENTS, busy, prompt_parts, scene, step_parts
from sims.calibrate.silicon.setting import Setting

ONE = Setting(
    system="h100-sxm", model="llama-3.1-70b", backend="vllm", version="", precision="fp8", mode="agg", isl=1024,
    osl=1024, gpus=4, expert_parallel=False, data_parallel=False, workers=1, prefill_gpus=4, prefill_workers=1,
    clients=16.0, known=True, ttft_s=0.1, tpot_s=0.01,
)  # fmt: skip
SPLIT = replace(ONE, mode="disagg", workers=2, prefill_workers=2)


def part(one: Setting, name: str) -> float:
    return float(step_parts(scene([one]))[0, COMPONENTS.index(name)])


def test_weights_take_their_bytes_over_the_bandwidth_of_all_gpus() -> None:
    read = model("llama-3.1-70b").shared_params * 1.0 / (4 * 3.35e12)
    assert part(ONE, "weights") == pytest.approx(read)
    assert part(replace(ONE, precision="bf16"), "weights") == pytest.approx(2 * read)


def test_a_mixture_reads_the_experts_that_its_clients_touch() -> None:
    few = replace(ONE, model="qwen3-235b-a22b", clients=1.0)
    many = replace(few, clients=64.0)
    assert part(few, "weights") < part(many, "weights") < part(replace(few, clients=4096.0), "weights") * 1.01


def test_attention_copies_read_the_whole_dense_part_each() -> None:
    whole = replace(ONE, model="deepseek-v3", system="h200", gpus=8)
    assert part(replace(whole, data_parallel=True), "weights") > part(whole, "weights")


def test_prompts_of_others_cost_nothing_where_they_are_computed_elsewhere() -> None:
    assert part(SPLIT, "products") < 1e-8 < part(ONE, "products")


def test_workers_share_the_clients() -> None:
    assert part(SPLIT, "host") == pytest.approx(part(ONE, "host") / 2)


def test_one_gpu_joins_nothing() -> None:
    assert part(replace(ONE, gpus=1), "join") < 1e-8 < part(ONE, "join")


def test_a_prompt_takes_two_operations_a_parameter_at_peak() -> None:
    products, _, _ = prompt_parts(scene([ONE]))
    assert products[0] == pytest.approx(2 * 1024 * model("llama-3.1-70b").active_params / (4 * 2 * 989e12))


def test_four_bit_arithmetic_is_faster_where_the_card_has_it() -> None:
    h100, b200 = (replace(ONE, system=name, precision="fp4") for name in ("h100-sxm", "b200"))
    assert scene([h100]).flops[0] == gpu("h100-sxm").bf16_flops
    assert scene([b200]).flops[0] == 4 * gpu("b200").bf16_flops


def test_who_does_not_fit_does_not_run() -> None:
    crowd = replace(ONE, clients=1e5)
    s = scene([crowd])
    assert s.running[0] < 1e5
    assert s.overflowing[0]
    assert not scene([ONE]).overflowing[0]


def test_prompts_are_a_small_share_of_few_clients_time_and_more_of_many() -> None:
    s = scene([ONE, replace(ONE, clients=256.0), replace(ONE, clients=256.0, prefill_workers=4)])
    shares = busy(s, np.full(3, 0.02))
    assert shares[1] == pytest.approx(16 * shares[0])
    assert shares[2] == pytest.approx(shares[1] / 4)


def test_untold_workers_are_guessed_many_for_small_deployments_and_one_for_wide_ones() -> None:
    small = replace(ONE, mode="disagg", known=False, model="deepseek-v3", system="gb200", gpus=4)
    wide = replace(small, gpus=32)
    workers = scene([small, wide, replace(wide, clients=1e6)]).workers
    assert workers[0] > 3.0
    assert workers[1] == 1.0
    assert workers[2] > 1.0
