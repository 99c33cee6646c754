"""Operator tables summed to steps, and the coefficients fitted to them, on made-up tables whose truth is known."""

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from policies.perf.model import ModelProfile
from policies.perf.profiles import model
from sims.calibrate.step_fit import fit
from sims.calibrate.tables import Link, StepTables, at, read

ALONE = Link(gpus=1, bytes_per_s=16e9, latency_s=20e-6)
PAIR = Link(gpus=2, bytes_per_s=16e9, latency_s=20e-6)
LLAMA, QWEN_MOE = model("llama-3.1-8b"), model("qwen3-30b-a3b")

READ_US, TOKEN_US, HEAD_US, CONTEXT_US, PAIR_US = 400.0, 0.5, 900.0, 4e-3, 1.5e-4


def write(path: Path, heading: str, rows: Sequence[tuple[object, ...]]) -> None:
    with gzip.open(path, "wt", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(heading.split(","))
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tables of operators that are affine in tokens, so that a step is affine too."""
    counts = (1, 2, 16, 64, 128, 256, 512, 1024, 2048, 4096)
    write(tmp_path / "dense.csv.gz", "layer,tokens,time_us",
          [("mlp", n, READ_US + TOKEN_US * n) for n in counts] + [("embedding", n, 3.0) for n in counts])  # fmt: skip
    write(tmp_path / "per_sequence.csv.gz", "layer,sequences,time_us", [("lm_head", n, HEAD_US) for n in counts])
    held = (64, 256, 1024, 4096)
    shapes = [(0, 0, batch, kv) for batch in (1, 8, 32, 128) for kv in held]
    shapes += [(new, before, 0, 0) for new in (256, 512, 1024, 2048) for before in (0, 512, 2048)]
    write(tmp_path / "attention.csv.gz", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us",
          [(*shape, attention_us(*shape)) for shape in shapes])  # fmt: skip
    write(tmp_path / "moe.csv.gz", "tokens,activated_experts,time_us",
          [(n, k, 6.0 * k + 0.1 * n) for n in counts for k in (8, 32, 128)])  # fmt: skip
    return tmp_path


def attention_us(new: int, before: int, batch: int, held: int) -> float:
    return 1.0 + CONTEXT_US * batch * held + PAIR_US * new * (before + new / 2)


def tables(folder: Path, profile: ModelProfile = LLAMA, link: Link = ALONE) -> StepTables:
    return read(folder, profile, link)


def test_a_decode_step_is_its_layers_and_what_runs_once(folder: Path) -> None:
    seconds = tables(folder).seconds((0, 0, 8, 1024))
    layer_us = READ_US + TOKEN_US * 8 + attention_us(0, 0, 8, 1024)
    assert seconds == pytest.approx(1e-6 * (32 * layer_us + HEAD_US + 3.0))


def test_a_step_of_prompt_tokens_makes_one_token_for_the_head(folder: Path) -> None:
    seconds = tables(folder).seconds((512, 0, 0, 0))
    assert seconds == pytest.approx(1e-6 * (32 * (READ_US + TOKEN_US * 512 + attention_us(512, 0, 0, 0)) + HEAD_US + 3))


def test_two_gpus_reduce_twice_a_layer_and_gather_the_vocabulary(folder: Path) -> None:
    shape = (0, 0, 32, 256)
    extra = tables(folder, link=PAIR).seconds(shape) - tables(folder).seconds(shape)
    reduce_s = 2 * (20e-6 + 32 * 4096 * 2 / 2 / 16e9)
    gather_s = 20e-6 + 32 * 2 * 128_256 / 2 / 16e9
    assert extra == pytest.approx(65 * reduce_s + gather_s)


def test_one_gpu_has_nobody_to_talk_to() -> None:
    assert ALONE.reduce_s(1e9) == ALONE.gather_s(1e9) == 0.0


def test_experts_cost_by_how_many_the_tokens_touch(folder: Path) -> None:
    moe = tables(folder, QWEN_MOE)
    few, many = moe.seconds((0, 0, 1, 256)), moe.seconds((0, 0, 128, 256))
    touched = 128 * (1 - (1 - 8 / 128) ** 128)
    expected_us = 48 * (6.0 * touched + 0.1 * 128 - 6.0 * 8 - 0.1)
    rest_us = 48 * (TOKEN_US * 127 + CONTEXT_US * 127 * 256)
    assert many - few == pytest.approx(1e-6 * (expected_us + rest_us), rel=1e-6)


def test_the_coefficients_of_affine_tables_come_back(folder: Path) -> None:
    found = fit(tables(folder), {})
    assert found.decode_error < 1e-6
    assert found.coefficients["base_s"] == pytest.approx(1e-6 * (32 * (READ_US + 1.0) + HEAD_US + 3.0))
    assert found.coefficients["sequence_s"] == pytest.approx(32e-6 * TOKEN_US)
    assert found.coefficients["context_s"] == pytest.approx(32e-6 * CONTEXT_US)
    assert found.coefficients["token_s"] == pytest.approx(32e-6 * TOKEN_US)
    assert found.coefficients["attention_s"] == pytest.approx(32e-6 * PAIR_US)


def test_a_mixture_gets_a_price_for_each_expert(folder: Path) -> None:
    found = fit(tables(folder, QWEN_MOE), {})
    assert found.coefficients["expert_s"] == pytest.approx(48 * 6e-6, rel=0.02)
    assert found.decode_worst < 0.01


def test_a_dense_model_has_no_experts_to_price(folder: Path) -> None:
    assert "expert_s" not in fit(tables(folder), {}).coefficients


def test_floors_hold(folder: Path) -> None:
    least = {"base_s": 0.02, "token_s": 40e-6}
    found = fit(tables(folder), least).coefficients
    assert found["base_s"] == 0.02
    assert found["token_s"] == 40e-6


@pytest.mark.parametrize(("argument", "value"), [(0.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (5.0, 5.0)])
def test_between_and_beyond_its_points_a_curve_is_straight_and_before_them_level(argument: float, value: float) -> None:
    assert at(((1.0, 3.0, 4.0), (1.0, 3.0, 4.0)), argument) == value


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"dense\.csv\.gz"):
        read(tmp_path, LLAMA, ALONE)
