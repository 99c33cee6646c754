"""Reports of small studies: their keys, their schema, their knees, what is partial."""

import json
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest

from sims.measure.report import Point
from sims.measure.schema import plain, schema, text
from sims.sweep.paths import Axis
from sims.sweep.paths import Point as Place
from sims.sweep.reports import (
    NothingDone,
    compare_report,
    knee,
    knees,
    remarks,
    replay_report,
    sweep_report,
)
from sims.sweep.study import Study, cross
from tests.sims.measure.schemas import faults
from tests.sims.sweep.studies import done, inputs, setting, trace

CHECKED_IN = Path(__file__).parents[3] / "docs" / "report-schema.json"
STABLE = [
    "requests", "completed", "shed", "unstable", "ttft_s", "tpot_s", "e2e_s", "goodput_rps", "output_tokens_per_s",
    "cached_token_share", "gpu_hours", "cost_usd", "energy_joules", "tokens_per_joule", "wall_s", "requests_per_wall_s",
]  # fmt: skip
POLICIES: list[Place] = [(("policy", name),) for name in ("least_loaded", "random", "shortest_ttft")]
AXES = [Axis(path="rate", values=("x1", "x8")), Axis(path="policy", values=("least_loaded", "random"))]


def as_json(report: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(plain(report), allow_nan=False))
    return found


def replayed(seeds: int = 1) -> dict[str, Any]:
    mine = inputs(again=seeds > 1)
    return as_json(replay_report(setting(mine), done(mine, [()], seeds)))


def test_the_checked_in_schema_is_the_reports() -> None:
    assert CHECKED_IN.read_text() == text(), "python -m sims.measure.schema > docs/report-schema.json"


def test_every_kind_of_report_fits_the_schema() -> None:
    mine = inputs(again=True)
    reports = [
        replay_report(setting(mine), done(mine, [()], 2)),
        compare_report(setting(mine), done(mine, POLICIES, 2)),
        sweep_report(setting(mine), done(mine, cross(AXES), 2), AXES),
        replay_report(setting(inputs()), done(inputs(), [()])),
    ]
    for report in reports:
        assert faults(as_json(report), schema(), schema()) == []


def test_what_does_not_fit_the_schema_is_found() -> None:
    found = replayed()
    for broken in (found | {"shed": "none"}, {k: v for k, v in found.items() if k != "ttft_s"}, found | {"extra": 1}):
        assert faults(broken, schema(), schema())


def test_every_documented_figure_says_what_it_is() -> None:
    figures = schema()["$defs"]["Measured"]["properties"]
    assert all("description" in each for key, each in figures.items() if key in STABLE)


def test_the_stable_keys_stand_at_the_top_of_a_replay() -> None:
    found = replayed()
    assert next(iter(found)) == "requests"
    assert set(STABLE) <= set(found)
    assert set(found["ttft_s"]) == {"mean", "p50", "p90", "p99"}
    assert found["requests"] == found["completed"] == 60
    assert found["ci95"] is None
    assert found["kind"] == "replay"
    assert found["policy"] == "least_loaded"


def test_with_several_seeds_every_stable_key_has_its_interval() -> None:
    found = replayed(8)
    assert found["seeds"] == 8
    assert set(STABLE) - {"unstable"} <= set(found["ci95"])
    low, high = found["ci95"]["ttft_s"]["p90"]
    assert low < found["ttft_s"]["p90"] < high
    assert "sessions drawn anew" in found["seeds_vary"]


def test_a_comparison_pairs_everybody_with_the_first() -> None:
    mine = inputs(again=True)
    report = compare_report(setting(mine), done(mine, POLICIES, 3))
    assert list(report.policies) == ["least_loaded", "random", "shortest_ttft"]
    assert report.against == "least_loaded"
    assert set(report.paired) == {"random", "shortest_ttft"}
    assert report.paired["random"]["ttft_s.p90"].seeds == 3
    assert report.sentences


def test_an_interrupted_comparison_is_partial_and_pairs_the_seeds_that_both_have() -> None:
    mine = inputs(again=True)
    study = done(mine, POLICIES, 2)
    study.interrupted = True
    for unit in study.units[4:]:
        del study.found[unit]
    report = compare_report(setting(mine), study)
    assert (report.partial, report.runs_done, report.runs_asked) == (True, 4, 6)
    assert report.policies["least_loaded"].seeds == 2
    assert report.paired["random"]["ttft_s.p90"].seeds == 1
    assert report.sentences[-1] == "This is partial: it was interrupted."


@pytest.mark.parametrize("report", [replay_report, compare_report])
def test_of_nothing_done_there_is_no_report(report: Any) -> None:
    with pytest.raises(NothingDone):
        report(setting(inputs()), Study(points=[(("policy", "random"),)], seeds=1))


def test_a_sweep_leaves_out_points_that_were_not_done() -> None:
    mine = inputs()
    study = done(mine, cross(AXES))
    del study.found[study.units[0]]
    report = sweep_report(setting(mine), study, AXES)
    assert [point.point for point in report.points] == [dict(point) for point in cross(AXES)[1:]]


def test_a_sweep_tells_what_each_point_offers_and_costs() -> None:
    mine = inputs()
    report = sweep_report(setting(mine), done(mine, cross(AXES)), AXES)
    assert report.points[2].rate_rps == pytest.approx(8.0 * mine.own_rps)
    assert report.points[0].replicas == 3
    assert report.points[0].usd_per_hour == pytest.approx(report.fleet.usd_per_hour)
    assert report.over == {"rate": ("x1", "x8"), "policy": ("least_loaded", "random")}
    assert report.pareto
    assert [knee.point for knee in report.knees] == [{"policy": "least_loaded"}, {"policy": "random"}]


def test_a_sweep_without_rates_has_no_knee() -> None:
    axes = [Axis(path="pools.slow.replicas", values=(1, 2))]
    report = sweep_report(setting(inputs()), done(inputs(), cross(axes)), axes)
    assert report.knees == ()
    assert [point.replicas for point in report.points] == [2, 3]


def points(*shares: float) -> list[Point]:
    """Points at 10, 20, 30 ... requests a second of which so many were served in time."""
    mine = inputs(trace(count=10))
    axes = [Axis(path="rate", values=("10",))]
    one = sweep_report(setting(mine), done(mine, cross(axes)), axes).points[0]
    return [
        replace(one, rate_rps=10.0 * i, goodput_share=share, point={"rate": 10.0 * i})
        for i, share in enumerate(shares, 1)
    ]


def test_the_knee_lies_where_the_line_crosses_nine_tenths() -> None:
    found = knee({}, points(1.0, 1.0, 0.8))
    assert found.rate_rps == pytest.approx(25.0)
    assert found.goodput_rps == pytest.approx(22.5)
    assert found.reached


def test_a_knee_that_no_rate_reached_says_so() -> None:
    found = knee({}, points(1.0, 0.95))
    assert (found.rate_rps, found.reached) == (20.0, False)
    assert found.goodput_rps == pytest.approx(19.0)


def test_a_knee_below_the_first_rate_is_guessed_from_it() -> None:
    assert knee({}, points(0.45, 0.1)).rate_rps == pytest.approx(5.0)


def test_an_unknown_share_is_no_goodput() -> None:
    assert knee({}, points(1.0, nan)).reached


def test_points_that_differ_in_more_than_rate_have_each_their_knee() -> None:
    fast, slow = points(1.0, 1.0), points(1.0, 0.5)
    both = [replace(p, point=p.point | {"gpus": 2}) for p in fast] + [
        replace(p, point=p.point | {"gpus": 1}) for p in slow
    ]
    assert [(found.point, found.reached) for found in knees(both)] == [({"gpus": 2}, False), ({"gpus": 1}, True)]


def test_requests_that_fit_nowhere_are_remarked_on() -> None:
    one = points(1.0)[0]
    assert remarks([one]) == ()
    (said,) = remarks([replace(one, refused=1, requests=50)])
    assert said.startswith("2.00% of requests are longer")
    assert "beyond 98.0% are endless" in said
