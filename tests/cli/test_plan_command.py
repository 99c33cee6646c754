"""`weir plan` end to end: a fleet file that reads back, and one sentence with exit code 2 where there is no plan."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.cli.weir_command import Weir
from weir.fleetfile import read_fleet

SLO = ("--slo", "ttft_p90=1.0,tpot_p90=0.05")
FEW = ("--seeds", "2", "--trials", "2", "--sizes", "1")


@pytest.fixture
def azure(tmp_path: Path) -> Path:
    """Three hundred requests as Azure writes them."""
    coins = np.random.default_rng(1)
    at = np.cumsum(coins.exponential(0.1, 300))
    rows = [f"2023-11-16 18:{15 + int(t) // 60:02d}:{t % 60:09.6f},{p},{o}" for t, p, o in zip(
        at, coins.integers(100, 2000, 300), coins.integers(2, 200, 300), strict=True)]  # fmt: skip
    path = tmp_path / "azure.csv"
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    return path


def test_a_plan_writes_a_fleet_that_reads_back(weir: Weir, azure: Path, tmp_path: Path) -> None:
    fleet, values, page, found = (tmp_path / name for name in ("f.yaml", "v.yaml", "p.html", "p.json"))
    result = weir("plan", azure, "--model", "llama-3.1-8b", "--gpus", "h100-sxm,l40s", *SLO, *FEW,
                  "--availability", "0.99", "-o", fleet, "--helm", values, "--html", page, "--json", found)  # fmt: skip
    assert result.exit_code == 0, result.output
    said = json.loads(found.read_text())
    pools = read_fleet(fleet).pools
    assert sum(pool.replicas or 0 for pool in pools) == sum(pool["replicas"] for pool in said["pools"])
    assert said["availability"]["reached"] >= 0.99
    assert "only h100-sxm" in result.output
    assert list(yaml.safe_load(values.read_text())) == ["router", "pool", "redis", "pools"]
    assert said["partial"] is False
    assert page.read_text().startswith("<!doctype html>")


def test_a_plan_from_a_file_goes_to_stdout_as_json(weir: Weir, azure: Path, tmp_path: Path) -> None:
    request = tmp_path / "request.yaml"
    request.write_text(
        "model: llama-3.1-8b\nseeds: 2\ngpus: [{gpu: h100-sxm, gpus_per_replica: [1]}]\n"
        "slo: [{ttft: {seconds: 1.0}, tpot: {seconds: 0.05}}]\n"
    )
    result = weir("plan", azure, "--request", request, "--trials", "0", "--json", "-")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pools"][0]["gpu"] == "h100-sxm"


def refused(weir: Weir, *arguments: object) -> str:
    """The one sentence."""
    result = weir("plan", *arguments)
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("weir plan:")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_gpu_that_cannot_hold_the_model_is_one_sentence(weir: Weir, azure: Path) -> None:
    said = refused(weir, azure, "--model", "llama-3.1-70b", "--gpus", "l4", "--sizes", "1", *SLO)
    assert "no offered GPU can hold llama-3.1-70b" in said


def test_a_deadline_that_no_gpu_meets_is_one_sentence_with_the_distance(weir: Weir, azure: Path) -> None:
    said = refused(weir, azure, "--model", "llama-3.1-8b", "--gpus", "l4", "--sizes", "1", "--slo", "ttft_p90=0.05")
    assert "TTFT p90 of 0.05 s cannot be met" in said
    assert "times as long" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "say --model, --gpus and --slo"),
        (("--model", "llama-3.1-8b", "--gpus", "h100-sxm", "--slo", "fast"), "--slo fast"),
        (("--model", "llama-3.1-8b", "--gpus", "h1000", *SLO), "h1000"),
        (("--model", "no-model", "--gpus", "h100-sxm", *SLO), "no-model"),
        (("--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, "--policy", "best"), "best"),
        (("--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, "--inventory", "l4=2"), "--inventory names l4"),
        (("--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, "--objective", "cheap"), "cheap"),
        (("--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, "--rate", "fast"), "fast"),
        (("--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, "--sizes", "one"), "--sizes one"),
        (("--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, "-o", "nowhere/f.yaml"), "nowhere"),
    ],
)
def test_wrong_options_are_one_sentence(weir: Weir, azure: Path, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(weir, azure, *arguments)


def test_a_request_file_and_options_do_not_mix(weir: Weir, azure: Path, tmp_path: Path) -> None:
    assert "drop --model" in refused(weir, azure, "--request", tmp_path / "r.yaml", "--model", "llama-3.1-8b")


def test_nothing_is_written_where_there_is_no_plan(weir: Weir, azure: Path, tmp_path: Path) -> None:
    refused(weir, azure, "--model", "llama-3.1-8b", "--gpus", "l4", "--sizes", "1", "--slo", "ttft_p90=0.05",
            "-o", tmp_path / "fleet.yaml")  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["azure.csv"]


def test_a_missing_trace_is_one_sentence(weir: Weir, tmp_path: Path) -> None:
    said = refused(weir, tmp_path / "none.csv", "--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO)
    assert "none.csv" in said


def test_a_request_file_and_any_other_option_do_not_mix(weir: Weir, azure: Path, tmp_path: Path) -> None:
    said = refused(weir, azure, "--request", tmp_path / "r.yaml", "--availability", "0.9", "--set", "near=0.1")
    assert "drop --availability, --set" in said


def test_a_fleet_larger_than_the_inventory_says_by_how_much(weir: Weir, azure: Path) -> None:
    said = refused(weir, azure, "--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, *FEW, "--rate", "x30",
                   "--inventory", "h100-sxm=1")  # fmt: skip
    assert "it takes" in said
    assert "× h100-sxm and there are 1" in said


@pytest.mark.parametrize(
    ("limit", "told"),
    [(("--max-watts", "800"), "may draw"), (("--max-usd", "5"), "the cap is $5.00")],
)
def test_a_cap_that_is_too_low_says_by_how_much(weir: Weir, azure: Path, limit: tuple[str, str], told: str) -> None:
    said = refused(weir, azure, "--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, *FEW, "--rate", "x30", *limit)
    assert told in said


def test_only_regions_that_are_allowed_are_rented(weir: Weir, azure: Path, tmp_path: Path) -> None:
    found = tmp_path / "p.json"
    gpus = ("--gpus", "h100-sxm@us,h100-sxm@eu", "--price", "h100-sxm@us=1,h100-sxm@eu=9")
    result = weir("plan", azure, "--model", "llama-3.1-8b", *gpus, *SLO, *FEW, "--regions", "eu", "--json", found)
    assert result.exit_code == 0, result.output
    said = json.loads(found.read_text())
    assert {pool["region"] for pool in said["pools"]} == {"eu"}
    assert said["not_considered"][0]["why"] == "h100-sxm is in region us, and only eu may be used"


def test_no_gpu_in_an_allowed_region_is_one_sentence(weir: Weir, azure: Path) -> None:
    said = refused(weir, azure, "--model", "llama-3.1-8b", "--gpus", "h100-sxm@us", *SLO, "--regions", "eu")
    assert "no GPU is offered where it may be rented" in said


def test_availability_that_the_inventory_has_no_spares_for_says_so(weir: Weir, azure: Path) -> None:
    said = refused(weir, azure, "--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, *FEW, "--inventory",
                   "h100-sxm=1", "--availability", "0.9999")  # fmt: skip
    assert "availability 0.9999 takes 1 spare replicas beside 1 × h100-sxm" in said
    assert "it takes 2 × h100-sxm and there are 1" in said


def test_engines_that_cannot_be_simulated_are_one_sentence(weir: Weir, azure: Path, tmp_path: Path) -> None:
    request = tmp_path / "request.yaml"
    request.write_text(
        "model: llama-3.1-8b\nseeds: 2\ngpus: [{gpu: h100-sxm, gpus_per_replica: [1]}]\n"
        "slo: [{ttft: {seconds: 1.0}}]\nengine: {max_num_seqs: 512, max_num_batched_tokens: 256}\n"
    )
    assert "max_seqs 512 above chunk_tokens 256" in refused(weir, azure, "--request", request)


def test_a_plan_for_energy_and_a_weighted_one_say_what_they_make_small(weir: Weir, azure: Path) -> None:
    for objective in ("energy", "weighted"):
        result = weir("plan", azure, "--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, *FEW, "--objective",
                      objective, "--json", "-")  # fmt: skip
        assert json.loads(result.stdout)["objective"] == objective


def test_a_plan_for_a_workload_and_for_one_saved_to_a_file(weir: Weir, tmp_path: Path) -> None:
    saved = tmp_path / "mine.toml"
    saved.write_text('workload = "azure_conversation"\n\n[settings]\n')
    options = ("--requests", "300", "--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, *FEW, "--json", "-")
    named = json.loads(weir("plan", "workload:azure_conversation", *options).stdout)
    filed = json.loads(weir("plan", f"workload:{saved}", *options).stdout)
    assert named["pools"] == filed["pools"]
    assert "all 300 requests" in named["traffic"]


def test_a_plan_for_a_window_of_a_trace_cut_from_nothing_says_where_it_ends(weir: Weir, azure: Path) -> None:
    said = refused(weir, azure, "--model", "llama-3.1-8b", "--gpus", "h100-sxm", *SLO, "--from", "9999")
    assert "the last one comes at" in said
