"""The search finds what trying every fleet would find, with far fewer trials."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.plan.asked import Asked, Limits
from sims.plan.frontier import frontier, speeds
from sims.plan.judge import Judge, Verdict
from sims.plan.search import FINE, Budget, Search, cheapest
from sims.plan.surrogate import STEEP, fitted
from sims.plan.trial import Simulate, Trial
from sims.plan.work import work_of
from tests.sims.plan.plans import asked, capacity, kinds, offer, traffic

GPUS = ("h100-sxm", "a100-80", "l40s")
SPEEDS = {"h100-sxm": 22.0, "a100-80": 11.0, "l40s": 7.0}


def search(request: Asked, simulate: Simulate, rate: float = 100.0, trials: int = 200) -> Search:
    """Among all the request's kinds."""
    given = traffic(rate=rate)
    found = kinds(request)
    judge = Judge(trial=Trial(asked=request, kinds=found, traffic=given, simulate=simulate))
    return Search(
        judge=judge, work=work_of(found, given.analytic, request), asked=request, budget=Budget(trials=trials)
    )


def optimum(one: Search, most: int = 14) -> float:
    """The cost of the cheapest fleet of all."""
    met = [c for c in product(range(most), repeat=len(one.work.kinds)) if any(c) and one.judge.verdict(c).meets]
    return min(map(one.cost, met))


def found_by(one: Search) -> Verdict:
    """The search's answer, each kind alone first."""
    alone = [one.alone(k) for k in range(len(one.work.kinds))]
    best = one.mixed(cheapest(alone, one.cost))
    assert best is not None
    return best


def test_one_kind_alone_is_the_fewest_that_pass() -> None:
    one = search(asked(), capacity({"h100-sxm": 22.0}))
    verdict = one.alone(0)
    assert verdict is not None
    needed = verdict.counts[0]
    assert verdict.meets
    assert not one.judge.verdict((needed - 1,)).meets


@pytest.mark.parametrize("speed", [3.0, 22.0, 90.0, 500.0])
def test_a_bad_first_guess_is_corrected_both_ways(speed: float) -> None:
    one = search(asked(), capacity({"h100-sxm": speed}))
    verdict = one.alone(0)
    assert verdict is not None
    assert verdict.counts[0] == 1 or not one.judge.verdict((verdict.counts[0] - 1,)).meets


def test_a_limit_that_allows_too_few_leaves_none() -> None:
    request = asked(offers=(offer("h100-sxm", count=2),))
    assert search(request, capacity({"h100-sxm": 22.0})).alone(0) is None


def test_replicas_that_do_not_help_are_not_added_for_ever() -> None:
    def deaf(arrivals, fleet, policy, conditions):  # type: ignore[no-untyped-def]
        from tests.sims.plan.plans import run

        return run(arrivals, fleet, ttft_s=1.2, tpot_s=0.01)

    one = search(asked(), deaf)
    assert one.alone(0) is None
    assert one.judge.simulated < 10


def test_a_mix_is_found_where_it_is_cheaper_than_any_kind_alone() -> None:
    one = search(asked(*GPUS), capacity(SPEEDS), rate=90.0)
    best = found_by(one)
    alone = cheapest([one.alone(k) for k in range(3)], one.cost)
    assert alone is not None
    assert one.cost(best.counts) < one.cost(alone.counts)
    assert best.meets


@pytest.mark.parametrize("rate", [30.0, 61.0, 90.0, 133.0])
def test_the_answer_is_within_three_percent_of_trying_everything(rate: float) -> None:
    one = search(asked(*GPUS), capacity(SPEEDS), rate=rate)
    best = one.cost(found_by(one).counts)
    tried = one.tried
    assert best <= optimum(one) * 1.03
    assert tried < 0.1 * 14**3


@settings(max_examples=15, deadline=None)
@given(fast=st.floats(8.0, 40.0), middle=st.floats(4.0, 20.0), slow=st.floats(2.0, 12.0), rate=st.floats(20.0, 90.0))
def test_whatever_the_speeds_the_answer_is_near_the_optimum(
    fast: float, middle: float, slow: float, rate: float
) -> None:
    one = search(asked(*GPUS), capacity({"h100-sxm": fast, "a100-80": middle, "l40s": slow}), rate=rate)
    best = one.cost(found_by(one).counts)
    assert best <= optimum(one, most=13) * (1.03 + FINE) or best <= one.cost((0, 0, 13))


def test_an_inventory_is_kept_by_the_search() -> None:
    request = asked(offers=(offer("h100-sxm", count=3), offer("a100-80"), offer("l40s", count=4)))
    best = found_by(search(request, capacity(SPEEDS)))
    assert best.counts[0] <= 3
    assert best.counts[2] <= 4


def test_a_power_cap_is_kept_by_the_search() -> None:
    request = asked(*GPUS, limits=Limits(most_watts=3500.0))
    one = search(request, capacity(SPEEDS), rate=60.0)
    best = found_by(one)
    assert sum(n * kind.perf.limit_w for n, kind in zip(best.counts, one.work.kinds, strict=True)) <= 3500.0


def test_a_budget_of_no_trials_leaves_the_programme_and_the_kinds_alone() -> None:
    one = search(asked(*GPUS), capacity(SPEEDS), trials=0)
    assert found_by(one).meets


def test_what_is_tried_is_told() -> None:
    said: list[str] = []
    one = search(asked(), capacity({"h100-sxm": 22.0}))
    one.told = said.append
    one.alone(0)
    assert said[0].endswith(("meets (-0.31)", "misses (+0.10)")) or "an hour: " in said[0]
    assert all(" × h100-sxm, " in line for line in said)


def test_the_cheapest_of_none_is_none() -> None:
    assert cheapest([None], lambda counts: 0.0) is None


def test_fleets_on_the_frontier_cost_no_more_and_hold_no_more() -> None:
    costs = [4.5, 3.5, 1.86]
    for counts in frontier(costs, 20.0, (2, 1, 1)):
        cost = float(np.dot(costs, counts))
        assert cost <= 20.0 + 1e-6
        own = [c for c, n in zip(costs, counts, strict=True) if n]
        assert len(own) > 2 or cost + max(own) > 20.0


def test_the_frontier_has_every_kind_alone_and_every_pair() -> None:
    found = set(frontier([4.5, 3.5, 1.86], 20.0, (4, 0, 0)))
    assert (4, 0, 0) in found
    assert (0, 5, 0) in found
    assert (0, 0, 10) in found
    assert (3, 1, 0) in found
    assert (1, 0, 8) in found


def test_three_kinds_are_tried_near_the_best() -> None:
    found = set(frontier([4.5, 3.5, 1.86], 30.0, (3, 2, 1)))
    assert any(all(counts) for counts in found)


def test_too_little_money_has_no_frontier() -> None:
    assert list(frontier([4.5, 3.5], 3.0, (1, 0))) == []


def test_a_faster_kind_carries_a_larger_share() -> None:
    request = asked(*GPUS)
    found = speeds(work_of(kinds(request), traffic().analytic, request))
    assert found[0] > found[1] > found[2] > 0.0


def test_untaught_a_fleet_meets_when_its_shares_add_up() -> None:
    line = fitted(np.array([0.25, 0.1]), [], [])
    margins = line.margin([(4, 0), (2, 5), (8, 0), (2, 0)])
    assert margins.tolist() == pytest.approx([0.0, 0.0, -STEEP, 0.5 * STEEP])


def test_a_kind_that_disappoints_counts_for_less() -> None:
    speeds_ = np.array([0.25, 0.1])
    line = fitted(speeds_, [(4, 0), (2, 5), (3, 3)], [0.0, 0.4, 0.35])
    assert line.margin([(3, 3)])[0] > fitted(speeds_, [], []).margin([(3, 3)])[0]
    assert abs(line.margin([(4, 0)])[0]) < 0.3


def test_more_replicas_are_never_expected_to_hurt() -> None:
    line = fitted(np.array([0.25, 0.1]), [(4, 0), (4, 3), (4, 6)], [0.0, 0.5, 0.6])
    more = line.margin([(4, 0), (4, 1), (5, 1)])
    assert more[0] >= more[1] >= more[2]
