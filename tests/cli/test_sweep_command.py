"""`weir sweep` as its users see it."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from sims.measure.schema import schema
from sims.sweep.trial import compiled
from tests.cli.simulated_files import FLEET, trace_file
from tests.cli.weir_command import Weir, start
from tests.sims.measure.schemas import faults


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """The simulator compiled once, not in every process."""
    compiled()


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return trace_file(tmp_path)


RATES = ("--over", "rate=x1,x8,x200", "--over", "policy=least_loaded,random", "--cores", "1")


def test_every_combination_is_a_point(weir: Weir, trace: Path, tmp_path: Path) -> None:
    page, report = tmp_path / "r.html", tmp_path / "r.json"
    result = weir("sweep", trace, "--fleet", FLEET, *RATES, "-o", report, "--html", page)
    assert result.exit_code == 0, result.stderr
    found = json.loads(report.read_text())
    assert faults(found, schema(), schema()) == []
    assert [point["point"] for point in found["points"]] == [
        {"rate": rate, "policy": policy} for rate in ("x1", "x8", "x200") for policy in ("least_loaded", "random")
    ]
    assert "policy least_loaded: 90 % are served in time up to" in result.stdout
    assert "Goodput against rate" in page.read_text()


def test_a_sweep_run_again_does_nothing_twice(weir: Weir, trace: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    first = weir("sweep", trace, "--fleet", FLEET, *RATES, "-o", report)
    before = json.loads(report.read_text())["points"]
    second = weir("sweep", trace, "--fleet", FLEET, *RATES, "-o", report)
    assert "resumed" not in first.stdout
    assert "6 of 6 runs were done before" in second.stdout
    assert json.loads(report.read_text())["points"] == before


def test_a_swept_fleet_is_another_fleet(weir: Weir, trace: Path) -> None:
    over = ("--over", "pools.slow.replicas=1,3", "--over", "conditions.staleness_s=0.05,1")
    found = json.loads(weir("sweep", trace, "--fleet", FLEET, *over, "--cores", "1", "--json", "-").stdout)
    assert [point["replicas"] for point in found["points"]] == [2, 2, 4, 4]
    assert found["knees"] == []


SENTENCES = {
    ("--over", "rte=1,2"): "did you mean 'rate'?",
    ("--over", "pools.fast.replica=1,2"): "did you mean 'pools.fast.replicas'?",
    ("--over", "pools.fast.replicas=0"): "greater than 0",
    ("--over", "policy=rndom"): "did you mean 'random'?",
    ("--over", "policy.near=1", "--policy", "random"): "no setting at 'policy.near'",
    ("--over", "rate"): "write --over path=value,value",
    ("--over", "rate=x1", "--over", "rate=x2"): "name each path once",
    ("--over", "rate=x1", "--executor", "clouds"): "write cores or ray",
    ("--over", "rate=x1", "--address", "a:1"): "add --executor ray",
}


@pytest.mark.parametrize("arguments", SENTENCES, ids=" ".join)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(weir: Weir, trace: Path, arguments: tuple[str, ...]) -> None:
    result = weir("sweep", trace, "--fleet", FLEET, *arguments)
    assert result.exit_code == 2
    assert SENTENCES[arguments] in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_interrupted_sweep_is_partial_and_resumes(weir: Weir, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    journal = tmp_path / "r.json.runs.jsonl"
    arguments = ("workload:azure_conversation", "--requests", "20000", "--fleet", str(FLEET), "--cores", "1",
                 "--over", "rate=" + ",".join(f"x{i}" for i in range(1, 41)), "-o", str(report))  # fmt: skip
    with start("sweep", *arguments) as process:
        deadline = time.monotonic() + 60.0
        while not (journal.exists() and journal.read_text().count("\n")):
            assert process.poll() is None
            assert time.monotonic() < deadline
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "what is written is marked partial" in said
    found = json.loads(report.read_text())
    assert found["partial"] is True
    assert 0 < found["runs_done"] == len(found["points"]) < 40
    few = [each.replace(",".join(f"x{i}" for i in range(1, 41)), "x1,x2") for each in arguments]
    again = weir("sweep", *few)
    assert again.exit_code == 0
    assert "runs were done before" in again.stdout
    assert json.loads(report.read_text())["partial"] is False
