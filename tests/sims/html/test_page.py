"""Whole pages: nothing from elsewhere, every table to take away, everything that a planner looks for."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from policies.fleet import Replica
from policies.policy import Routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import Run, Samples
from sims.html.page import page
from sims.html.tables import Sheet, as_csv, as_html
from sims.measure.report import Report
from sims.sweep.paths import Axis, Point
from sims.sweep.reports import compare_report, replay_report, sweep_report
from sims.sweep.study import Here, Study, carry_out, cross
from tests.sims.html.pages import Read, read
from tests.sims.measure.runs import samples
from tests.sims.sweep.oracle import simulate
from tests.sims.sweep.studies import fleet, inputs, setting
from weir.fleetfile import Slo

KINDS = ("replay", "compare", "sweep")
AXES = [Axis(path="rate", values=("x1", "x30", "x1000")), Axis(path="policy", values=("least_loaded", "random"))]
POLICIES: list[Point] = [(("policy", name),) for name in ("least_loaded", "random", "shortest_ttft")]


def sampled(arrivals: Arrivals, fleet: Sequence[Replica], policy: Routing, conditions: Conditions) -> Run:
    """The reference, with a timeline."""
    found: Samples | None = samples(30) if conditions.sample_s else None
    return replace(simulate(arrivals, fleet, policy, conditions), samples=found)


@cache
def report(kind: str, seeds: int = 2) -> Report:
    strict = fleet().model_copy(update={"slo": Slo(ttft_s=0.1, tpot_s=0.05)})
    mine = inputs(again=seeds > 1, fleet=strict if kind == "sweep" else fleet())
    points: dict[str, list[Point]] = {"replay": [()], "compare": POLICIES, "sweep": cross(AXES)}
    study = carry_out(Study(points=points[kind], seeds=seeds), mine, Here(mine, sampled))
    if kind == "replay":
        return replay_report(setting(mine), study)
    return compare_report(setting(mine), study) if kind == "compare" else sweep_report(setting(mine), study, AXES)


@cache
def shown(kind: str, seeds: int = 2) -> str:
    return page(report(kind, seeds))


def told(kind: str) -> Read:
    return read(shown(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_one_file_that_fetches_nothing(kind: str) -> None:
    text = shown(kind)
    assert "<script" not in text
    assert not re.search(r"\b(src|@import|url\()", text)
    assert {link["href"].partition(",")[0] for link in told(kind).all("a")} == {"data:text/csv;base64"}
    elsewhere = set(re.findall(r"https?://[^\"' ]+", text))
    assert elsewhere <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_for_light_and_dark(kind: str) -> None:
    assert "prefers-color-scheme: dark" in shown(kind)
    assert "#" not in "".join(told["style"] for _, told in told(kind).elements if "style" in told)


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_has_its_figures_as_csv(kind: str) -> None:
    found = told(kind)
    assert len(found.all("figure")) == len(found.all("svg")) > 3
    assert len(found.sheets()) >= len(found.all("figure")) / 2
    for text in found.sheets().values():
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}
        assert "inf" not in text
        assert "nan" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_queue_batch_and_memory_are_shown_over_time_pool_by_pool(kind: str) -> None:
    found = told(kind)
    assert {"Queue", "Batch", "KV memory", "Replicas", "fast", "slow"} <= set(found.words)
    assert found.sheets()["queue-over-time.csv"].startswith("at_s,fast,slow\n0.0,0.0,0.0\n1.0,2.0,4.0\n")


def test_a_replay_shows_how_long_requests_take_and_what_they_cost() -> None:
    found = told("replay")
    assert {"Time to first token", "Time per output token", "Cached prompt tokens"} <= set(found.words)
    assert "Where requests went" in found.words
    assert "least_loaded on trace at " in " ".join(found.words)
    assert "deadline 500 ms" in found.words
    assert found.sheets()["quantiles-ttft_s.csv"].startswith("share,least_loaded\n0.0,")


def test_a_comparison_shows_every_policy_beside_the_others() -> None:
    found = told("compare")
    assert {"Goodput", "Latency against cost", "Beside least_loaded, seed by seed"} <= set(found.words)
    assert found.sheets()["figures.csv"].splitlines()[0] == ",least_loaded,random,shortest_ttft"
    assert found.sheets()["intervals.csv"].count("\n") > 60
    assert len(found.all("details")) >= 2  # the other policies' timelines


def test_a_sweep_over_rates_marks_the_knees() -> None:
    found = told("sweep")
    assert "Goodput against rate" in found.words
    assert [word for word in found.words if word.startswith("knee ")]
    assert found.all("circle", "ring")
    points = list(csv.DictReader(io.StringIO(found.sheets()["points.csv"])))
    assert len(points) == 6
    assert {point["policy"] for point in points} == {"least_loaded", "random"}
    assert "True" in {point["on_front"] for point in points}


def test_a_sweep_of_words_has_bars_instead_of_lines() -> None:
    mine, axes = inputs(), [Axis(path="pools.slow.gpu", values=("l40s", "a10g"))]
    study = carry_out(Study(points=cross(axes), seeds=1), mine, Here(mine, simulate))
    found = read(page(sweep_report(setting(mine), study, axes)))
    assert "Goodput" in found.words
    assert {"gpu l40s", "gpu a10g"} <= set(found.words)
    assert "Queue" not in found.words  # nothing was sampled


def test_a_sweep_over_numbers_is_drawn_along_them() -> None:
    mine, axes = inputs(), [Axis(path="pools.slow.replicas", values=(1, 2, 4))]
    study = carry_out(Study(points=cross(axes), seeds=1), mine, Here(mine, simulate))
    found = read(page(sweep_report(setting(mine), study, axes)))
    assert "pools.slow.replicas" in found.words
    assert not found.all("circle", "ring")


def test_many_policies_share_few_colours() -> None:
    mine = report("compare")
    many = {f"policy {i}": next(iter(mine.policies.values())) for i in range(20)}  # type: ignore[union-attr]
    found = read(page(replace(mine, policies=many)))  # type: ignore[arg-type]
    assert found.all("g", "rest")
    assert "policy 19" in found.words
    assert found.sheets()["figures.csv"].splitlines()[0].count(",") == 20


def test_a_partial_report_says_so() -> None:
    assert "Partial: it was interrupted" in page(replace(report("compare"), partial=True))
    assert "Partial" not in shown("compare")


def test_an_unstable_run_says_so() -> None:
    assert "the queue grew without end" in page(replace(report("replay"), unstable=True))  # type: ignore[arg-type]


def test_how_it_was_made_is_told() -> None:
    said = " ".join(told("compare").words)
    assert "2: which sessions came and how often" in said
    assert "the first 0% of the arrivals' span do not count" in said
    assert "staleness_s 0.05" in said


def test_names_are_never_markup() -> None:
    sly = replace(report("replay", 1), policy="<script>alert(1)</script>")  # type: ignore[arg-type]
    assert "<script" not in page(sly)


def test_a_table_without_words_shows_its_values_and_leaves_the_endless_empty() -> None:
    sheet = Sheet(name="t", title="T", columns=["a", "b"], rows=[["x", float("inf")], ["y, z", 0.1 + 0.2]])
    assert as_csv(sheet) == 'a,b\nx,\n"y, z",0.3\n'
    assert "0.3" in read(as_html(sheet)).words


def test_no_page_is_made_of_what_is_no_report() -> None:
    with pytest.raises(TypeError, match="no page for int"):
        page(3)  # type: ignore[arg-type]
