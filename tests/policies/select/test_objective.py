"""One currency for a choice of model, and the selectors that are built on it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.best_value import BestValue
from policies.select.objective import TURNS_LEFT, Objective
from policies.select.port import SELECTORS, Context, Option
from policies.select.quality.linear import Linear
from policies.signals.reading import Reading

CHEAP = Option("small", "a", usd=0.001)
DEAR = Option("large", "b", usd=0.004)
ASKED = Context("r", np.zeros(1))
QUALITY = np.array([0.5, 0.9])


def taken(objective: Objective, context: Context = ASKED, options: tuple[Option, ...] = (CHEAP, DEAR)) -> str:
    return options[objective.best(context, options, QUALITY, "test").option].model


def test_the_dear_model_is_taken_once_its_quality_is_worth_its_bill() -> None:
    assert taken(Objective(worth_usd=0.005)) == "small"
    assert taken(Objective(worth_usd=0.01)) == "large"


def test_a_late_model_is_left_for_one_in_time() -> None:
    late = DEAR._replace(over_slo_s=2.0)
    assert taken(Objective(worth_usd=0.02), options=(CHEAP, late)) == "large"
    assert taken(Objective(worth_usd=0.02, late_usd=0.01), options=(CHEAP, late)) == "small"


def test_joules_count_as_money_where_they_are_priced() -> None:
    hungry = DEAR._replace(joules=1000.0)
    assert taken(Objective(worth_usd=0.02, joule_usd=1e-5), options=(CHEAP, hungry)) == "small"


def test_a_switch_pays_for_the_context_that_it_throws_away() -> None:
    held = CHEAP._replace(cached_tokens=8000.0)
    begun = replace_context(last_model="small")
    objective = Objective(worth_usd=0.01, lost_token_usd=1e-6)
    assert taken(objective, options=(held, DEAR)) == "large"
    assert taken(objective, begun, (held, DEAR)) == "small"
    assert taken(objective, begun, (held, DEAR._replace(cached_tokens=8000.0))) == "large"


def test_a_switch_pays_when_enough_turns_are_left() -> None:
    objective = Objective(worth_usd=0.01, handoff_usd=0.003)
    short, long = replace_context(last_model="small"), replace_context(last_model="small", turns=5.0)
    assert taken(objective, short) == "small"
    assert taken(objective, long) == "large"


def replace_context(last_model: str = "", turns: float = float("nan")) -> Context:
    return ASKED._replace(last_model=last_model, readings={TURNS_LEFT: Reading(turns)})


def test_no_option_is_an_error_that_names_the_request() -> None:
    with pytest.raises(ValueError, match="'r' has no model"):
        Objective().best(ASKED, [], np.zeros(0), "test")


def test_a_model_of_unknown_quality_is_worth_nothing() -> None:
    choice = Objective().best(ASKED, (CHEAP, DEAR), np.array([np.nan, 0.9]), "test")
    assert choice.option == 1
    assert choice.expected == (0.0, 0.9)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6), st.floats(1e-5, 1.0))
def test_of_equal_price_the_better_is_taken(quality: list[float], worth: float) -> None:
    options = [Option(f"m{i}", "p", usd=0.001) for i in range(len(quality))]
    choice = Objective(worth_usd=worth).best(ASKED, options, np.array(quality), "test")
    scores = [worth * q - 0.001 for q in quality]
    assert scores[choice.option] == max(scores)


def test_best_value_asks_its_head_for_the_models_of_the_options() -> None:
    head = Linear(centre=np.zeros(1), weights=np.array([[0.4, -0.4]]), mean=np.array([0.5, 0.5]))
    selector = BestValue(models=("large", "small"), quality=head, objective=Objective(worth_usd=0.01))
    hard, easy = replace_features(1.0), replace_features(-1.0)
    assert selector.choose(hard, (CHEAP, DEAR)).option == 1
    assert selector.choose(easy, (CHEAP, DEAR)).option == 0
    assert selector.choose(hard, (CHEAP, DEAR)).expected == pytest.approx((0.1, 0.9))
    assert SELECTORS["best_value"] is BestValue


def replace_features(value: float) -> Context:
    return ASKED._replace(features=np.array([value]))


def test_settings_are_values() -> None:
    assert replace(Objective(), worth_usd=1.0) == Objective(worth_usd=1.0)
