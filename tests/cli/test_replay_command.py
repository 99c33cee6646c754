"""`weir replay` as its users see it."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from sims.measure.schema import schema
from sims.sweep.trial import compiled
from tests.cli.simulated_files import FLEET, trace_file
from tests.cli.weir_command import Weir, start
from tests.sims.measure.schemas import faults

TWO_MODELS = """
pools:
  - {name: small, gpu: h100-sxm, model: llama-3.1-8b, replicas: 1}
  - {name: large, gpu: h100-sxm, model: qwen3-32b, gpus_per_replica: 2, replicas: 1}
"""


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """The simulator compiled once, not in every process."""
    compiled()


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return trace_file(tmp_path)


def replayed(weir: Weir, *arguments: object) -> dict[str, Any]:
    result = weir("replay", *arguments, "--cores", "1", "--json", "-")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_trace_is_replayed_and_summed_up(weir: Weir, trace: Path) -> None:
    result = weir("replay", trace, "--fleet", FLEET, "--policy", "least_loaded", "--cores", "1")
    assert result.exit_code == 0
    assert "TTFT p90, ms" in result.stdout
    assert "llama-3.1-8b on 1 × 1 h100-sxm" in result.stdout
    assert "fast: " in result.stdout


def test_json_is_alone_on_stdout_and_fits_the_schema(weir: Weir, trace: Path) -> None:
    found = replayed(weir, trace, "--fleet", FLEET)
    assert faults(found, schema(), schema()) == []
    assert (found["requests"], found["completed"], found["policy"]) == (40, 40, "shortest_ttft")
    assert found["trace"]["requests"] == 40
    assert found["partial"] is False


def test_the_same_replay_says_the_same(weir: Weir, trace: Path) -> None:
    once, again = (replayed(weir, trace, "--fleet", FLEET) for _ in range(2))
    for key in ("ttft_s", "e2e_s", "cost_usd", "energy_joules"):
        assert once[key] == again[key]


def test_several_seeds_give_intervals(weir: Weir, trace: Path) -> None:
    found = replayed(weir, trace, "--fleet", FLEET, "--seeds", "3")
    assert found["seeds"] == 3
    assert found["ci95"]["ttft_s"]["p50"][0] <= found["ttft_s"]["p50"] <= found["ci95"]["ttft_s"]["p50"][1]


def test_a_rate_a_window_a_policy_and_its_settings_are_what_was_asked(weir: Weir, trace: Path) -> None:
    found = replayed(
        weir, trace, "--fleet", FLEET, "--rate", "x4", "--from", "5", "--to", "15", "--set", "near=0.2", "--under",
        "staleness_s=0.2",
    )  # fmt: skip
    assert found["requests"] == 20
    assert found["rate"] == "x4"
    assert found["settings"]["near"] == 0.2
    assert found["conditions"]["staleness_s"] == 0.2
    assert found["offered_rps"] == pytest.approx(4.0 * found["trace"]["rate_rps"], rel=0.1)


def test_a_workload_is_drawn(weir: Weir) -> None:
    found = replayed(weir, "workload:azure_conversation", "--fleet", FLEET, "--requests", "50", "--seeds", "2")
    assert found["requests"] == 50
    assert "whole stream" in found["seeds_vary"]


def test_a_trace_without_models_is_spread_over_the_fleets(weir: Weir, trace: Path, fleet_file: Any) -> None:
    found = replayed(weir, trace, "--fleet", fleet_file(TWO_MODELS))
    assert "sessions are spread by what each can serve" in found["notes"][0]
    assert all(pool["completed"] for pool in found["pools"])


def test_a_page_and_a_file_are_written_whole(weir: Weir, trace: Path, tmp_path: Path) -> None:
    page, report = tmp_path / "r.html", tmp_path / "r.json"
    result = weir("replay", trace, "--fleet", FLEET, "--html", page, "--json", report, "--cores", "1")
    assert result.exit_code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert json.loads(report.read_text())["kind"] == "replay"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json", "trace.csv"]


@pytest.mark.parametrize("seeds", ["1", "3"])
def test_requests_all_at_once_are_replayed_as_they_are(weir: Weir, tmp_path: Path, seeds: str) -> None:
    once = tmp_path / "once.csv"
    once.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + 5 * "2023-11-16 18:15:00.0,100,10\n")
    found = replayed(weir, once, "--fleet", FLEET, "--seeds", seeds)
    assert (found["requests"], found["trace"]["rate_rps"]) == (5, 0)
    assert found["goodput_rps"] > 0.0


def test_more_than_the_fleet_can_do_is_called_unstable(weir: Weir) -> None:
    drawn = ("workload:azure_conversation", "--requests", "4000", "--fleet", FLEET, "--rate", "1000")
    result = weir("replay", *drawn, "--cores", "1", "--json", "-")
    found = json.loads(result.stdout)
    assert "unstable: the queue grew without end" in result.stderr
    assert found["unstable"] is True
    assert found["unfinished"] > 0
    assert found["ttft_s"]["p90"] is None
    assert replayed(weir, *drawn, "--under", "unstable_growth=0")["unstable"] is False


SENTENCES = {
    ("nowhere.csv",): "no such file",
    ("workload:nothing",): "no workload 'nothing'",
    ("workload:azure_conversation", "--from", "5"): "give --to alone",
    ("TRACE", "--from", "1000"): "the last one comes at",
    ("TRACE", "--policy", "shortest"): "did you mean 'shortest_ttft'?",
    ("TRACE", "--set", "neer=1"): "did you mean 'near'?",
    ("TRACE", "--rate", "fast"): "write x2",
    ("TRACE", "--rate", "x0"): "write x2",
    ("TRACE", "--under", "staleness=1"): "did you mean 'staleness_s'?",
    ("TRACE", "--under", "staleness_s"): "write --under key=value",
    ("TRACE", "--format", "azzure"): "did you mean 'azure'?",
    ("TRACE", "--json", "nowhere/r.json"): "there is no such folder",
    ("TRACE", "--html", "nowhere/r.html"): "there is no such folder",
}


@pytest.mark.parametrize("arguments", SENTENCES, ids=" ".join)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(weir: Weir, trace: Path, arguments: tuple[str, ...]) -> None:
    given = [str(trace) if each == "TRACE" else each for each in arguments]
    result = weir("replay", *given, "--fleet", FLEET)
    assert result.exit_code == 2
    assert SENTENCES[arguments] in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_model_that_does_not_fit_its_gpu_is_one_sentence(weir: Weir, trace: Path, fleet_file: Any) -> None:
    too_large = fleet_file("pools:\n  - {name: p, gpu: l4, model: qwen3-32b, replicas: 1}\n")
    result = weir("replay", trace, "--fleet", too_large)
    assert result.exit_code == 2
    assert "qwen3-32b" in result.stderr


def test_nothing_half_written_is_left_when_it_fails(weir: Weir, tmp_path: Path) -> None:
    broken = trace_file(tmp_path)
    broken.write_text(broken.read_text() + "2023-11-16 18:00:00,1,1\n")
    report = tmp_path / "r.json"
    report.write_text("before")
    result = weir("replay", broken, "--fleet", FLEET, "--json", report)
    assert result.exit_code == 2
    assert "sort the file by time" in result.stderr
    assert report.read_text() == "before"


def test_an_interrupt_before_anything_is_done_writes_nothing(tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    arguments = ("workload:azure_conversation", "--requests", "3000000", "--fleet", str(FLEET), "--json", str(report))
    with start("replay", *arguments, "--seeds", "2") as process:
        assert process.stdout is not None
        while "runs " not in (line := process.stdout.readline()):
            assert line
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert not list(tmp_path.iterdir())
