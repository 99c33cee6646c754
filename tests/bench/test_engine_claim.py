"""What `bench.engine` makes of measured runs."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import engine
from sims.calibrate.serving_run import perf, read, replay, runs
from tests.sims.calibrate.test_serving_run import OPTIONS, write

DATA = Path(__file__).parents[3] / "shared" / "data"


def self_measured(folder: Path, host_s: float) -> None:
    """A run whose requests took what the engine model says at that host constant."""
    place = write(folder, packed=False)
    base: list[dict[str, Any]] = [
        {"request_id": str(k), "input_toks": 400, "output_toks": 50, "arrival_time": 0.05 * k, "queued_ts": 0.05 * k,
         "scheduled_ts": 0.0, "first_token_ts": 1.0, "last_token_ts": 2.0}
        for k in range(20)
    ]  # fmt: skip
    (place / "requests.jsonl").write_text("".join(json.dumps(row) + "\n" for row in base))
    run = read(place)
    for row, times in zip(base, replay(run, perf(run, host_s)), strict=True):
        row["first_token_ts"] = row["arrival_time"] + times.ttft_s
        row["last_token_ts"] = row["first_token_ts"] + 49 * times.tpot_s
    (place / "requests.jsonl").write_text("".join(json.dumps(row) + "\n" for row in base))


def test_a_run_that_the_model_made_has_no_errors(tmp_path: Path) -> None:
    self_measured(tmp_path, 30e-6)
    run = read(tmp_path / "RTX4090" / "Llama-3.1-8B")
    assert engine.errors(run, 30e-6) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert engine.errors(run, 0.0)[1] < 0.0


def test_the_host_constant_that_a_run_asks_for_is_found(tmp_path: Path) -> None:
    self_measured(tmp_path, 50e-6)
    run = read(tmp_path / "RTX4090" / "Llama-3.1-8B")
    assert engine.host_seconds(run) == pytest.approx(50e-6, abs=3e-6)


def test_a_run_faster_than_its_kernels_asks_for_no_host_work(tmp_path: Path) -> None:
    self_measured(tmp_path, 0.0)
    assert engine.host_seconds(read(tmp_path / "RTX4090" / "Llama-3.1-8B")) == 0.0


def test_one_run_alone_leaves_none_out(tmp_path: Path) -> None:
    self_measured(tmp_path, 10e-6)
    assert engine.left_out([read(tmp_path / "RTX4090" / "Llama-3.1-8B")]) == {}


def test_other_runs_of_the_same_layout_work_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert OPTIONS["max_num_seqs"] == 64
    self_measured(tmp_path / engine.FOLDER, engine.HOST_S)
    monkeypatch.setattr(sys, "argv", ["engine", "--data", str(tmp_path)])
    assert engine.main() == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["met"] is True
    assert found["figures"]["rtx4090_llama-3.1-8b_tpot_error"] == 0.0


def test_a_folder_without_runs_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["engine", "--data", str(tmp_path)])
    assert engine.main() == 2
    assert "requests.jsonl" in capsys.readouterr().err


@pytest.mark.skipif(not (DATA / engine.FOLDER).is_dir(), reason="needs ../shared/data/perf_llmservingsim")
def test_the_measured_runs_are_met_within_five_percent() -> None:
    for run in runs(DATA / engine.FOLDER):
        assert max(map(abs, engine.errors(run, engine.HOST_S))) <= engine.MOST
