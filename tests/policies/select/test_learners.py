"""Policies made of plain settings, and what their learners see."""

import numpy as np
import pytest

from policies.registry import BadSetting, UnknownName
from policies.select.best_value import BestValue
from policies.select.columns import Columns, vector_reading
from policies.select.exploring import Explorer
from policies.select.learners import beside, idle, label, learner, wanted
from policies.select.port import SELECTORS, Context
from policies.select.thompson import Thompson
from policies.signals.reading import UNKNOWN, Reading
from tests.policies.select.options import CHEAP, DEAR, context, judged


def test_a_bandit_is_made_of_its_settings() -> None:
    made = learner(
        {
            "policy": "thompson", "settings": {"scale": 0.5, "floor": 0.1}, "context": ["difficulty"], "embedding": 3,
            "evidence": {"half_life_s": 60.0}, "budget": {"start_usd": 4.0, "share": 0.1},
            "objective": {"worth_usd": 0.05},
        }
    )  # fmt: skip
    assert isinstance(made, Thompson)
    assert (made.scale, made.floor, made.objective.worth_usd) == (0.5, 0.1, 0.05)
    assert (made.beliefs.width, made.beliefs.settings.half_life_s) == (5, 60.0)
    assert (made.purse.start_usd, made.purse.share) == (4.0, 0.1)


def test_a_budget_is_shared_out() -> None:
    made = learner({"policy": "ucb", "budget": {"start_usd": 4.0, "share": 0.1}}, 0.25)
    assert isinstance(made, Explorer)
    assert (made.purse.start_usd, made.purse.share) == (1.0, 0.1)


def test_without_a_budget_exploring_has_no_bound() -> None:
    made = learner({"policy": "ucb"})
    assert isinstance(made, Explorer)
    assert made.purse.left_usd() == float("inf")


@pytest.mark.parametrize("name", SELECTORS.names())
def test_every_policy_can_be_made_and_chooses(name: str) -> None:
    made = learner({"policy": name})
    assert made.choose(context(), [CHEAP, DEAR]).option in (0, 1)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"policy": "thompson", "settings": {"epsilon": 0.1}}, "no setting 'epsilon'.*known: floor, scale"),
        ({"policy": "epsilon_greedy", "settings": {"epsilon": 1.5}}, "from 0 to 1"),
        ({"policy": "linucb", "settings": {"alpha": -1.0}}, "must be over 0"),
        ({"policy": "ucb", "context": ["difficulti"]}, "did you mean 'difficulty'"),
        ({"policy": "ucb", "context": ["tenant"]}, "may be any word"),
        ({"policy": "ucb", "context": ["pii"]}, "may be any word"),
    ],
)
def test_settings_that_make_no_sense_are_said_in_a_sentence(told: dict[str, object], says: str) -> None:
    with pytest.raises(BadSetting, match=says):
        learner(told)


def test_an_unknown_policy_names_the_known() -> None:
    with pytest.raises(UnknownName, match="did you mean 'thompson'"):
        learner({"policy": "tompson"})


def test_a_canary_is_the_same_learner_with_another_policy() -> None:
    told = {"policy": "ucb", "objective": {"worth_usd": 2.0}, "canary": {"policy": "linucb", "settings": {"alpha": 2}}}
    assert beside(told)["objective"] == {"worth_usd": 2.0}
    assert label(beside(told)).startswith("linucb-")
    assert label(told) == "ucb"
    assert label(beside(told)) != label({"policy": "linucb", "settings": {"alpha": 3}})


def test_what_explores_nothing_has_no_use_for_a_budget() -> None:
    assert idle({"policy": "elo", "budget": {}}) == ["budget"]
    assert idle({"policy": "ucb", "budget": {}}) == []


def test_what_is_wanted_of_the_classifier_is_what_is_seen_and_gone_by() -> None:
    assert wanted({"policy": "ucb", "context": ["turns", "difficulty"], "embedding": 4}) == {"difficulty", "embedding:4"}
    assert wanted({"policy": "best_value"}) == wanted({"policy": "ucb", "quality": True}) == {"quality"}
    assert wanted({"policy": "model_reputation"}) == {"domain"}


def test_columns_are_numbers_labels_and_the_embedding_in_order() -> None:
    seen = Columns(names=("difficulty", "audience", "turns"), embedding=2)
    found = seen.features(
        {
            "difficulty": Reading(0.3), "audience": Reading(0.8, "agent", {"chat": 0.2, "agent": 0.8}),
            "turns": Reading(float(np.e - 1.0)), "embedding:2": vector_reading([0.5, -0.5]),
        }
    )  # fmt: skip
    assert found == pytest.approx([0.3, 0.2, 0.8, 0.1, 0.5, -0.5])
    assert len(found) == seen.width() == 6
    assert seen.structural() == {"turns"}


def test_what_is_unknown_is_nothing() -> None:
    seen = Columns(names=("difficulty", "audience"), embedding=1)
    assert seen.features({"difficulty": UNKNOWN}).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert seen.features({"audience": Reading(0.9, "chat")}).tolist() == [0.0, 1.0, 0.0, 0.0]


HEAD = {"quality": Reading(0.9, "large", {"large": 0.9, "small": 0.2})}


def test_a_bandit_learns_how_far_the_head_is_off() -> None:
    asked = Context("r", np.zeros(0), HEAD)
    fresh = learner({"policy": "ucb"})
    assert isinstance(fresh, Explorer)
    before, _ = fresh.beliefs.expect(asked, [CHEAP, DEAR])
    assert before.tolist() == [0.2, 0.9]
    bad = [judged(DEAR, 0.1)._replace(context=Context(f"{at}", np.zeros(0), HEAD)) for at in range(40)]
    after, _ = fresh.learn(bad).beliefs.expect(asked, [CHEAP, DEAR])
    assert after[0] == 0.2
    assert after[1] < 0.3


def test_half_a_verdict_moves_half_as_much_evidence() -> None:
    fresh = learner({"policy": "ucb"})
    assert isinstance(fresh, Explorer)
    whole, half = (fresh.learn([judged(DEAR, 1.0)._replace(weight=weight)]).beliefs for weight in (1.0, 0.5))
    assert half.xx[0, 0, 0] == pytest.approx(0.5 * whole.xx[0, 0, 0])


def test_best_value_goes_by_the_reading_where_it_holds_no_head() -> None:
    options = [CHEAP, DEAR]
    assert BestValue().choose(Context("r", np.zeros(0), HEAD), options).option == 1
    assert BestValue().choose(context(), options).option == 0
    assert "first" in BestValue().choose(context(), options[::-1]).why


def test_failures_are_learned_by_their_kind() -> None:
    memory = learner({"policy": "failure_memory"})
    told = [judged(DEAR, 0.0)._replace(failure="timeout"), judged(DEAR, 0.2), judged(CHEAP, 0.9)]
    learned = memory.learn(told)  # type: ignore[attr-defined]
    assert learned.records["large", ""].trials == 2.0
    assert learned.loss("large", "") > learned.loss("small", "")
