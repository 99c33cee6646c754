"""One run SLO class by SLO class."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sims.engine.conditions import SloClass
from sims.engine.run import SHED, Run
from sims.measure.classes import by_class, promised
from sims.measure.metrics import Slo
from sims.measure.outcome import outcome
from sims.measure.seeds import Measured
from sims.measure.window import measured
from tests.sims.measure.runs import ended_badly, run

FLEETS = Slo(1.0, 0.2)
GOLD = SloClass(name="gold", ttft_s=0.4, tpot_s=0.2, priority=1)
FREE = SloClass(name="free", ttft_s=9.0, tpot_s=0.2, priority=-1)


def classed(**changes: Any) -> Run:
    """Ten arrivals: gold, free, of no class, gold and so on; each has its first token after 0.5 s."""
    numbers = np.array([0, 1, -1, 0, 1, -1, 0, 1, -1, 0], np.int32)
    return run(10, slo=numbers, slos=("gold", "free"), **changes)


def test_each_class_is_promised_its_own_deadlines_and_the_rest_the_fleets() -> None:
    ttft_s, tpot_s = promised(classed(), (GOLD, FREE), FLEETS)
    assert ttft_s.tolist() == [0.4, 9.0, 1.0] * 3 + [0.4]
    assert set(tpot_s.tolist()) == {0.2}


def test_each_class_has_its_own_figures_in_the_fleets_order_and_no_class_is_last() -> None:
    one = classed()
    gold, free, none = by_class(one, measured(one, 0.0), (GOLD, FREE), FLEETS)
    assert [each.name for each in (gold, free, none)] == ["gold", "free", ""]
    assert [each.requests for each in (gold, free, none)] == [4, 3, 3]
    assert (gold.goodput_share, free.goodput_share, none.goodput_share) == (0.0, 1.0, 1.0)
    assert (gold.priority, gold.ttft_slo_s, none.ttft_slo_s) == (1.0, 0.4, 1.0)
    assert gold.ttft_s.p50 == pytest.approx(0.5)


def test_who_was_shed_is_counted_with_its_class() -> None:
    one = ended_badly(classed(), SHED, 0, 1, 3)
    gold, free, none = by_class(one, measured(one, 0.0), (GOLD, FREE), FLEETS)
    assert [each.shed for each in (gold, free, none)] == [2, 1, 0]
    assert [each.completed for each in (gold, free, none)] == [2, 2, 3]


def test_a_class_that_the_fleet_file_does_not_name_is_told_with_the_fleets_deadlines() -> None:
    one = classed()
    names = [(each.name, each.ttft_slo_s) for each in by_class(one, measured(one, 0.0), (GOLD,), FLEETS)]
    assert names == [("gold", 0.4), ("free", 1.0), ("", 1.0)]


def test_a_class_that_nobody_named_is_told_all_the_same_so_that_seeds_have_the_same_rows() -> None:
    one = classed()
    idle = SloClass(name="idle", ttft_s=1.0, tpot_s=1.0)
    found = by_class(one, measured(one, 0.0), (GOLD, idle), FLEETS)
    assert [each.requests for each in found if each.name == "idle"] == [0]


def test_traffic_without_classes_has_no_figures_by_class() -> None:
    one = run(10)
    assert by_class(one, measured(one, 0.0), (GOLD,), FLEETS) == ()
    assert outcome(one, FLEETS, classes=(GOLD,)).classes == ()


def test_goodput_counts_each_request_against_its_own_deadlines() -> None:
    told = outcome(classed(), FLEETS, classes=(GOLD, FREE), warmup=0.0)
    assert told.metrics.goodput_share == pytest.approx(0.6)
    assert outcome(classed(), FLEETS, warmup=0.0).metrics.goodput_share == 1.0


def test_seeds_together_are_their_classes_together() -> None:
    one = classed()
    sooner = replace(one, first=one.at + 0.1)
    outcomes = [outcome(each, FLEETS, classes=(GOLD, FREE), warmup=0.0) for each in (one, sooner)]
    both = Measured.of(outcomes)
    assert [each.name for each in both.classes] == ["gold", "free", ""]
    assert both.classes[0].goodput_share == pytest.approx(0.5)
