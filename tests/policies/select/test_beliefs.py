"""What feedback says of options: order does not matter, age does, a changed option is noticed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.select.beliefs import Beliefs, Settings
from policies.select.port import Context, Feedback
from tests.policies.select.options import CHEAP, DEAR, coins, context, judged, many

FADING = Settings(half_life_s=100.0, alarm=1e9)
some = st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.floats(0, 300)), min_size=1, max_size=12)


def expected(beliefs: Beliefs, tenant: str = "") -> float:
    return float(beliefs.expect(context("x", tenant=tenant), [CHEAP])[0][0])


def told(rows: list[tuple[bool, float, float]]) -> list[Feedback]:
    return [judged(CHEAP if one else DEAR, quality, at_s, tenant="t") for one, quality, at_s in rows]


@given(some, some)
@settings(max_examples=40, deadline=None)
def test_late_feedback_counts_as_it_would_have_in_time(
    first: list[tuple[bool, float, float]], second: list[tuple[bool, float, float]]
) -> None:
    start = Beliefs(width=1, settings=FADING)
    one, other = start.learn(told(first)).learn(told(second)), start.learn(told(second)).learn(told(first))
    for tenant in ("", "t"):
        asked = context("x", tenant=tenant)
        assert one.expect(asked, [CHEAP, DEAR])[0] == pytest.approx(other.expect(asked, [CHEAP, DEAR])[0], abs=1e-6)


def test_an_option_nobody_tried_is_expected_at_the_prior_with_a_wide_error() -> None:
    means, errors = Beliefs(width=3).expect(context("x", [1.0, 2.0]), [CHEAP])
    assert means.tolist() == [0.5]
    assert errors[0] > 0.25


def test_expectation_goes_to_the_mean_as_judgements_come() -> None:
    beliefs = Beliefs(width=1).learn(many(CHEAP, 0.9, 200))
    assert expected(beliefs) == pytest.approx(0.9, abs=0.02)
    assert beliefs.expect(context(), [CHEAP])[1][0] < 0.05


def test_old_evidence_fades_and_uncertainty_comes_back() -> None:
    fresh = Beliefs(width=1, settings=FADING).learn(many(CHEAP, 0.9, 50))
    later = fresh.learn([judged(DEAR, 0.5, at_s=1000.0)])
    assert expected(later) < expected(fresh)
    assert later.expect(context(), [CHEAP])[1][0] > fresh.expect(context(), [CHEAP])[1][0]


def test_an_option_that_got_worse_is_noticed_within_fifty_judgements() -> None:
    before = Beliefs(width=1).learn(coins(CHEAP, 0.7, 500))
    after = before.learn(coins(CHEAP, 0.2, 50, at_s=1.0, salt=1))
    assert after.alarms.tolist() == [1.0]
    assert expected(after) < 0.5


def test_an_option_that_stays_as_it_is_is_seldom_alarmed_for() -> None:
    beliefs = Beliefs(width=1)
    for part in range(40):
        beliefs = beliefs.learn(coins(CHEAP, 0.6, 50, at_s=float(part), salt=part))
    assert beliefs.alarms[0] <= 4.0


def test_an_unjudged_answer_says_nothing() -> None:
    beliefs = Beliefs(width=1)
    assert beliefs.learn([judged(CHEAP, float("nan"))]) is beliefs


def test_a_quality_beyond_its_bounds_counts_as_the_bound() -> None:
    one, other = (Beliefs(width=1).learn(many(CHEAP, quality, 10)) for quality in (1.0, 7.0))
    assert expected(one) == expected(other)


def test_contradictory_judgements_meet_in_the_middle() -> None:
    assert expected(Beliefs(width=1).learn([*many(CHEAP, 0.0, 50), *many(CHEAP, 1.0, 50)])) == pytest.approx(0.5)


@pytest.mark.parametrize("features", [[], [float("nan")], [float("inf"), 1.0, 2.0, 3.0]], ids=["none", "nan", "more"])
def test_features_that_are_missing_or_no_numbers_count_as_zero(features: list[float]) -> None:
    means, errors = Beliefs(width=2).learn(many(CHEAP, 0.9, 20)).expect(Context("x", np.array(features)), [CHEAP])
    assert np.isfinite(means).all()
    assert np.isfinite(errors).all()


def test_a_tenant_with_little_of_its_own_is_expected_as_everybody() -> None:
    beliefs = Beliefs(width=1).learn([*many(CHEAP, 0.8, 300), *many(CHEAP, 0.0, 1, tenant="new")])
    assert expected(beliefs, "new") == pytest.approx(expected(beliefs), abs=0.06)
    assert expected(beliefs, "never seen") == expected(beliefs)


def test_a_tenant_with_much_of_its_own_is_expected_as_itself() -> None:
    beliefs = Beliefs(width=1).learn([*many(CHEAP, 0.8, 600), *many(CHEAP, 0.2, 200, tenant="other")])
    assert expected(beliefs) > 0.6
    assert expected(beliefs, "other") < 0.3


def test_one_tenants_feedback_moves_another_through_the_common_part_alone() -> None:
    start = Beliefs(width=1).learn([*many(CHEAP, 0.5, 100, tenant="a"), *many(CHEAP, 0.5, 100, tenant="b")])
    after = start.learn(many(CHEAP, 1.0, 100, tenant="a"))
    assert expected(after, "a") > expected(after) > expected(after, "b")


def test_a_tenants_sums_grow_with_the_options() -> None:
    beliefs = Beliefs(width=1).learn(many(CHEAP, 0.9, 30, tenant="a")).learn(many(DEAR, 0.1, 30, tenant="a"))
    means, _ = beliefs.expect(context("x", tenant="a"), [CHEAP, DEAR])
    assert means[0] > 0.7 > 0.3 > means[1]
