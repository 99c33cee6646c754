"""The simulated sessions do what they say."""

from collections.abc import Sequence

import numpy as np
import pytest

from policies.select.port import Choice, Context, Option
from policies.select.session_q import state_of
from policies.select.session_values import Action, State, actions
from sims.task_sessions import Behaviour, Model, Sessions, at_random, by_policy, earned, like

SURE = Sessions(models=(Model(1.0, 1.0, 1.0, 1.0),), steps=5.0)
NEVER = Sessions(models=(Model(0.0, 1.0, 1.0, 1.0),), gives_up=0.0, most_turns=7)


def only(action: Action) -> Behaviour:
    return lambda state, chance: action


def test_a_model_that_always_succeeds_completes_every_session() -> None:
    log = SURE.log(only(Action(0, False)), 200, 0)
    assert all(one[-1].reward > 0.09 for one in log)
    assert np.mean([len(one) for one in log]) == pytest.approx(5.0, abs=0.4)
    assert not any(step.state.failures for one in log for step in one)


def test_a_model_that_never_succeeds_ends_at_the_last_turn_having_cost() -> None:
    (one,) = NEVER.log(only(Action(0, False)), 1, 0)
    assert len(one) == 7
    assert [step.state.failures for step in one] == list(range(7))
    assert earned([one])[0] < 0.0


def test_a_cut_drops_the_failures_and_their_tokens() -> None:
    (one,) = NEVER.log(only(Action(0, True)), 1, 0)
    assert max(step.state.failures for step in one) == 1
    assert max(step.state.context_tokens for step in one) < 1300.0 + 2 * 200.0


def test_another_model_pays_for_the_whole_context_once() -> None:
    two = Sessions(models=(Model(0.0, 1.0, 1.0, 0.0),) * 2, gives_up=0.0, most_turns=6)
    (stays,), (moves,) = (
        two.log(behave, 1, 0)
        for behave in (only(Action(0, False)), lambda state, chance: Action(int(state.turn == 3), False))
    )
    costs = [[-step.reward for step in one] for one in (stays, moves)]
    assert costs[1][3] > 3.0 * costs[0][3]
    assert costs[1][2] == costs[0][2]


def test_every_turn_but_the_last_leads_to_the_next() -> None:
    for one in Sessions().log(at_random(2, [0.25] * 4), 50, 1):
        assert [step.then for step in one[:-1]] == [step.state for step in one[1:]]
        assert one[-1].then is None


def test_the_same_seed_is_the_same_log() -> None:
    behave = at_random(2, [0.25] * 4)
    assert Sessions().log(behave, 20, 7) == Sessions().log(behave, 20, 7)


def test_sessions_are_as_long_as_recorded_ones() -> None:
    world = like([[(1000.0, 50.0), (1300.0, 70.0), (1600.0, 60.0)]] * 3)
    assert (world.first_tokens, world.turn_tokens, world.out_tokens) == (1000.0, 300.0, 60.0)


def test_recorded_sessions_of_one_turn_tell_nothing_of_growth() -> None:
    with pytest.raises(ValueError, match="two turns"):
        like([[(1.0, 1.0)]])


def test_a_policy_sees_of_a_session_what_the_gateway_shows_it() -> None:
    seen: list[tuple[State, list[tuple[str, bool]]]] = []

    class Looks:
        def choose(self, context: Context, options: Sequence[Option]) -> Choice:
            place = ("small", "large").index(context.last_model) if context.last_model else -1
            seen.append((state_of(context.readings, place), [(one.model, one.intervene) for one in options]))
            return Choice(len(options) - 1, 1.0, "the last")

    (one,) = Sessions().log(by_policy(Looks(), ("small", "large")), 1, 3)
    assert [state for state, _ in seen] == [step.state for step in one]
    for (state, offered), step in zip(seen, one, strict=True):
        assert len(offered) == (4 if state.failures else 2)
        assert actions(2)[step.action] == Action(1, state.failures > 0)
