"""`make eval`: every claim of the page is measured, one that fails stops no other, other rows are told only."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import show
from bench.evaluation import __main__ as evaluation
from bench.evaluation import page
from bench.results import Record
from bench.select.told import PICTURES

MADE: dict[str, Any] = {
    "figures": {"apgr": 0.66, "apgr_95": [0.63, 0.69]}, "target": {"apgr": {"least": 0.75}}, "met": False,
    "seconds": 3.0, "at": "2026-01-01 00:00 UTC", "machine": "a machine", "commit": "abc",
}  # fmt: skip


def test_every_slug_of_the_page_is_a_claim_that_reads_data() -> None:
    assert all(show.CLAIMS[name].reads_data for name in page.SLUGS)
    assert set(page.PICTURES) <= set(page.SLUGS)


def test_the_page_tells_figure_interval_target_command_and_curve() -> None:
    told = page.page({"route-two": MADE})
    assert "Not met on 2026-01-01 00:00 UTC, a machine, commit abc: `make show NAME=route-two`, 3 s." in told
    assert "| apgr | 0.66 | [0.63, 0.69] | ≥ 0.75 |" in told
    assert "Not measured yet: `make show NAME=joint`." in told
    for file in re.findall(r"\(pictures/(.+)\)", told):
        assert (PICTURES / file).is_file()


@pytest.mark.parametrize(
    ("figures", "shown"),
    [
        ({"a_interval": [1, 2]}, "[1, 2]"), ({"a_95": [0.5, 0.25]}, "[0.5, 0.25]"), ({"a_ci95": [1, 2]}, "[1, 2]"),
        ({"a": 1, "a_95": None}, ""), ({}, ""),
    ],
)  # fmt: skip
def test_a_figures_interval_is_found_by_its_name(figures: dict[str, Any], shown: str) -> None:
    assert page.interval_of("a", figures) == shown


def test_the_saving_of_the_joint_claim_has_its_interval() -> None:
    assert page.interval_of("cheaper_share", {"cheaper_ci95": [0.1028, 0.1355]}) == "[0.1028, 0.1355]"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was measured, drawn and written; the claim `domain` cannot be measured."""
    found: list[str] = []

    def measure(name: str, data: Path) -> int:
        found.append(name)
        return int(name == "domain")

    monkeypatch.setattr(show, "DATA", tmp_path)
    monkeypatch.setattr(show, "measure", measure)
    monkeypatch.setattr(evaluation, "draw", lambda data: found.append("picture"))
    monkeypatch.setattr(evaluation, "write", lambda: found.append("page"))
    return found


def test_one_claim_that_cannot_be_measured_stops_no_other(done: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluation.main(["--data", str(show.DATA)]) == 1
    assert done == [*page.SLUGS, "picture", "page"]
    assert capsys.readouterr().err == "domain could not be measured\n"


def test_some_claims_of_another_folder_write_nothing(done: list[str], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert evaluation.main(["--data", str(tmp_path / "other"), "online", "ope"]) == 0
    assert done == ["online", "ope"]


def test_nonsense_is_one_sentence(done: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluation.main(["decide"]) == 2
    assert "'decide' is none of route-two" in capsys.readouterr().err
    assert evaluation.main(["--data", str(tmp_path / "gone")]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert done == []


def test_figures_of_another_folder_are_told_and_not_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = json.dumps({"name": "x", "figures": {"a": 1}, "target": {"a": 1}, "met": True, "seconds": 0.1})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=said))
    kept: list[Record] = []
    monkeypatch.setattr(show, "record", lambda found, says: kept.append(found))
    monkeypatch.setattr(show, "DATA", tmp_path / "open")
    for name, recorded in (("guard", 0), ("decide", 1)):
        assert show.measure(name, tmp_path.resolve()) == 0
        assert len(kept) == recorded
    told = capsys.readouterr()
    assert "docs/results.md keeps its figures of the open ones" in told.err
    assert len(told.out.splitlines()) == 2
