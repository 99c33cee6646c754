"""Turns that are harmless alone add up; ordinary talk does not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.risk import Response, Risk, Thresholds
from policies.signals.reading import UNKNOWN, Reading

T = Thresholds()


def after(*confidences: float, thresholds: Thresholds = T) -> Risk:
    risk = Risk()
    for each in confidences:
        risk = risk.after(Reading(each), thresholds)
    return risk


def test_three_turns_below_the_single_threshold_escalate_together() -> None:
    assert after(0.4).response(T) is Response.NOTHING
    assert after(0.4, 0.4, 0.4).response(T) >= Response.SAFER_MODEL


def test_one_turn_that_is_risky_alone_gets_a_safer_model_at_once() -> None:
    assert after(0.55).response(T) is Response.SAFER_MODEL


def test_responses_grow_to_a_human() -> None:
    grown = [after(*[0.65] * n).response(T) for n in range(1, 8)]
    assert grown == sorted(grown)
    assert grown[-1] is Response.HUMAN
    assert after(*[0.1] * 50).response(T) is Response.NOTHING


def test_the_cut_goes_back_to_where_the_build_up_began() -> None:
    assert after(0.0, 0.05, 0.4, 0.45).seed_turn == 2


def test_clean_turns_let_the_risk_fade_and_forget_its_beginning() -> None:
    risk = after(0.3, *[0.0] * 20)
    assert risk.response(T) is Response.NOTHING
    assert risk.seed_turn == -1


def test_a_guard_that_was_late_neither_adds_nor_fades() -> None:
    before = after(0.4, 0.4)
    assert before.after(UNKNOWN, T).value == before.value


def test_a_callers_risk_over_sessions_fades_more_slowly() -> None:
    slow = Thresholds(fade=0.99)
    told = [0.4, *[0.0] * 10, 0.4]
    assert after(*told, thresholds=slow).value > after(*told).value


@given(st.lists(st.floats(0, 1), max_size=20), st.integers(0, 19), st.floats(0, 1))
def test_a_riskier_turn_never_lowers_what_built_up(told: list[float], at: int, more: float) -> None:
    told = [max(each, T.floor) for each in told]
    raised = [max(each, more) if i == at else each for i, each in enumerate(told)]
    assert after(*raised).value >= after(*told).value - 1e-9


def test_accumulation_catches_crescendos_that_the_peak_misses_at_few_false_alarms() -> None:
    chance = np.random.default_rng(0)
    attacks = [np.clip(np.linspace(0.15, 0.47, 8) + chance.normal(0, 0.04, 8), 0, 0.49) for _ in range(300)]
    talks = [np.clip(chance.beta(1.2, 12, 12), 0, 1) for _ in range(300)]
    caught = np.mean([after(*each).response(T) > Response.NOTHING for each in attacks])
    alarmed = np.mean([after(*each).response(T) > Response.NOTHING for each in talks])
    assert not any((each >= T.turn).any() for each in attacks)
    assert caught >= 0.9
    assert alarmed <= 0.02
