"""A policy learned from logs earns more than the one that wrote them, and doubts what they seldom tried."""

import gzip
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from policies.select.session_values import Action, SessionValues, Settings, State, Step, actions, features, fitted
from sims.task_sessions import Behaviour, Sessions, at_random, earned, like

RECORDED = Path(__file__).parents[4] / "shared/data/taubench_sessions/gpt4o_airline.jsonl.gz"
BEHAVIOUR = at_random(2, [0.5, 0.3, 0.1, 0.1])


def learned(world: Sessions, n: int, seed: int = 0) -> SessionValues:
    return fitted([step for one in world.log(BEHAVIOUR, n, seed) for step in one], 2)


def acting(q: SessionValues) -> Behaviour:
    return lambda state, chance: q.act(state)


def always(model: int) -> Behaviour:
    return lambda state, chance: Action(model, False)


def gain(world: Sessions, q: SessionValues, other: Behaviour, n: int = 1500) -> tuple[float, float]:
    """Mean dollars a session more than another policy, and the lower end of its 95 % interval."""
    mine, theirs = earned(world.log(acting(q), n, 901)), earned(world.log(other, n, 902))
    error = np.sqrt(mine.var() / n + theirs.var() / n)
    return float(mine.mean() - theirs.mean()), float(mine.mean() - theirs.mean() - 1.96 * error)


def test_it_earns_more_than_the_policy_that_wrote_the_log() -> None:
    world = Sessions()
    assert gain(world, learned(world, 600), BEHAVIOUR)[1] > 0.0


def test_it_earns_more_than_any_one_model_throughout() -> None:
    world = Sessions()
    q = learned(world, 1200)
    assert gain(world, q, always(0))[1] > 0.0
    assert gain(world, q, always(1))[1] > 0.0


def test_it_learns_to_cut_failed_turns_and_not_to_cut_clean_ones() -> None:
    q = learned(Sessions(), 1200)
    assert q.act(State(6, 2500.0, 3, 0, 4)).intervene
    assert not q.act(State(6, 2500.0, 0, 0, 5)).intervene


def test_where_a_cut_costs_more_than_it_saves_it_is_not_made() -> None:
    world = Sessions(turn_tokens=60_000.0, value_usd=0.02)
    q = learned(world, 800)
    cuts = [step.action >= 2 for one in world.log(acting(q), 200, 5) for step in one]
    assert np.mean(cuts) < 0.1


def test_an_action_that_the_log_seldom_tried_is_worth_little() -> None:
    world = Sessions()
    rare = at_random(2, [0.995, 0.001, 0.002, 0.002])
    steps = [step for one in world.log(rare, 150, 3) for step in one]
    hopeful, doubtful = (fitted(steps, 2, Settings(pessimism=p, discount=0.0)) for p in (0.0, 2.0))
    state = State(2, 1700.0, 0, 0)
    lost = hopeful.values(state) - doubtful.values(state)
    assert lost[1] > 2.0 * lost[0]


def test_a_sessions_end_has_no_future() -> None:
    state = State(0, 1000.0, 0, -1)
    ends = [Step(state, 0, 1.0, None)] * 200
    assert fitted(ends, 1, Settings(pessimism=0.0, ridge=0.01)).values(state)[0] == pytest.approx(1.0, abs=0.02)


def test_a_second_step_is_worth_what_the_first_leads_to() -> None:
    first, second = State(0, 0.0, 0, -1), State(5, 0.0, 1, 0)
    steps = [Step(first, 0, 0.0, second), Step(second, 0, 1.0, None)] * 200
    q = fitted(steps, 1, Settings(pessimism=0.0, ridge=0.01, discount=0.5))
    assert q.values(first)[0] == pytest.approx(0.5, abs=0.03)


def test_actions_are_models_without_and_with_a_cut() -> None:
    assert actions(2) == (Action(0, False), Action(1, False), Action(0, True), Action(1, True))
    assert features([State(0, 0.0, 99, 7)], 2, Settings()).shape == (1, 11)


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded agent sessions are not on this machine")
def test_it_beats_the_behaviour_in_sessions_as_long_as_recorded_ones() -> None:
    turns: dict[int, list[tuple[float, float]]] = defaultdict(list)
    with gzip.open(RECORDED, "rt") as lines:
        for row in map(json.loads, lines):
            turns[row["session"]].append((float(row["input_length"]), float(row["output_length"])))
    world = like(list(turns.values()))
    assert 1000.0 < world.first_tokens < 5000.0
    assert gain(world, learned(world, 600), BEHAVIOUR)[1] > 0.0
