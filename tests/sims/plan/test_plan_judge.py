"""Whether a fleet passes: all seeds with confidence, or out at the first that fails."""

from math import inf, log, sqrt

import pytest

from sims.plan.judge import Judge, bound
from sims.plan.programme import Counts
from sims.plan.trial import WORST, Score, Trial, margin, margins, scored
from tests.sims.plan.plans import BOTH, asked, capacity, columns, counted, kinds, run, traffic


def score(*margins: float) -> Score:
    """A score with those margins."""
    return Score(margins=margins, joules_per_token=1.0, watts=1.0, tokens_per_s=1.0, cached_share=0.0, utilisation=0.5)


def judge(per_replica: float, noise: float = 0.0, seeds: int = 4) -> Judge:
    """Over H100s that serve so many requests a second."""
    request = asked(seeds=seeds)
    simulate = capacity({"h100-sxm": per_replica}, noise=noise)
    return Judge(trial=Trial(asked=request, kinds=kinds(request), traffic=traffic(rate=40.0), simulate=simulate))


def test_a_fleet_that_is_large_enough_passes_on_all_seeds() -> None:
    found = judge(30.0).verdict((2,))
    assert found.meets
    assert len(found.scores) == 4
    assert found.bound <= 0.0


def test_a_fleet_too_small_is_dropped_at_the_first_seed() -> None:
    given = judge(10.0)
    found = given.verdict((2,))
    assert not found.meets
    assert found.bound == inf
    assert found.worst > 0.0
    assert given.simulated == 1


def test_a_verdict_is_remembered() -> None:
    given = judge(30.0)
    assert given.verdict((2,)) is given.verdict((2,))
    assert given.simulated == 4


def test_a_fleet_that_just_passes_every_seed_may_fail_the_next_one() -> None:
    calm, wild = judge(22.0, noise=0.0).verdict((2,)), judge(26.0, noise=0.4).verdict((2,))
    assert calm.meets
    assert wild.bound == inf or wild.bound > 0.0
    assert not wild.meets


def test_the_bound_is_students_for_one_more_seed() -> None:
    scores = [score(-0.5), score(-0.3), score(-0.4)]
    # t(0.95, 2) = 2.920; the deviation is 0.1
    assert bound(scores, 0.95) == pytest.approx(-0.4 + 2.91999 * 0.1 * sqrt(4.0 / 3.0), abs=1e-4)


def test_one_seed_bounds_nothing() -> None:
    assert bound([score(-1.0)], 0.95) == inf


def test_the_bound_is_that_of_the_deadline_kept_least() -> None:
    assert bound([score(-2.0, -0.1), score(-2.0, -0.1)], 0.95) == pytest.approx(-0.1)


def test_the_worst_deadline_decides_a_score() -> None:
    assert score(-0.5, 0.2).worst == 0.2


def test_margins_are_logarithms_within_bounds() -> None:
    assert margin(1.0, 1.0) == 0.0
    assert margin(2.0, 1.0) == pytest.approx(log(2.0))
    assert margin(inf, 1.0) == WORST
    assert margin(0.0, 1.0) == -WORST


def test_a_run_is_scored_after_its_warm_up() -> None:
    request = asked()
    arrivals = columns(100)
    found = scored(run(arrivals, [], ttft_s=0.5, tpot_s=0.1), request)
    assert found.margins[0] == pytest.approx(log(0.5))
    assert found.margins[1] == pytest.approx(log(2.0))


def test_every_class_has_margins_of_its_own() -> None:
    from dataclasses import replace

    from sims.plan.asked import Deadline, SloClass

    short = SloClass(name="short", most_prompt=900.0, ttft=Deadline(seconds=0.25))
    request = asked(classes=(short, BOTH))
    arrivals = columns(100)
    one = run(arrivals, [], ttft_s=0.5, tpot_s=0.05)
    late = replace(one, first=one.at + (arrivals.prompt_tokens > 900) * 1.5 + 0.25, end=one.end + 5.0)
    found = margins(late, one.at >= 0.0, request)
    assert found[0] == pytest.approx(0.0, abs=1e-6)
    assert found[1] == pytest.approx(log(1.75))


def test_answers_of_one_token_have_no_time_per_token() -> None:
    from dataclasses import replace

    arrivals = columns(50)
    one = replace(run(arrivals, [], ttft_s=0.5, tpot_s=9.0), output_tokens=arrivals.output_tokens * 0 + 1)
    assert margins(one, one.at >= 0.0, asked())[1] == -WORST


def test_the_same_fleet_and_seed_meet_the_same_arrivals_whatever_the_fleet() -> None:
    request = asked()
    simulate, sizes = counted(capacity({"h100-sxm": 10.0}))
    trial = Trial(asked=request, kinds=kinds(request), traffic=traffic(), simulate=simulate)
    assert trial.drawn(3) is trial.drawn(3)
    trial.score((2,), 3)
    trial.score((5,), 3)
    assert sizes == [2, 5]


def test_replicas_are_named_for_their_pool() -> None:
    request = asked("h100-sxm", "l40s")
    trial = Trial(asked=request, kinds=kinds(request), traffic=traffic(), simulate=capacity({}))
    counts: Counts = (1, 2)
    assert [one.name for one in trial.fleet(counts)] == ["h100-sxm-0", "l40s-0", "l40s-1"]
    assert {one.gpu for one in trial.fleet(counts)} == {"h100-sxm", "l40s"}
