"""Holding figures against print, and the whole claim once."""

import json
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fleet_sim import __main__ as claim
from bench.fleet_sim.physical import DEADLINE_S, SCENES, Scene, compare, model
from bench.fleet_sim.printed import MISSING, Table, beyond, judge, tables
from sims.analytic.paper.conventions import PRINTED


def table(**rows: tuple[str, ...]) -> Table:
    return Table(says="", leans=(), columns=("first", "second"), rows=rows, explained={})


@pytest.mark.parametrize(
    ("printed", "found"), [("9.38", 9.384), ("9.38", 9.385), ("24", 24.49), (".88", 0.8846), ("-7.1", -7.14)]
)
def test_a_figure_agrees_to_the_last_digit_printed(printed: str, found: float) -> None:
    assert beyond(printed, found) == 0.0


@pytest.mark.parametrize(("printed", "found"), [("9.38", 9.386), ("24", 24.51), ("24", 25.0), ("-7.1", 7.1)])
def test_a_figure_beyond_the_rounding_does_not(printed: str, found: float) -> None:
    assert beyond(printed, found) > 0.0


def test_what_is_not_printed_agrees_and_what_is_not_found_does_not() -> None:
    assert beyond("", None) == beyond("", 3.0) == 0.0
    assert beyond("3", None) == MISSING
    assert beyond("inf", inf) == 0.0
    assert beyond("inf", 3.0) == beyond("3", inf) == MISSING


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_a_figure_agrees_with_its_own_rounding(found: float, digits: int) -> None:
    assert beyond(f"{found:.{digits}f}", found) == pytest.approx(0.0, abs=1e-9)


def test_a_row_counts_when_all_its_cells_agree() -> None:
    verdict = judge(table(a=("1", "2"), b=("1", "")), {"a": {"first": 1.0, "second": 3.0}, "b": {"first": 1.2}})
    assert (verdict.matched, verdict.rows) == (1, 2)
    assert verdict.cells == ("a: second 2 printed, 3 found",)
    assert verdict.missed == {"a": pytest.approx(0.25)}


def test_a_row_nobody_computed_is_an_error() -> None:
    with pytest.raises(KeyError):
        judge(table(a=("1", "2")), {})


def test_every_table_is_whole() -> None:
    for name, one in tables().items():
        assert one.rows, name
        assert all(len(cells) == len(one.columns) for cells in one.rows.values()), name
        assert set(one.explained) <= set(one.rows), name
        assert set(one.leans) <= {*claim.DEFECTS, "price"}, name


@pytest.mark.parametrize("name", sorted(tables()))
def test_every_row_is_as_printed_or_explained(name: str) -> None:
    one = tables()[name]
    assert set(judge(one, claim.computed(name, PRINTED)).missed) == set(one.explained)


def test_a_scene_is_told_in_both_modes() -> None:
    azure = next(one for one in SCENES if one.name == "azure 100/s h100 one pool")
    both = compare(azure)
    assert both.paper == (6,)
    assert both.physical is not None
    assert both.physical.gpus == 8 * both.physical.replicas
    assert "8 GPUs" not in both.told
    assert "kept" in both.told
    assert f"{DEADLINE_S:g} s" in both.told


def test_a_scene_that_cannot_be_is_told_why() -> None:
    both = compare(Scene(lengths="lmsys", rate=1.0, kinds=("a10g", "a10g"), context=65_536))
    assert both.physical is None
    assert "does not fit" in both.told


def test_a_cards_replica_costs_all_its_gpus() -> None:
    assert model("h100").price_per_hour == pytest.approx(8 * 4.02)
    assert model("a10g").price_per_hour == pytest.approx(1.01)


def test_the_claim_ends_in_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fleet_sim"])
    assert claim.main() == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["name"] == "fleet-sim"
    assert said["met"] is (said["figures"]["rows_unexplained"] == 0)
    assert said["figures"]["rows_matched"] + said["figures"]["rows_explained"] == said["figures"]["rows"]
    assert set(said["target"]) <= set(said["figures"])


def test_a_row_that_cannot_be_had_counts_apart_from_one_that_nobody_explained() -> None:
    printed = {"one": replace(table(a=("1", ""), b=("1", "")), explained={"a": "misprinted"})}
    verdicts = {"one": judge(printed["one"], {"a": {"first": 3.0}, "b": {"first": 2.0}})}
    told = claim.summary(printed, verdicts)
    assert (told["rows"], told["rows_matched"], told["rows_explained"], told["rows_unexplained"]) == (2, 0, 1, 1)
    assert (told["worst_deviation"], told["worst_deviation_explained"]) == (0.5, 1.5)
    assert (told["row one a"], told["row one b"]) == ("misprinted", "not explained")
