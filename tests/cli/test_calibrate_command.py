"""`weir calibrate`: from a CSV of measurements to an engine block."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from policies.perf.profiles import latency_model
from sims.calibrate.closed_loop import steady
from sims.calibrate.measurements import Steady
from tests.cli.weir_command import TINY, Weir
from weir.fleetfile import Engine

H100 = ("--gpu", "h100-sxm", "--model", "llama-3.1-8b")
TRUE = replace(latency_model("h100-sxm", "llama-3.1-8b"), slowdown=1.4, host_s=80e-6, frontend_s=0.1)


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Closed loops of three shapes under four loads, as that deployment would serve them."""
    lines = ["isl,osl,concurrency,ttft_ms,tpot_ms"]
    for prompt, output in ((512, 256), (2048, 256), (4096, 512)):
        for clients in (1, 4, 16, 64):
            times = steady(Steady(clients=clients, prompt=prompt, output=output), TRUE)
            ttft_ms, tpot_ms = 1e3 * (times.ttft_s + 0.1), 1e3 * times.tpot_s
            lines.append(f"{prompt},{output},{clients},{ttft_ms:.4f},{tpot_ms:.5f}")
    path = tmp_path / "measured.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_errors_are_shown_before_after_and_on_groups_left_out(weir: Weir, measured: Path) -> None:
    result = weir("calibrate", measured, *H100)
    assert result.exit_code == 0
    assert "12 measurements in 3 groups" in result.stdout
    for heading in ("before", "after", "on groups left out", "TPOT, median", "TTFT p99"):
        assert heading in result.stdout


def test_the_settings_can_be_pasted_into_a_fleet_file(weir: Weir, measured: Path, tmp_path: Path) -> None:
    weir("calibrate", measured, *H100, "-o", tmp_path / "engine.yaml")
    block = yaml.safe_load((tmp_path / "engine.yaml").read_text())["engine"]
    found = Engine(**block)
    assert found.slowdown == pytest.approx(1.4, rel=0.05)
    assert found.frontend_s == pytest.approx(0.1, rel=0.1)


def test_json_holds_the_constants_and_the_errors(weir: Weir, measured: Path) -> None:
    found = json.loads(weir("calibrate", measured, *H100, "--json", "-").stdout)
    assert set(found) == {"measurements", "groups", "engine", "errors"}
    assert set(found["engine"]) == {"slowdown", "host_s", "frontend_s"}
    assert found["errors"]["left_out"]["tpot"] < 0.05 < found["errors"]["before"]["tpot"]


def test_step_coefficients_come_as_a_row_of_the_model_sheet(weir: Weir, measured: Path) -> None:
    result = weir("calibrate", measured, *H100, "--steps")
    assert result.exit_code == 0
    for key in ("base_ms", "token_us", "context_ns", 'gpu = "h100-sxm"', "slowdown: 1"):
        assert key in result.stdout


def test_a_pool_of_a_fleet_file_says_what_was_measured(weir: Weir, measured: Path) -> None:
    assert weir("calibrate", measured, "--fleet", TINY, "--pool", "fast").exit_code == 0


def test_the_only_pool_need_not_be_named(weir: Weir, measured: Path, fleet_file: Callable[[str], Path]) -> None:
    path = fleet_file("pools:\n  - name: a\n    gpu: h100-sxm\n    model: llama-3.1-8b\n    replicas: 1\n")
    assert weir("calibrate", measured, "--fleet", path).exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say what was measured: --fleet FILE, or --gpu and --model"),
        (("--gpu", "h100-sxm"), "say what was measured"),
        (("--fleet", TINY), "has the pools fast, slow: choose one with --pool"),
        (("--fleet", TINY, "--pool", "fist"), "has the pools fast, slow: choose one with --pool"),
        (("--gpu", "h1000", "--model", "llama-3.1-8b"), "no profile 'h1000'"),
        (("--gpu", "l4", "--model", "llama-3.1-70b"), "does not fit"),
    ],
)
def test_what_is_unclear_is_one_sentence(weir: Weir, measured: Path, options: tuple[object, ...], said: str) -> None:
    result = weir("calibrate", measured, *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("isl,osl\n1,2\n", "bad.csv has the columns isl, osl"),
        ("isl,osl,concurrency,ttft,tpot\n1024,512,4,-1,0.01\n", "bad.csv, row 2: ttft is -1"),
        ("", "bad.csv has the columns none"),
    ],
)
def test_a_bad_file_leaves_nothing_behind(weir: Weir, tmp_path: Path, text: str, said: str) -> None:
    bad, written = tmp_path / "bad.csv", tmp_path / "engine.yaml"
    bad.write_text(text)
    result = weir("calibrate", bad, *H100, "-o", written)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not written.exists()


def test_a_file_that_is_not_there_is_named(weir: Weir, tmp_path: Path) -> None:
    result = weir("calibrate", tmp_path / "gone.csv", *H100)
    assert result.exit_code == 2
    assert "gone.csv: no such file or directory" in result.stderr
