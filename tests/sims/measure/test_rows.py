"""Tables for the terminal: figures with intervals, the best marked."""

from io import StringIO
from math import inf, nan

import pytest
from rich.console import Console
from rich.table import Table

from sims.engine.run import REFUSED
from sims.measure.metrics import Slo
from sims.measure.outcome import outcome
from sims.measure.rows import ROWS, best, number, span, sweep_table, table
from sims.measure.seeds import Measured
from sims.sweep.paths import Axis
from sims.sweep.reports import sweep_report
from sims.sweep.study import cross
from tests.sims.measure.runs import ended_badly, run
from tests.sims.sweep.studies import done, inputs, setting


def measured(late_s: float = 0.0, seeds: int = 1) -> Measured:
    runs = [run(first=run().first + late_s + 0.01 * seed, end=run().end + late_s) for seed in range(seeds)]
    return Measured.of([outcome(each, Slo(1.0, 0.2), wall_s=1.0, warmup=0.0) for each in runs])


def shown(of: Table) -> str:
    out = StringIO()
    Console(file=out, width=240).print(of)
    return out.getvalue()


@pytest.mark.parametrize(("value", "words"), [(1234.56, "1,234.6"), (inf, "∞"), (nan, "–"), (0.0, "0.0")])
def test_numbers_are_shown_as_people_read_them(value: float, words: str) -> None:
    assert number(value, 1) == words


def test_a_figure_is_shown_with_half_its_interval() -> None:
    row = next(row for row in ROWS if row.path == "ttft_s.p50")
    assert row.shown(measured()) == "500"
    assert row.shown(measured(seeds=3)) == "510 ±25"
    assert span(measured(), "ttft_s.p50") is None


def test_the_best_is_marked_and_who_is_as_good() -> None:
    fast, slow = measured(), measured(0.2)
    assert best("ttft_s.p90", [fast, slow, fast]) == [True, False, True]
    assert best("goodput_share", [fast, measured(0.6)]) == [True, False]


def test_where_all_are_as_good_nobody_is_marked() -> None:
    assert best("ttft_s.p90", [measured(), measured()]) == [False, False]
    assert best("requests", [measured(), measured()]) == [False, False]


def test_the_endless_is_never_best() -> None:
    dead = Measured.of([outcome(ended_badly(run(), REFUSED, *range(10)), Slo(1.0, 0.2), warmup=0.0)])
    assert best("ttft_s.p90", [dead, measured()]) == [False, True]
    assert best("ttft_s.p90", [dead, dead]) == [False, False]


def test_the_table_has_a_column_a_policy_and_says_what_it_measures() -> None:
    said = shown(table({"quick": measured(), "slow": measured(0.2)}, "title"))
    assert "TTFT p90, ms" in said
    assert "500 *" in said
    assert "700" in said
    assert "refused" not in said  # nobody was


def test_many_policies_have_a_row_each_the_best_first() -> None:
    many = {f"policy {i}": measured(0.1 * i) for i in range(8)}
    said = shown(table(dict(reversed(many.items())), "title"))
    assert said.index("policy 0") < said.index("policy 5") < said.index("policy 7")
    assert "500 *" in said


def test_a_sweeps_table_has_a_row_a_point_and_marks_the_front() -> None:
    axes = [Axis(path="rate", values=("x1", "x2"))]
    report = sweep_report(setting(inputs()), done(inputs(), cross(axes)), axes)
    said = shown(sweep_table(report))
    assert said.count("│ x") == 2
    assert "*" in said
