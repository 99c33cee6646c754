"""A signal in the middle of a plan: the cheapest fleet so far, marked partial; nothing where there is none."""

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policies.fleet import Replica
from sims.arrivals import Arrivals
from sims.engine import simulate as engine
from sims.engine.run import Run
from tests.cli.simulated_files import trace_file
from tests.cli.weir_command import Weir
from tests.sims.plan.plans import capacity
from weir.fleetfile import read_fleet

SPEEDS = {"h100-sxm": 22.0, "a100-80": 11.0, "l40s": 7.0}
ASKED = ("--model", "llama-3.1-8b", "--gpus", "h100-sxm,a100-80,l40s", "--sizes", "1", "--seeds", "3",
         "--slo", "ttft_p90=1.0,tpot_p90=0.05", "--rate", "90")  # fmt: skip


class Signalled:
    """The arithmetic simulator, sent a signal when it is asked for the run of that number."""

    def __init__(self, number: int, at: int) -> None:
        self.number, self.at, self.runs = number, at, 0
        self.serve = capacity(SPEEDS)

    def __call__(self, arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Any) -> Run:
        self.runs += 1
        if self.runs == self.at:
            os.kill(os.getpid(), self.number)
        return self.serve(arrivals, fleet, policy, conditions)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return trace_file(folder, count=200)


def stopped(monkeypatch: pytest.MonkeyPatch, weir: Weir, trace: Path, at: int, number: int = signal.SIGINT) -> Any:
    """`weir plan` that gets a signal, and what it leaves in a folder."""
    monkeypatch.setattr(engine, "simulate", Signalled(number, at))
    out = trace.parents[1]
    return weir("plan", trace, *ASKED, "-o", out / "f.yaml", "--helm", out / "v.yaml", "--json", out / "p.json",
                "--html", out / "p.html")  # fmt: skip


def test_ctrl_c_leaves_the_cheapest_fleet_so_far_marked_partial_in_every_file(
    monkeypatch: pytest.MonkeyPatch, weir: Weir, trace: Path, tmp_path: Path
) -> None:
    result = stopped(monkeypatch, weir, trace, at=25)
    assert result.exit_code == 130, result.output
    assert "what is written is marked partial" in result.stderr
    said = json.loads((tmp_path / "p.json").read_text())
    assert said["partial"] is True
    assert "hours of the day" not in said["missing"], "this trace is too short to have any"
    assert "two pools, prefill apart" in said["missing"]
    for name in ("f.yaml", "v.yaml"):
        assert (tmp_path / name).read_text().startswith("# PARTIAL: ")
    assert "PARTIAL: stopped before it was done" in (tmp_path / "p.html").read_text()
    assert "PARTIAL: stopped before it was done" in result.output


def test_a_partial_fleet_was_simulated_and_reads_back(
    monkeypatch: pytest.MonkeyPatch, weir: Weir, trace: Path, tmp_path: Path
) -> None:
    stopped(monkeypatch, weir, trace, at=25)
    said = json.loads((tmp_path / "p.json").read_text())
    pools = read_fleet(tmp_path / "f.yaml").pools
    assert [pool.replicas for pool in pools] == [pool["replicas"] for pool in said["pools"]]
    assert all(margin <= 1.0 for margin in said["margins"])
    assert said["seeds_simulated"] >= said["fleets_simulated"] > 0


def test_a_plan_stopped_later_is_never_dearer(
    monkeypatch: pytest.MonkeyPatch, weir: Weir, trace: Path, tmp_path: Path
) -> None:
    costs = []
    for at in (8, 20, 60, 100_000):
        stopped(monkeypatch, weir, trace, at=at)
        costs.append(json.loads((tmp_path / "p.json").read_text())["usd_per_month"])
    assert costs == sorted(costs, reverse=True)
    assert not json.loads((tmp_path / "p.json").read_text())["partial"]


def test_ctrl_c_before_any_fleet_met_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, weir: Weir, trace: Path, tmp_path: Path
) -> None:
    result = stopped(monkeypatch, weir, trace, at=1)
    assert result.exit_code == 130
    assert "no fleet met the deadlines yet, nothing is written" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_a_plan_with_their_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, weir: Weir, trace: Path, tmp_path: Path, number: int
) -> None:
    assert stopped(monkeypatch, weir, trace, at=25, number=number).exit_code == 128 + number
    assert json.loads((tmp_path / "p.json").read_text())["partial"] is True


def test_after_a_plan_signals_do_what_they_did_before(monkeypatch: pytest.MonkeyPatch, weir: Weir, trace: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    stopped(monkeypatch, weir, trace, at=25, number=signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
