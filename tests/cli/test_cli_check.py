import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.weir_command import ROOT, TINY, Weir


def test_a_good_fleet_is_described_pool_by_pool(weir: Weir) -> None:
    result = weir("check", TINY)
    assert result.exit_code == 0
    assert "1 × h100-sxm" in result.stdout
    assert "measured" in result.stdout
    assert "2 replicas, $6.36 an hour" in result.stdout


def test_json_goes_to_stdout_alone(weir: Weir) -> None:
    result = weir("check", TINY, "--json", "-")
    fast, slow = json.loads(result.stdout)["pools"]
    assert fast["idle_ttft_s"]["1k"] < slow["idle_ttft_s"]["1k"]
    assert set(fast) == {
        "name", "model", "gpu", "gpus_per_replica", "replicas", "emulated", "idle_ttft_s", "idle_tpot_s", "kv_tokens",
        "usd_per_hour", "tokenizer", "step_times",
    }  # fmt: skip


def test_the_demo_fleet_has_three_gpu_kinds_and_two_models(weir: Weir) -> None:
    found = json.loads(weir("check", ROOT / "examples" / "demo-fleet.yaml", "--json", "-").stdout)["pools"]
    assert len({pool["gpu"] for pool in found}) >= 3
    assert len({pool["model"] for pool in found}) == 2


def test_json_goes_to_a_file_beside_the_table(weir: Weir, tmp_path: Path) -> None:
    result = weir("check", TINY, "--json", tmp_path / "out.json")
    assert "is good" in result.stdout
    assert len(json.loads((tmp_path / "out.json").read_text())["pools"]) == 2


def test_an_unknown_key_is_one_sentence_with_file_line_and_nearest_key(
    weir: Weir, fleet_file: Callable[[str], Path]
) -> None:
    path = fleet_file("pools:\n  - name: a\n    gpu: l4\n    model: qwen3-8b\n    replica: 2\n")
    result = weir("check", path)
    assert result.exit_code == 2
    assert f"{path}:5" in result.stderr
    assert "'replicas'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_that_does_not_fit_says_what_to_change(weir: Weir, fleet_file: Callable[[str], Path]) -> None:
    path = fleet_file("pools:\n  - name: a\n    gpu: l4\n    model: llama-3.1-70b\n    replicas: 1\n")
    result = weir("check", path)
    assert result.exit_code == 2
    assert "set gpus_per_replica to" in result.stderr


def test_an_unknown_gpu_names_the_known_ones(weir: Weir, fleet_file: Callable[[str], Path]) -> None:
    result = weir("check", fleet_file("pools:\n  - {name: a, gpu: h100, model: qwen3-8b, replicas: 1}\n"))
    assert result.exit_code == 2
    assert "h100-sxm" in result.stderr


def test_an_unknown_tokenizer_is_refused(weir: Weir, fleet_file: Callable[[str], Path]) -> None:
    text = "pools:\n  - {name: a, gpu: l40s, model: qwen3-8b, replicas: 1, tokenizer: nope}\n"
    result = weir("check", fleet_file(text))
    assert result.exit_code == 2
    assert "no tokenizer 'nope'" in result.stderr
