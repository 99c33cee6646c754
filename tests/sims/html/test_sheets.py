"""The tables of a page, and how things are named and coloured."""

from dataclasses import replace
from functools import cache
from math import inf, nan

import pytest

from sims.html import costs, sheets
from sims.html.distributions import distribution
from sims.html.lines import COLOURS
from sims.html.named import Named, best, coloured, of_sweep, place
from sims.html.over_time import over_time, per_replica
from sims.html.rising import along, rising
from sims.measure.metrics import Slo
from sims.measure.outcome import outcome
from sims.measure.report import Deadlines, Sweep
from sims.measure.seeds import Measured
from sims.measure.timeline import timeline
from sims.sweep.paths import Axis, Point
from sims.sweep.reports import compare_report, sweep_report
from sims.sweep.study import cross
from tests.sims.html.pages import read
from tests.sims.measure.runs import run, samples
from tests.sims.sweep.studies import done, inputs, setting

SLO = Deadlines(ttft_s=1.0, tpot_s=0.2)


def measured(late_s: float = 0.0, seeds: int = 1) -> Measured:
    runs = [run(first=run().first + late_s + 0.01 * seed, end=run().end + late_s) for seed in range(seeds)]
    return Measured.of([outcome(each, Slo(1.0, 0.2), warmup=0.0) for each in runs])


def named(count: int, seeds: int = 1) -> list[Named]:
    """So many, each slower than the one before."""
    return [Named(name=f"n{i}", colour=i, measured=measured(0.1 * i, seeds)) for i in range(count)]


@cache
def swept(*axes: Axis) -> Sweep:
    mine = inputs()
    return sweep_report(setting(mine), done(mine, cross(axes)), axes)


RATES = Axis(path="rate", values=("x1", "x50"))
POLICIES = Axis(path="policy", values=("random", "least_loaded"))
REPLICAS = Axis(path="pools.slow.replicas", values=(1, 2))


def test_few_stand_beside_one_another_and_the_best_is_strong() -> None:
    sheet = sheets.figures(named(2))
    assert list(sheet.columns) == ["", "n0", "n1"]
    i = next(i for i, row in enumerate(sheet.shown) if row[0] == "TTFT p90, ms")
    assert list(sheet.shown[i]) == ["TTFT p90, ms", "500", "600"]
    assert (i, 1) in sheet.strong
    assert (i, 2) not in sheet.strong


def test_many_stand_below_one_another_and_the_csv_is_the_same() -> None:
    few, many = sheets.figures(named(2)), sheets.figures(named(9))
    assert [row[0] for row in many.shown] == [f"n{i}" for i in range(9)]
    assert [row[0] for row in many.rows] == [row[0] for row in few.rows]
    assert "TTFT p90, ms" in many.head


def test_intervals_are_there_with_several_seeds_alone() -> None:
    assert sheets.intervals(named(1)) is None
    sheet = sheets.intervals(named(2, seeds=3))
    assert sheet is not None
    row = next(row for row in sheet.rows if row[:2] == ["n0", "ttft_s.p50"])
    assert row[2] == pytest.approx(0.51)
    assert row[3] < 0.51 < row[4]  # type: ignore[operator]


def test_every_pool_under_everything_has_a_row() -> None:
    sheet = sheets.pools(named(2))
    assert [(row[0], row[1]) for row in sheet.rows] == [
        ("left", "n0"),
        ("right", "n0"),
        ("left", "n1"),
        ("right", "n1"),
    ]
    assert sheet.shown[1][2] == "2 × a100-80"


def test_pairs_are_told_in_their_figures_units() -> None:
    mine = inputs(again=True)
    report = compare_report(setting(mine), done(mine, cross([POLICIES]), 3))
    sheet = sheets.paired(report)
    assert sheet is not None
    assert {row[0] for row in sheet.rows} == {"least_loaded"}
    assert len(sheet.shown) == len(sheets.MAIN) < len(sheet.rows)
    row = next(row for row in sheet.shown if row[1] == "TTFT p90, ms")
    assert row[2].startswith(("+", "-"))
    assert row[6] in {f"{wins} of 3 seeds" for wins in range(4)}
    assert row[7] in {"better", "worse", "not told apart"}


def test_one_policy_alone_has_no_pairs() -> None:
    mine = inputs()
    alone: list[Point] = [(("policy", "random"),)]
    assert sheets.paired(compare_report(setting(mine), done(mine, alone))) is None


def test_points_show_what_was_varied_and_the_csv_holds_everything() -> None:
    sheet = sheets.points(swept(RATES, POLICIES))
    assert list(sheet.head[:3]) == ["rate", "policy", "requests/s"]
    assert {"ttft_s.p99", "unstable", "on_front"} <= set(sheet.columns)
    assert all(len(row) == len(sheet.columns) for row in sheet.rows)
    assert all(len(row) == len(sheet.head) for row in sheet.shown)
    assert sheet.strong


def test_a_point_is_named_by_what_was_varied_the_policy_first() -> None:
    report = swept(RATES, POLICIES)
    assert place(report.points[0]) == "random, rate x1"
    assert place(report.points[0], but="rate") == "random"
    assert place(swept(REPLICAS).points[1]) == "replicas 2"
    assert place(swept(RATES).points[0], but="rate") == "the fleet"


def test_colours_go_to_the_worthiest_where_they_are_few() -> None:
    assert coloured([0.1, 0.9]) == [0, 1]
    many = coloured([0.1, nan, 0.9, 0.5, 0.4, 0.3, 0.2])
    assert many[2] == 0
    assert many[1] == 6 >= COLOURS


def test_points_on_the_front_have_colours_first() -> None:
    report = swept(Axis(path="rate", values=tuple(f"x{i}" for i in range(1, 9))), POLICIES)
    colours = [one.colour for one in of_sweep(report)]
    front = [colours[i] for i in report.pareto]
    assert max(front) < len(front)


def test_the_best_serves_most_in_time_and_then_soonest() -> None:
    slow, fast = named(2)[1], named(2)[0]
    assert best([slow, fast]) is fast
    late = Named(name="late", colour=2, measured=measured(0.7))
    assert best([late, slow]) is slow


def test_a_sweep_is_drawn_along_its_rates_first() -> None:
    axis = along(swept(REPLICAS, RATES))
    assert axis is not None
    assert axis.path == "rate"
    assert list(axis.series) == ["replicas 1", "replicas 2"]
    assert [axis.at(point) for point in axis.series["replicas 1"]] == sorted(p.rate_rps for p in swept(RATES).points)


def test_else_along_the_first_path_of_numbers() -> None:
    axis = along(swept(POLICIES, REPLICAS))
    assert axis is not None
    assert axis.path == "pools.slow.replicas"
    assert list(axis.series) == ["random", "least_loaded"]
    assert along(swept(POLICIES)) is None
    assert along(swept(Axis(path="rate", values=("x1",)))) is None


def test_cached_tokens_have_a_picture_where_there_are_any() -> None:
    report = swept(RATES)
    axis = along(report)
    assert axis is not None
    assert [card.title for card in rising(report, axis)][-1] == "Cached prompt tokens"
    none = replace(report, points=tuple(replace(point, cached_token_share=0.0) for point in report.points))
    axis = along(none)
    assert axis is not None
    assert [card.title for card in rising(none, axis)][-1] == "Cost"
    assert costs.cached([Named(name="n", colour=0, measured=none.points[0])]) == []


def test_a_distribution_has_its_deadline_where_there_is_one() -> None:
    first = distribution("ttft_s", named(2), SLO)
    assert "deadline 1 s" in read(first.picture).words
    assert not [word for word in read(distribution("e2e_s", named(2), SLO).picture).words if "deadline" in word]


def test_batches_are_per_ready_replica() -> None:
    found = timeline(run(samples=samples(3)))
    assert found is not None
    assert per_replica(found.pools[1]) == [0.0, 2.0, 4.0]  # one of two is ready
    assert [card.title for card in over_time(found)] == ["Queue", "Batch", "KV memory", "Replicas"]


def test_who_was_never_served_does_not_stretch_the_map_of_costs() -> None:
    dead = replace(measured(), ttft_s=replace(measured().ttft_s, p90=inf), usd_per_million_tokens=1e6)
    card = costs.latency_and_cost([*named(2), Named(name="dead", colour=5, measured=dead)], (0,))
    assert "dead" not in read(card.picture).words
    assert card.data is not None
    assert len(card.data.rows) == 3


def test_where_requests_went_is_told_pool_by_pool() -> None:
    card = costs.by_pool(named(1)[0])
    assert {"left", "right", "40 %", "60 %"} <= set(read(card.picture).words)
