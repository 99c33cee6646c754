import json
import subprocess
from pathlib import Path

import pytest

from bench import show
from bench.results import Record, list_all, read, record

RUN = Record(
    name="decide", figures={"p50_us": 3.5, "best": True}, target={"p50_us": {"most": 15.0}}, met=True, seconds=1.0
)


def test_an_unknown_claim_is_one_sentence_that_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert show.main(["nothing"]) == 2
    known = ", ".join(show.CLAIMS)
    assert capsys.readouterr().err == f"there is no claim 'nothing'; known: {known}\n"


def test_a_missing_data_folder_is_one_sentence_that_names_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert show.main(["policies", "--data", str(tmp_path / "gone")]) == 2
    assert f"the data folder {tmp_path / 'gone'} does not exist" in capsys.readouterr().err


def test_the_last_line_is_the_object_whatever_was_said_before() -> None:
    assert show.last_object('a word\n{"met": true}\n') == {"met": True}
    assert show.last_object("") is None
    assert show.last_object("[1]") is None
    assert show.last_object("no json") is None


def test_a_measurement_is_recorded_and_passed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = json.dumps({"name": "x", "figures": {"a": 1}, "target": {"a": 1}, "met": True, "seconds": 0.1, "more": 1})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=said))
    kept: list[Record] = []
    monkeypatch.setattr(show, "record", lambda found, says: kept.append(found))
    assert show.main(["decide"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"name", "figures", "target", "met", "seconds"}
    assert (kept[0].name, kept[0].met) == ("decide", True)


def test_a_measurement_that_fails_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 3, stdout=""))
    monkeypatch.setattr(show, "record", lambda *_: pytest.fail("recorded"))
    assert show.main(["decide"]) == 3


def test_a_second_run_takes_the_place_of_the_first(tmp_path: Path) -> None:
    record(RUN, {"decide": "a decision"}, tmp_path)
    record(RUN, {"decide": "a decision"}, tmp_path)
    assert list(read(tmp_path)) == ["decide"]
    page = (tmp_path / "results.md").read_text()
    assert "| p50_us | 3.5 | ≤ 15 |" in page
    assert "| best | yes |  |" in page


def test_claims_are_listed_with_their_last_figures(tmp_path: Path) -> None:
    record(RUN, {"decide": "a decision"}, tmp_path)
    listed = list_all({"decide": "a decision", "kill": "streams"}, tmp_path)
    assert "decide: a decision; met" in listed
    assert "kill: streams; not measured yet" in listed
