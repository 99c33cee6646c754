"""The models beside the public tables they were fitted to: AIConfigurator 0.12, vLLM, bf16."""

from collections.abc import Iterator
from dataclasses import replace
from math import isclose
from statistics import mean

import pytest

from policies.perf.latency import LatencyModel
from policies.perf.profiles import gpu_names, latency_model, model, model_names

Row = tuple[str, str, int, float, float, tuple[float, float, float], tuple[float, float, float]]

# GPU, model, GPUs a replica, the fit's mean and worst decode error in %, and in ms: decode steps at batch and context
# (1, 1k), (32, 1k), (128, 2k), prompts of 1k, 4k and 8k.
TABLE: list[Row] = [
    ("a100-80", "llama-3.1-8b", 1, 3.7, 15, (11.86, 15.58, 34.45), (64.7, 258.7, 557)),
    ("a100-80", "llama-3.1-8b", 2, 2.4, 11, (6.79, 8.73, 19.54), (41.5, 149.2, 325.5)),
    ("a100-80", "qwen3-32b", 2, 3.9, 14, (25.52, 30.16, 54.2), (151.5, 587.4, 1249.4)),
    ("a100-80", "qwen3-32b", 4, 2.9, 9, (14.29, 16.75, 33.14), (97.3, 330.4, 711.2)),
    ("a100-80", "llama-3.1-70b", 4, 2.7, 9, (27.19, 33.11, 54.01), (182.3, 666.3, 1371.5)),
    ("a100-80", "llama-3.1-70b", 8, 3, 9, (17.18, 21.32, 32.42), (126.2, 424, 831.8)),
    ("h100-sxm", "llama-3.1-8b", 1, 2.3, 8, (6.18, 8.32, 18.13), (22.1, 90.1, 199.7)),
    ("h100-sxm", "llama-3.1-8b", 2, 1.7, 6, (4.01, 5.02, 10.19), (15.1, 57.8, 122.6)),
    ("h100-sxm", "qwen3-32b", 2, 2, 6, (13.42, 16.1, 27.49), (55.5, 224.1, 476)),
    ("h100-sxm", "qwen3-32b", 4, 2.4, 7, (8.16, 9.82, 15.88), (36.2, 133.8, 273.6)),
    ("h100-sxm", "llama-3.1-70b", 4, 1.5, 4, (14.86, 16.91, 26.14), (67.4, 264.1, 576.8)),
    ("h100-sxm", "llama-3.1-70b", 8, 3.3, 10, (10.12, 11.05, 16.31), (46.2, 169.6, 344.3)),
    ("h200", "llama-3.1-8b", 1, 2.1, 6, (4.86, 6.32, 13.9), (21.2, 92.8, 198.9)),
    ("h200", "llama-3.1-8b", 2, 1.6, 7, (3.35, 4.09, 8.04), (14.5, 56.2, 117.6)),
    ("h200", "qwen3-32b", 2, 1.8, 6, (10.65, 12.43, 20.9), (53.7, 222.4, 473.8)),
    ("h200", "qwen3-32b", 4, 1.4, 4, (6.97, 8.04, 13.07), (34.5, 130.6, 280.6)),
    ("h200", "llama-3.1-70b", 4, 2.3, 7, (12.27, 13.47, 20.56), (65.7, 266.6, 542.5)),
    ("h200", "llama-3.1-70b", 8, 2.4, 7, (7.9, 9.33, 13.62), (44.5, 164.9, 334.1)),
    ("b200", "llama-3.1-8b", 1, 1.8, 7, (3.48, 4.15, 8.52), (11.6, 46, 97.5)),
    ("b200", "llama-3.1-8b", 2, 2.8, 9, (2.83, 2.9, 5.7), (10.3, 30.6, 61.7)),
    ("b200", "qwen3-32b", 2, 2.1, 6, (8.16, 8.59, 15.01), (34, 113.7, 239.6)),
    ("b200", "qwen3-32b", 4, 2, 9, (5.77, 6.34, 10), (22.9, 74.6, 144.5)),
    ("b200", "llama-3.1-70b", 4, 2.4, 9, (9.24, 11.08, 15.72), (39.3, 137.2, 285.3)),
    ("b200", "llama-3.1-70b", 8, 8.2, 23, (6.81, 10.02, 10.85), (28.7, 96.4, 193)),
    ("l40s", "llama-3.1-8b", 1, 2.5, 6, (21.98, 31.43, 74.79), (70.3, 311.3, 699.8)),
    ("l40s", "llama-3.1-8b", 2, 2.7, 8, (12.06, 15.86, 41.78), (66.8, 270.7, 603.5)),
    ("l40s", "qwen3-32b", 2, 2.8, 8, (45.34, 59.53, 116.41), (232.8, 941.5, 2118.2)),
    ("l40s", "qwen3-32b", 4, 2.4, 5, (26.88, 48.25, 117.65), (629.6, 2538.2, 5168.8)),
    ("l40s", "llama-3.1-70b", 4, 1.7, 6, (55.15, 92.52, 229.88), (1249.2, 5130.8, 10349.3)),
    ("l40s", "llama-3.1-70b", 8, 9.1, 36, (30.11, 101.08, 381.23), (2647.1, 10048.9, 20326.3)),
]

# GPU, model, GPUs, prompts of 1k and 8k in ms.
MIXTURE_PROMPTS = [
    ("a100-80", "qwen3-30b-a3b", 1, (82.9, 498)),
    ("h100-sxm", "qwen3-30b-a3b", 1, (33.9, 153)),
    ("h100-sxm", "qwen3-30b-a3b", 2, (22.7, 101)),
    ("h200", "qwen3-30b-a3b", 1, (28.3, 138)),
    ("b200", "qwen3-30b-a3b", 1, (17.8, 74.8)),
    ("l40s", "qwen3-30b-a3b", 1, (118, 464)),
    ("h100-sxm", "mixtral-8x7b", 2, (33.2, 199)),
    ("h100-sxm", "mixtral-8x7b", 4, (24.3, 125.5)),
]

# Llama-3.1-8B on one GPU without a public iteration table: W ms, k ns, c us, q ns, as extrapolated from the fits.
EXTRAPOLATED = [
    ("l4", 63.9, 514, 154, 8.7),
    ("a10g", 32.4, 257, 266, 15),
    ("a100-40", 13.1, 112, 56, 3.4),
    ("h100-pcie", 10.4, 77, 26, 1.4),
    ("mi300x", 4.5, 29, 21, 0.8),
]

DECODES = ((1, 1024), (32, 32 * 1024), (128, 128 * 2048))
PROMPTS = (1024, 4096, 8192)


def kernels(gpu: str, name: str, gpus: int) -> LatencyModel:
    """The model as the tables have it: no engine, one step a prompt; whether it fits is not asked."""
    return latency_model(gpu, name, gpus, chunk_tokens=16384, slowdown=1.0, host_s=0.0, kv_tokens=10**6)


def decode_errors(row: Row) -> list[float]:
    replica = kernels(*row[:3])
    return [abs(1e3 * replica.decode_seconds(*load) / ms - 1) for load, ms in zip(DECODES, row[5], strict=True)]


def prefill_errors(row: Row) -> list[float]:
    replica = kernels(*row[:3])
    return [abs(1e3 * replica.prefill_seconds(n) / ms - 1) for n, ms in zip(PROMPTS, row[6], strict=True)]


def label(row: Row) -> str:
    return f"{row[1]} on {row[2]} {row[0]}"


def test_the_table_has_every_measured_row_of_the_dense_sheets() -> None:
    listed = {row[:3] for row in TABLE}
    dense = [(name, t) for name in model_names() for t in model(name).measured if not model(name).experts]
    held = {(t.gpu, name, t.gpus) for name, t in dense if "AIConfigurator" in t.source}
    assert listed == held
    assert len(TABLE) == 30


@pytest.mark.parametrize("row", TABLE, ids=label)
def test_decode_checks_stay_within_the_fits_stated_worst_error(row: Row) -> None:
    assert max(decode_errors(row)) <= (row[4] + 0.5) / 100  # stated to a whole percent


def test_decode_checks_stay_within_the_fits_mean_error_on_average() -> None:
    """The three checks sit at the edges of the fitted range, so each table's mean is compared over all."""
    assert mean(e for row in TABLE for e in decode_errors(row)) <= mean(row[3] for row in TABLE) / 100 + 0.002


@pytest.mark.parametrize("row", TABLE, ids=label)
def test_the_sheets_state_the_errors_of_the_table(row: Row) -> None:
    times = model(row[1]).times(row[0], row[2])
    assert times is not None
    assert isclose(times.decode_error, row[3] / 100)
    assert isclose(times.decode_worst, row[4] / 100)


@pytest.mark.parametrize("row", TABLE, ids=label)
def test_prompt_checks_stay_within_twelve_percent_and_seventeen_on_l40s(row: Row) -> None:
    assert max(prefill_errors(row)) <= (0.17 if row[0] == "l40s" else 0.12)


def test_prompt_checks_are_off_by_four_percent_on_average() -> None:
    assert mean(e for row in TABLE for e in prefill_errors(row)) <= 0.04


@pytest.mark.parametrize(("gpu", "name", "gpus", "prompts"), MIXTURE_PROMPTS)
def test_prompts_of_a_mixture_of_experts_match_their_two_points(
    gpu: str, name: str, gpus: int, prompts: tuple[float, float]
) -> None:
    replica = kernels(gpu, name, gpus)
    for n, ms in zip((1024, 8192), prompts, strict=True):
        assert isclose(1e3 * replica.prefill_seconds(n), ms, rel_tol=0.12)


@pytest.mark.parametrize(("gpu", "base", "context", "token", "attention"), EXTRAPOLATED)
def test_cards_without_a_table_get_the_published_extrapolation(
    gpu: str, base: float, context: float, token: float, attention: float
) -> None:
    replica = kernels(gpu, "llama-3.1-8b", 1)
    assert not replica.measured
    assert isclose(1e3 * replica.base_s, base, rel_tol=0.02)
    assert isclose(1e9 * replica.context_s, context, rel_tol=0.02)
    assert isclose(1e6 * replica.token_s, token, rel_tol=0.02)
    assert isclose(1e9 * replica.attention_s, attention, rel_tol=0.02)


def test_every_measured_row_belongs_to_a_known_gpu() -> None:
    assert {t.gpu for name in model_names() for t in model(name).measured} <= set(gpu_names())


def measured() -> Iterator[LatencyModel]:
    for name in model_names():
        yield from (kernels(t.gpu, name, t.gpus) for t in model(name).measured)


def test_a_replica_with_a_row_calls_itself_measured() -> None:
    replicas = list(measured())
    assert len(replicas) == 49
    assert all(replica.measured for replica in replicas)


def test_real_engines_are_slower_than_the_tables_by_the_default_correction() -> None:
    """Measured mean inter-token times of vLLM on H100 at moderate load lie between the kernels and 1.4 of them."""
    for name, gpus, seconds in (("llama-3.1-8b", 1, 8.5e-3), ("llama-3.1-70b", 4, 18.29e-3)):
        ideal = kernels("h100-sxm", name, gpus)
        real = replace(ideal, slowdown=1.2, host_s=50e-6)
        assert ideal.decode_seconds(16, 16 * 800) < seconds < 1.1 * real.decode_seconds(16, 16 * 800)


def test_an_argonne_run_is_predicted_within_seven_percent() -> None:
    """H100, vLLM, Llama-3-8B, in = out = 1,024: 8.1, 11.0 and 18.8 ms a token at batch 1, 16 and 64, prefill included.

    With these two constants the twenty runs of that set were off by 1.9 % on average and 7 % at worst.
    """
    replica = latency_model("h100-sxm", "llama-3.1-8b", slowdown=1.228, host_s=43.1e-6)
    for batch, ms in ((1, 8.1), (16, 11.0), (64, 18.8)):
        decode = sum(replica.decode_seconds(batch, batch * (1024 + k)) for k in range(1023))
        prompts = batch * replica.prefill_seconds(1024)
        assert isclose((decode + prompts) / 1024, ms * 1e-3, rel_tol=0.07)
