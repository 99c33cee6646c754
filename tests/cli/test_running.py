"""Simulations while they run: files whole or not at all, ends on signals."""

import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.door import WrongUse
from cli.running import check_places, conduct, publish, stoppable, tell_notes, write
from cli.sent import Sent
from cli.simulated import Given, conditions, setting, study_of
from policies.registry import BadSetting
from sims.measure.outcome import Outcome
from sims.sweep.inputs import Unit
from sims.sweep.reports import replay_report
from sims.sweep.study import Here, Study
from tests.cli.simulated_files import FLEET, trace_file
from tests.sims.sweep.oracle import simulate
from tests.sims.sweep.studies import done, inputs
from tests.sims.sweep.studies import setting as told


def given(**changes: Any) -> Given:
    """One core's work on the tiny fleet."""
    return Given(**{"fleet": FLEET, "cores": 1, **changes})


class Ends(Here):
    """Does nothing but what it is told to."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(inputs(), simulate)
        self.error = error

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Outcome]]:
        raise self.error


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write(tmp_path / "r.json", "{}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert (tmp_path / "r.json").read_text() == "{}\n"


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    before = tmp_path / "r.json"
    before.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write(before, "half \ud800")
    assert before.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_what_is_asked_for_nowhere_is_written_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("", "text")
    write(None, "text")
    assert capsys.readouterr().out == ""
    write("-", "text\n")
    assert capsys.readouterr().out == "text\n"


def test_a_folder_that_is_not_there_is_told_before_the_work(tmp_path: Path) -> None:
    check_places("", "-", None, tmp_path / "r.html")
    with pytest.raises(WrongUse, match="there is no such folder"):
        check_places(str(tmp_path / "nowhere" / "r.json"))


def test_a_study_that_ends_well_is_status_nought() -> None:
    mine, study = inputs(), Study(points=[()], seeds=1)
    assert conduct(study, mine, executor=Here(mine, simulate)) == 0
    assert len(study.found) == 1


def test_an_interrupt_is_status_130_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    study = Study(points=[()], seeds=2)
    assert conduct(study, inputs(), executor=Ends(KeyboardInterrupt())) == 130
    assert "stopped: 0 of 2 runs are done, nothing is written" in capsys.readouterr().err


def test_what_the_simulator_refuses_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="no replica serves it"):
        conduct(Study(points=[()], seeds=1), inputs(), executor=Ends(ValueError("no replica serves it")))


def test_a_request_to_stop_is_an_interrupt_and_its_number_is_kept() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable() as came, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert came == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_report_is_published_as_json_and_as_a_page(tmp_path: Path) -> None:
    mine = inputs()
    report = replay_report(told(mine), done(mine, [()]))
    publish(report, str(tmp_path / "r.json"), tmp_path / "r.html")
    assert json.loads((tmp_path / "r.json").read_text())["requests"] == 60
    assert "</html>" in (tmp_path / "r.html").read_text()


def test_notes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    class Noted:
        notes = ("one thing", "another")

    tell_notes(Noted(), Console(width=80))  # type: ignore[arg-type]
    assert capsys.readouterr().out.split("\n")[:2] == ["note       one thing", "note       another"]


def test_conditions_end_hopeless_runs_unless_told_otherwise() -> None:
    assert conditions(()).unstable_growth > 0.0
    assert conditions(("unstable_growth=0", "staleness_s=0.5")).unstable_growth == 0
    assert conditions(("staleness_s=0.5",)).staleness_s == 0.5


@pytest.mark.parametrize("text", ["staleness_s", "staleness_s=", "=1"])
def test_a_condition_is_a_key_and_a_value(text: str) -> None:
    with pytest.raises((WrongUse, BadSetting)):
        conditions((text,))


def test_a_setting_tells_the_trace_and_its_rate(tmp_path: Path) -> None:
    found = setting(Sent(trace=str(trace_file(tmp_path, count=21))), given(), "random", {})
    assert (found.trace.name, found.trace.requests) == ("trace.csv", 21)
    assert found.trace.rate_rps == pytest.approx(2.1)
    assert found.inputs.shares == {"llama-3.1-8b": 1.0}
    assert found.notes == ()
    assert not found.inputs.traffic.again  # type: ignore[attr-defined]


def test_several_seeds_draw_a_trace_again(tmp_path: Path) -> None:
    found = setting(Sent(trace=str(trace_file(tmp_path))), given(seeds=8), "random", {})
    assert found.inputs.traffic.again  # type: ignore[attr-defined]


def test_a_workload_is_as_long_as_was_asked() -> None:
    found = setting(Sent(trace="workload:azure_conversation", requests=7), given(), "random", {})
    assert found.trace.requests == 7
    with pytest.raises(WrongUse, match="not one request comes before --to"):
        setting(Sent(trace="workload:azure_conversation", end_s=1e-9), given(), "random", {})


def test_a_point_that_cannot_be_is_told_before_anything_runs(tmp_path: Path) -> None:
    sent = Sent(trace=str(trace_file(tmp_path)))
    with pytest.raises(BadSetting, match="conditions has no setting 'nothing'"):
        study_of(given(), setting(sent, given(), "random", {}), [(), (("conditions.nothing", 1),)])
