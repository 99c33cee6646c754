"""The choice by what turns are worth to their sessions: certain but for a told share, and only of what is known."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.objective import Objective
from policies.select.port import Context, Option
from policies.select.session_q import STATE, SessionQ, standing, state_of
from policies.select.session_values import SessionValues, Settings, State
from policies.signals.facts import Facts, Message
from policies.signals.reading import Reading

WIDTH = Settings().most_failures + 1 + 5 + 2
OPTIONS = [Option("a", "p", 0.001), Option("b", "p", 0.002), Option("a", "p", 0.001, intervene=True)]


def values(*worth: float) -> SessionValues:
    """Each action is worth so much, whatever the state."""
    weights = np.zeros((4, WIDTH))
    weights[:, :4] = np.array(worth)[:, None]
    return SessionValues(models=2, settings=Settings(), weights=weights, inverse=np.zeros((4, WIDTH, WIDTH)),
                         noise=np.zeros(4))  # fmt: skip


def policy(*worth: float, **more: Any) -> SessionQ:
    return SessionQ(columns={"a": 0, "b": 1}, values=values(*worth), **more)


def asked(name: str = "r", failures: int = 1) -> Context:
    scores = {"turn": 3.0, "context_tokens": 900.0, "failures": float(failures), "successes": 2.0}
    return Context(name, np.zeros(0), {STATE: Reading(float(failures), scores=scores)}, session="s", last_model="a")


@pytest.mark.parametrize(("worth", "taken"), [((3, 2, 1, 0), 0), ((1, 3, 2, 0), 1), ((1, 2, 3, 0), 2)])
def test_the_action_of_the_highest_value_is_taken(worth: tuple[float, ...], taken: int) -> None:
    choice = policy(*worth).choose(asked(), OPTIONS)
    assert (choice.option, choice.propensity, choice.why) == (taken, 1.0, "worth most to the session")


def test_before_anything_was_learned_the_first_goes_and_it_is_said() -> None:
    choice = SessionQ().choose(asked(), OPTIONS)
    assert (choice.option, choice.why) == (0, "nothing is known of any")


def test_a_model_that_the_head_does_not_know_goes_last() -> None:
    strange = [Option("z", "p", 0.0), *OPTIONS]
    assert policy(-9, -5, -9, -9).choose(asked(), strange).option == 2


def test_of_two_pools_of_a_model_the_one_that_is_in_time_goes_then_the_cheaper() -> None:
    late = Option("a", "slow", 0.001, over_slo_s=3.0)
    dear, cheap = Option("a", "east", 0.004), Option("a", "west", 0.003)
    chooser = SessionQ(columns={"a": 0}, values=values(1, 1, 1, 1), objective=Objective(late_usd=0.01))
    assert chooser.choose(asked(), [late, dear, cheap]).option == 2


def test_a_queue_moves_a_session_where_lateness_is_dear() -> None:
    late = [OPTIONS[0]._replace(over_slo_s=10.0), OPTIONS[1]]
    assert policy(1.0, 0.5, 0, 0).choose(asked(), late).option == 0
    assert policy(1.0, 0.5, 0, 0, objective=Objective(late_usd=0.1)).choose(asked(), late).option == 1


def test_stated_odds_are_how_often_each_is_taken() -> None:
    chooser = policy(1, 2, 0, 0, epsilon=0.3)
    assert chooser.probabilities(asked(), OPTIONS).tolist() == pytest.approx([0.1, 0.8, 0.1])
    taken = Counter(chooser.choose(asked(f"r{at}"), OPTIONS).option for at in range(2000))
    for option, share in enumerate((0.1, 0.8, 0.1)):
        assert taken[option] / 2000 == pytest.approx(share, abs=0.03)


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.floats(0, 1), st.text(max_size=9))
def test_odds_sum_to_one_and_the_draw_is_one_of_them(worth: list[float], epsilon: float, name: str) -> None:
    chooser = policy(*worth, epsilon=epsilon)
    choice, shares = chooser.choose(asked(name), OPTIONS), chooser.probabilities(asked(name), OPTIONS)
    assert shares.sum() == pytest.approx(1.0)
    assert choice.propensity == shares[choice.option] > 0.0


def test_values_outlive_a_message() -> None:
    held = values(0.25, 0.5, 0.75, 1.0)
    again = SessionValues.from_plain(held.plain())
    state = State(2, 900.0, 1, 0, 1)
    assert again.values(state).tolist() == held.values(state).tolist()
    with pytest.raises(KeyError):
        SessionValues.from_plain({"models": 2})


TALK = (
    Message("user", "mend it"), Message("assistant", "", ("run",)), Message("tool", "e" * 40, failed=True),
    Message("assistant", "", ("run",)), Message("tool", "fine"), Message("assistant", "", ("run",)),
    Message("tool", "error", failed=True),
)  # fmt: skip


def test_a_session_stands_where_its_messages_say() -> None:
    told = standing(Facts("r", "auto", TALK, prompt_tokens=500), 0)
    assert state_of({STATE: told}, 1) == State(3, 500.0, 2, 1, 1)


def test_what_was_cut_weighs_no_more() -> None:
    told = standing(Facts("r", "auto", TALK, prompt_tokens=500), 1)
    assert state_of({STATE: told}, -1) == State(3, 490.0, 1, -1, 1)
    assert told.scores["cut"] == 1.0
    assert standing(Facts("r", "auto", TALK), 9).scores["cut"] == 2.0


def test_without_a_reading_a_session_is_at_its_beginning() -> None:
    assert state_of({}, -1) == State(0, 0.0, 0, -1, 0)
