"""Several seeds as one: means, intervals, and one policy beside another."""

from dataclasses import replace
from math import inf, isnan
from typing import Any

import numpy as np
import pytest

from sims.engine.run import SHED
from sims.measure.metrics import Slo
from sims.measure.outcome import Outcome, outcome
from sims.measure.paired import BETTER, JUDGED, paired
from sims.measure.schema import plain
from sims.measure.seeds import Measured, figure, together
from tests.sims.measure.runs import ended_badly, run, samples

SLO = Slo(1.0, 0.2)


def seed(late_s: float = 0.0, **changes: Any) -> Outcome:
    """A run whose first tokens come so much later."""
    plain = run(**changes)
    return outcome(replace(plain, first=plain.first + late_s, end=plain.end + late_s), SLO, wall_s=1.0, warmup=0.0)


def test_one_seed_has_no_interval() -> None:
    found = Measured.of([seed()])
    assert (found.seeds, found.ci95, found.ttft_s.p50) == (1, None, 0.5)


def test_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="no run"):
        Measured.of([])


def test_figures_are_means_and_every_one_has_an_interval() -> None:
    found = Measured.of([seed(0.0), seed(0.1), seed(0.2)])
    assert found.ttft_s.p90 == pytest.approx(0.6)
    assert found.ci95 is not None
    inner = found.ci95["ttft_s"]
    assert isinstance(inner, dict)
    low, high = inner["p90"]
    assert low < 0.6 < high
    assert high - 0.6 == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)
    assert set(found.ci95) >= {"requests", "goodput_rps", "cost_usd", "tokens_per_joule", "tpot_s"}
    assert "unstable" not in found.ci95


def test_counts_stay_whole_where_they_can() -> None:
    assert Measured.of([seed(), seed()]).requests == 10
    assert str(plain(Measured.of([seed(), seed()]).requests)) == "10"
    assert Measured.of([seed(), seed(count=11)]).requests == 10.5


def test_one_unstable_seed_makes_the_whole_unstable() -> None:
    assert not Measured.of([seed(), seed()]).unstable
    assert Measured.of([seed(), seed(unstable=True)]).unstable


def test_an_endless_seed_makes_the_mean_endless() -> None:
    endless = outcome(ended_badly(run(), SHED, *range(5)), SLO, warmup=0.0)
    found = Measured.of([seed(), endless])
    assert found.ttft_s.p90 == inf
    assert found.goodput_share == 0.75


def test_pools_and_curves_are_means_and_the_timeline_is_the_first_seeds() -> None:
    found = Measured.of([seed(samples=samples(4)), seed(0.2)])
    assert found.pools[0].ttft_s.p50 == pytest.approx(0.6)
    assert found.distribution.ttft_s[0] == pytest.approx(0.6)
    assert found.distribution.share[1] == pytest.approx(0.02)
    assert found.timeline is not None
    assert found.timeline.at_s == (0.0, 1.0, 2.0, 3.0)


def test_a_figure_is_found_by_its_path() -> None:
    assert figure(Measured.of([seed()]), "e2e_s.p50") == pytest.approx(1.5)


def test_words_are_the_first_ones() -> None:
    assert together(["a", "b"]) == "a"


def test_paired_by_seed_what_both_suffer_cancels_out() -> None:
    noise = np.array([0.0, 0.4, 0.1, 0.3])
    mine, others = [seed(each) for each in noise], [seed(each + 0.05) for each in noise]
    found = paired(mine, others)["ttft_s.p90"]
    assert found.difference == pytest.approx(-0.05)
    assert found.ci95[1] < 0.0
    assert (found.wins, found.seeds, found.better) == (4, 4, True)
    assert paired(others, mine)["ttft_s.p90"].better is False


def test_what_chance_may_decide_is_not_decided() -> None:
    found = paired([seed(0.0), seed(0.2)], [seed(0.1), seed(0.1)])["ttft_s.p90"]
    assert found.better is None
    assert found.wins == 1


def test_more_goodput_is_better() -> None:
    slow = [seed(0.6), seed(0.7)]
    found = paired([seed(), seed(0.1)], slow)["goodput_share"]
    assert (found.difference, found.wins, found.better) == (1.0, 2, True)


def test_with_one_seed_nothing_is_certain() -> None:
    found = paired([seed()], [seed(0.1)])["ttft_s.mean"]
    assert found.better is None
    assert found.ci95 == (-inf, inf)


def test_every_compared_figure_is_one_that_there_is() -> None:
    found = paired([seed()], [seed()])
    assert set(found) == set(BETTER) - set(JUDGED)
    assert not any(isnan(one.difference) for one in found.values())
