"""What a plan is asked for refuses what makes no sense."""

from math import inf

import pytest

from sims.plan.asked import ENERGY, USD, Asked, Deadline, NoPlan, Objective, Offer, SloClass
from tests.sims.plan.plans import BOTH, MODEL, TPOT, TTFT, asked, offer


@pytest.mark.parametrize(("seconds", "percentile"), [(0.0, 90.0), (-1.0, 90.0), (1.0, 0.0), (1.0, 100.0)])
def test_a_deadline_without_seconds_or_a_percentile_is_refused(seconds: float, percentile: float) -> None:
    with pytest.raises(ValueError, match="seconds above 0"):
        Deadline(seconds=seconds, percentile=percentile)


def test_a_class_without_a_deadline_is_refused() -> None:
    with pytest.raises(ValueError, match="no deadline"):
        SloClass(name="empty")


def test_a_class_lists_the_deadlines_it_has() -> None:
    assert BOTH.limits == (("ttft", TTFT), ("tpot", TPOT))
    assert SloClass(tpot=TPOT).limits == (("tpot", TPOT),)
    assert BOTH.most_prompt == inf


def test_a_plan_without_any_gpu_is_refused_in_a_sentence() -> None:
    with pytest.raises(NoPlan, match="no GPU is offered"):
        Asked(model=MODEL, offers=(), classes=(BOTH,))


def test_a_plan_without_a_class_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one SLO class"):
        Asked(model=MODEL, offers=(offer(),), classes=())


@pytest.mark.parametrize("confidence", [0.4, 1.0, float("nan")])
def test_a_confidence_that_promises_nothing_or_everything_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        asked(confidence=confidence)


def test_one_seed_says_nothing_of_chance() -> None:
    with pytest.raises(ValueError, match="2 or more"):
        asked(seeds=1)


def test_the_policy_is_told_the_tightest_deadlines() -> None:
    tight = SloClass(name="short", most_prompt=100.0, ttft=Deadline(seconds=0.2), tpot=Deadline(seconds=0.2))
    assert asked(classes=(tight, BOTH)).slo == (0.2, 0.05)


def test_the_policy_is_told_the_usual_where_a_deadline_is_missing() -> None:
    assert asked(classes=(SloClass(ttft=TTFT),)).slo == (1.0, 0.1)
    assert asked(classes=(SloClass(tpot=TPOT),)).slo == (2.0, 0.05)


def test_an_offer_in_a_region_is_named_with_it() -> None:
    assert Offer(gpu="l4").name == "l4"
    assert Offer(gpu="l4", region="north").name == "l4@north"


def test_objectives_weigh_rent_and_electricity() -> None:
    assert USD.hourly(4.0, 1000.0) == 4.0
    assert ENERGY.hourly(4.0, 1500.0) == 1.5
    assert Objective(name="weighted", usd_per_kwh=0.1).hourly(4.0, 2000.0) == pytest.approx(4.2)
