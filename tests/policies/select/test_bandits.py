"""Laws of every bandit: stated odds are frequencies, money is kept to, better evidence attracts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.select.beliefs import Beliefs
from policies.select.epsilon_greedy import EpsilonGreedy
from policies.select.exploring import Explorer, drawn_from
from policies.select.linucb import LinUcb
from policies.select.objective import Objective
from policies.select.port import SELECTORS, Option
from policies.select.purse import Purse
from policies.select.thompson import Thompson, chance_of_best, normal_cdf
from policies.select.ucb import Ucb
from tests.policies.select.options import CHEAP, DEAR, coins, context, frequencies, judged, many

BANDITS: list[type[Explorer]] = [EpsilonGreedy, LinUcb, Thompson, Ucb]
BOTH = [CHEAP, DEAR]
every_bandit = pytest.mark.parametrize("kind", BANDITS, ids=lambda kind: kind.__name__)


def made(kind: type[Explorer], width: int = 1, **told: Any) -> Explorer:
    return kind(beliefs=Beliefs(width=width), **told)


def test_bandits_are_registered_under_their_files_names() -> None:
    assert SELECTORS["thompson"] is Thompson
    assert SELECTORS["linucb"] is LinUcb
    assert SELECTORS["ucb"] is Ucb
    assert SELECTORS["epsilon_greedy"] is EpsilonGreedy


@every_bandit
def test_propensities_are_frequencies_over_request_ids(kind: type[Explorer]) -> None:
    learner = made(kind, floor=0.1).learn([*coins(CHEAP, 0.5, 6), *coins(DEAR, 0.9, 6)])
    told = learner.probabilities(context(), BOTH)
    assert told.sum() == pytest.approx(1.0)
    assert frequencies(learner, BOTH) == pytest.approx(told.tolist(), abs=0.03)


@every_bandit
def test_a_choice_tells_the_odds_it_was_drawn_with(kind: type[Explorer]) -> None:
    learner = made(kind, floor=0.2).learn(coins(CHEAP, 0.5, 6))
    for i in range(20):
        choice = learner.choose(context(f"{i}"), BOTH)
        assert choice.propensity == pytest.approx(learner.probabilities(context(f"{i}"), BOTH)[choice.option])


@every_bandit
def test_the_same_request_is_chosen_alike_again(kind: type[Explorer]) -> None:
    learner = made(kind).learn(coins(DEAR, 0.7, 5))
    assert learner.choose(context("x"), BOTH) == learner.choose(context("x"), BOTH)


@every_bandit
def test_after_much_evidence_the_better_option_is_taken(kind: type[Explorer]) -> None:
    learner = made(kind).learn([*many(CHEAP, 0.1, 400), *many(DEAR, 0.9, 400)])
    assert frequencies(learner, BOTH, 300)[1] > 0.9


@every_bandit
def test_equal_quality_goes_to_the_cheaper_option(kind: type[Explorer]) -> None:
    learner = made(kind, objective=Objective(worth_usd=0.01)).learn([*many(CHEAP, 0.6, 2000), *many(DEAR, 0.6, 2000)])
    assert frequencies(learner, BOTH, 300)[0] > 0.9


@every_bandit
def test_a_late_or_power_hungry_option_is_worth_less(kind: type[Explorer]) -> None:
    learner = made(kind, objective=Objective(late_usd=0.01, joule_usd=0.001))
    plain = learner.outlook(context(), [CHEAP]).worth_usd[0]
    assert learner.outlook(context(), [CHEAP._replace(over_slo_s=2.0)]).worth_usd[0] == pytest.approx(plain - 0.02)
    assert learner.outlook(context(), [CHEAP._replace(joules=5.0)]).worth_usd[0] == pytest.approx(plain - 0.005)


@every_bandit
def test_learning_leaves_the_old_value_as_it_was(kind: type[Explorer]) -> None:
    learner = made(kind)
    learner.learn(coins(CHEAP, 0.5, 6))
    assert learner.beliefs.names == ()


@every_bandit
def test_without_money_nothing_but_the_best_is_taken(kind: type[Explorer]) -> None:
    learner = made(kind, floor=0.3, purse=Purse(start_usd=0.0)).learn([*coins(CHEAP, 0.9, 9), *coins(DEAR, 0.2, 9)])
    assert frequencies(learner, BOTH, 200) == [1.0, 0.0]


@given(spending=st.lists(st.floats(0.0, 0.02), min_size=30, max_size=60), share=st.floats(0.0, 0.5))
@settings(max_examples=30, deadline=None)
def test_exploring_never_spends_more_than_its_purse(spending: list[float], share: float) -> None:
    learner: Explorer = EpsilonGreedy(epsilon=1.0, purse=Purse(start_usd=0.02, share=share))
    for i, usd in enumerate(spending):
        options, asked = [CHEAP._replace(usd=usd), DEAR._replace(usd=usd * 2)], context(f"{i}")
        learner = learner.sent(asked, options, learner.choose(asked, options))
        assert learner.purse.left_usd() >= -1e-12


def test_an_exploring_request_is_charged_before_its_bill_comes_and_corrected_after() -> None:
    learner: Explorer = EpsilonGreedy(epsilon=1.0, purse=Purse(start_usd=0.01))
    exploring = next(i for i in range(99) if learner.choose(context(f"{i}"), BOTH).why == "exploring")
    asked = context(f"{exploring}")
    sent = learner.sent(asked, BOTH, learner.choose(asked, BOTH))
    assert sent.purse.explored_usd == pytest.approx(0.004)
    billed = sent.learn([judged(DEAR, float("nan"), usd=0.006, name=f"{exploring}")])
    assert billed.purse.explored_usd == pytest.approx(0.006)
    assert not billed.purse.reserved
    assert billed.learn([judged(DEAR, 1.0, usd=0.006, name=f"{exploring}")]).purse == billed.purse


def test_a_purse_forgets_the_oldest_reservation_when_too_many_are_never_billed() -> None:
    purse = replace(Purse(start_usd=1.0), reserved={f"{i}": 0.0 for i in range(4096)})
    after = purse.sent("new", 0.1, exploring=True)
    assert len(after.reserved) == 4096
    assert "0" not in after.reserved


def test_thompson_takes_each_option_as_often_as_a_drawn_worth_is_the_largest() -> None:
    mean, error = np.array([0.5, 0.6, 0.55, 0.1]), np.array([0.1, 0.02, 0.2, 0.01])
    drawn = np.random.default_rng(1).normal(mean, error, (200_000, 4)).argmax(axis=1)
    wanted = np.bincount(drawn, minlength=4) / len(drawn)
    assert chance_of_best(mean, error).tolist() == pytest.approx(wanted.tolist(), abs=0.01)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_chances_of_being_best_are_a_distribution(told: list[tuple[float, float]]) -> None:
    mean, error = (np.array(column) for column in zip(*told, strict=True))
    shares = chance_of_best(mean, error)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares >= 0.0).all()


def test_the_normal_distribution_function_is_the_textbooks() -> None:
    from scipy.stats import norm

    levels = np.linspace(-4, 4, 33)
    assert np.abs(normal_cdf(levels) - norm.cdf(levels)).max() < 2e-7


def test_ucb_looks_at_no_features_and_linucb_does() -> None:
    told = [judged(CHEAP, float(i % 2), features=[float(i % 2)], name=f"{i}") for i in range(400)]
    for kind, moved in ((Ucb, False), (LinUcb, True)):
        learner = made(kind, width=2).learn(told)
        low, high = (learner.outlook(context("x", [f]), [CHEAP]).quality[0] for f in (0.0, 1.0))
        assert bool(high - low > 0.5) is moved


def test_an_option_that_nobody_tried_is_tried_by_the_optimists() -> None:
    new = Option("fresh", "a", 0.001)
    for kind in (LinUcb, Ucb, Thompson):
        learner = made(kind).learn(many(CHEAP, 0.55, 100))
        assert frequencies(learner, [CHEAP, new], 200)[1] > 0.2


def test_a_draw_never_falls_on_what_has_no_chance() -> None:
    assert drawn_from(np.array([0.0, 1.0, 0.0]), 0.0) == 1
    assert drawn_from(np.array([0.5, 0.5, 0.0]), 1.0 - 1e-16) == 1
