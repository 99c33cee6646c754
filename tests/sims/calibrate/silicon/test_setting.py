"""Rows of the silicon sheets and what they become."""

import gzip
from pathlib import Path

import pytest

from sims.calibrate.silicon.setting import BadMeasurement, Setting, read, setting

AGG = {
    "backend": "vllm", "backend_version": "0.19.0", "model_path": "MiniMaxAI/MiniMax-M2.5", "system": "b300_sxm",
    "precision": "fp8", "mode": "agg", "isl": "8192", "osl": "1024", "batch_size": "128.0", "tp_size": "4.0",
    "attention_dp_size": "1.0", "moe_tp_size": "4.0", "moe_ep_size": "1.0", "concurrency": "128",
    "silicon_ttft_ms": "972.3", "silicon_tpot_ms": "33.4",
    **{f"{part}_{name}": "" for part in ("prefill", "decode") for name in (
        "batch_size", "num_workers", "tp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")},
}  # fmt: skip
SPLIT = AGG | {
    "mode": "disagg", "batch_size": "", "tp_size": "", "attention_dp_size": "", "moe_tp_size": "", "moe_ep_size": "",
    "prefill_tp_size": "1.0", "prefill_attention_dp_size": "4.0", "prefill_num_workers": "7.0",
    "decode_tp_size": "8.0", "decode_moe_ep_size": "8.0", "decode_num_workers": "2.0",
}  # fmt: skip


def one(row: dict[str, str], **changes: str) -> Setting:
    found = setting(row | changes, "m.csv, row 1")
    assert found is not None
    return found


def test_a_row_becomes_a_setting_in_seconds_with_our_names() -> None:
    found = one(AGG)
    assert (found.system, found.model, found.gpus, found.clients) == ("b300", "minimax-m2.5", 4, 128.0)
    assert (found.ttft_s, found.tpot_s) == pytest.approx((0.9723, 0.0334))
    assert found.known
    assert not found.expert_parallel


def test_split_deployments_are_told_by_their_decode_side() -> None:
    found = one(SPLIT)
    assert (found.gpus, found.workers, found.prefill_gpus, found.prefill_workers) == (8, 2, 4, 7)
    assert found.expert_parallel
    assert found.known


def test_untold_workers_are_one_and_marked() -> None:
    found = one(SPLIT, decode_num_workers="", prefill_num_workers="")
    assert (found.workers, found.prefill_workers, found.known) == (1, 1, False)


@pytest.mark.parametrize(
    ("tensor", "copies", "split", "experts", "gpus"),
    [
        ("64", "1", "8", "8", 8),
        ("16", "1", "4", "4", 4),
        ("1", "64", "8", "8", 8),
        ("2", "1", "1", "4", 2),
        ("2", "2", "1", "4", 4),
        ("8", "1", "1", "8", 8),
    ],
)
def test_gpus_that_a_sheet_multiplies_by_themselves_are_counted_once(
    tensor: str, copies: str, split: str, experts: str, gpus: int
) -> None:
    found = one(AGG, tp_size=tensor, attention_dp_size=copies, moe_tp_size=split, moe_ep_size=experts)
    assert found.gpus == gpus


def test_where_only_the_batch_is_told_it_stands_for_the_clients() -> None:
    assert one(AGG, concurrency="", batch_size="16", attention_dp_size="2").clients == 32.0
    assert one(SPLIT, concurrency="", decode_batch_size="10").clients == 20.0


@pytest.mark.parametrize(
    ("told", "path", "precision"),
    [
        ("fp4", "x/Qwen3-32B", "fp4"),
        ("", "Qwen/Qwen3-32B", "bf16"),
        ("", "x/Qwen3-32B-FP8", "fp8"),
        ("", "x/Qwen3-32B-NVFP4", "fp4"),
    ],
)
def test_an_untold_precision_is_in_the_name_or_sixteen_bits(told: str, path: str, precision: str) -> None:
    assert one(AGG, precision=told, model_path=path).precision == precision


def test_two_names_of_one_model_are_one_model_in_groups_of_their_own() -> None:
    r1, v3 = (one(AGG, model_path=f"deepseek-ai/DeepSeek-{name}") for name in ("R1", "V3"))
    assert r1 == v3
    assert r1.group == v3.group
    assert r1.told_group != v3.told_group


@pytest.mark.parametrize("change", [{"system": "abacus"}, {"model_path": "nobody/model"}])
def test_unknown_hardware_and_models_are_passed_over(change: dict[str, str]) -> None:
    assert setting(AGG | change, "m.csv, row 1") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"silicon_tpot_ms": ""}, "silicon_tpot_ms is missing"),
        ({"silicon_ttft_ms": "nan"}, "silicon_ttft_ms is 'nan'"),
        ({"isl": "-3"}, "isl is '-3'"),
        ({"osl": "many"}, "osl is 'many'"),
    ],
)
def test_a_senseless_row_is_one_sentence_with_file_row_and_column(change: dict[str, str], said: str) -> None:
    with pytest.raises(BadMeasurement) as caught:
        setting(AGG | change, "m.csv, row 7")
    assert str(caught.value).startswith("m.csv, row 7: ")
    assert said in str(caught.value)


def test_files_are_read_packed_or_plain(tmp_path: Path) -> None:
    text = "".join(",".join(line) + "\n" for line in (AGG.keys(), AGG.values(), (AGG | {"system": "abacus"}).values()))
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert read(tmp_path / "a.csv") == read(tmp_path / "b.csv.gz") == ([one(AGG)], 1)
