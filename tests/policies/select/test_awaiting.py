"""Feedback finds its choice once, from its own tenant, in time."""

import pytest

from policies.select.awaiting import Awaiting, Unsettled
from policies.select.port import Choice, Feedback
from tests.policies.select.options import CHEAP, context

CHOICE = Choice(0, 0.25, "exploring")


def holding(*names: str, most: int = 10) -> Awaiting:
    awaiting = Awaiting(most=most, keep_s=100.0)
    for at, name in enumerate(names):
        awaiting.took(name, context(name, tenant="acme"), CHEAP, CHOICE, float(at))
    return awaiting


def test_a_verdict_comes_back_with_the_propensity_and_the_moment_of_its_choice() -> None:
    told = holding("a", "b").settle("b", "acme", 0.8, 0.002)
    assert isinstance(told, Feedback)
    assert (told.model, told.pool, told.propensity, told.quality, told.usd, told.at_s) == (
        "small", "a", 0.25, 0.8, 0.002, 1.0,
    )  # fmt: skip


def test_a_decision_never_made_is_unknown() -> None:
    assert holding("a").settle("b", "acme", 1.0, 0.0) is Unsettled.UNKNOWN


def test_another_tenants_decision_is_not_settled_and_stays_open() -> None:
    awaiting = holding("a")
    assert awaiting.settle("a", "other", 1.0, 0.0) is Unsettled.FOREIGN
    assert isinstance(awaiting.settle("a", "acme", 1.0, 0.0), Feedback)


def test_the_same_verdict_told_twice_counts_once() -> None:
    awaiting = holding("a")
    awaiting.settle("a", "acme", 1.0, 0.0)
    assert awaiting.settle("a", "acme", 0.0, 0.0) is Unsettled.REPLAYED
    assert awaiting.settle("a", "other", 0.0, 0.0) is Unsettled.UNKNOWN


@pytest.mark.parametrize("quality", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_quality_that_is_none_is_refused_and_the_choice_stays_open(quality: float) -> None:
    awaiting = holding("a")
    assert awaiting.settle("a", "acme", quality, 0.0) is Unsettled.NO_NUMBER
    assert len(awaiting) == 1


def test_choices_that_nobody_judged_expire_unjudged() -> None:
    awaiting = holding("a", "b")
    late = awaiting.expired(100.5)
    assert [one.context.id for one in late] == ["a"]
    assert late[0].quality != late[0].quality
    assert len(awaiting) == 1


def test_past_its_bound_the_oldest_choice_is_forgotten() -> None:
    awaiting = holding("a", "b", "c", most=2)
    assert awaiting.settle("a", "acme", 1.0, 0.0) is Unsettled.UNKNOWN
    for name in "bc":
        assert isinstance(awaiting.settle(name, "acme", 1.0, 0.0), Feedback)
