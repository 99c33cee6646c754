"""Sessions that burn more than their kind are stopped by steps; others are not touched."""

import gzip
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.token_budget import Budget, Expected, Ladder, Rung

RECORDED = Path(__file__).parents[4] / "shared/data/taubench_sessions/gpt4o_airline.jsonl.gz"
USUAL = Expected.of([[1000.0] * 8 for _ in range(20)])


def test_expected_tokens_are_the_ninetieth_percentile_by_turn() -> None:
    sessions = [[100.0 * (i + 1)] * 3 for i in range(10)]
    assert Expected.of(sessions).at(2) == pytest.approx(np.quantile([200.0 * (i + 1) for i in range(10)], 0.9))


def test_a_turn_that_few_reached_is_expected_as_the_last_that_many_did() -> None:
    assert Expected.of([*[[100.0] * 2] * 9, [100.0] * 5]).at(5) == 200.0


def test_without_past_sessions_nothing_is_ever_too_much() -> None:
    assert Ladder().rung(1e9, Expected.of([]).at(3)) is Rung.NOTHING


@pytest.mark.parametrize(
    ("times", "rung"),
    [(1.0, 0), (2.9, 0), (3.0, 1), (4.5, 2), (6.0, 3), (9.0, 4), (99.0, 4)],
)
def test_the_ladder_is_shape_compress_downgrade_stop(times: float, rung: int) -> None:
    assert Ladder().rung(times * 1000.0, 1000.0) is Rung(rung)


def test_failed_tool_calls_bring_the_next_rung_sooner() -> None:
    assert Ladder().rung(2000.0, 1000.0) is Rung.NOTHING
    assert Ladder().rung(2000.0, 1000.0, failed_share=0.8) is Rung.SHAPE_TOOLS


@given(st.floats(0, 1e7), st.floats(0, 1e7), st.floats(1, 1e5))
def test_more_tokens_never_mean_a_milder_rung(one: float, other: float, expected: float) -> None:
    less, more = sorted((one, other))
    assert Ladder().rung(less, expected) <= Ladder().rung(more, expected)


def test_a_counter_that_is_no_number_does_nothing() -> None:
    assert Ladder().rung(float("nan"), 1000.0) is Rung.NOTHING


def test_a_runaway_session_wastes_a_fraction_of_what_it_would() -> None:
    """Retries that burn fifty times the usual are cut; usual sessions keep every token."""
    factor = {Rung.NOTHING: 1.0, Rung.SHAPE_TOOLS: 0.7, Rung.COMPRESS: 0.4, Rung.DOWNGRADE: 0.4}
    for burn, most in ((1.0, 1.0), (50.0, 0.25)):
        wanted, spent = 0.0, 0.0
        for turn in range(1, 21):
            wanted += 1000.0 * burn
            rung = Ladder().rung(spent, USUAL.at(turn))
            spent += 0.0 if rung is Rung.STOP else 1000.0 * burn * factor[rung]
        assert spent <= most * wanted
        assert burn > 1.0 or spent == wanted


def test_a_caller_is_held_to_its_ceiling_over_all_its_sessions() -> None:
    budget = Budget(ceilings={"key": 1000.0}).reserved("key", 600.0)
    assert budget.allows("key", 400.0)
    assert not budget.allows("key", 401.0)
    assert budget.allows("somebody else", 1e9)


def test_what_was_set_aside_is_corrected_by_what_was_used() -> None:
    budget = Budget(ceilings={"key": 1000.0}).reserved("key", 900.0).settled("key", 900.0, 200.0)
    assert budget.spent["key"] == 200.0
    assert budget.allows("key", 800.0)


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded agent sessions are not on this machine")
def test_recorded_sessions_are_left_alone_by_expectations_from_other_sessions() -> None:
    tokens: dict[int, list[float]] = defaultdict(list)
    with gzip.open(RECORDED, "rt") as lines:
        for row in map(json.loads, lines):
            tokens[row["session"]].append(float(row["input_length"] + row["output_length"]))
    sessions = list(tokens.values())
    expected = Expected.of(sessions[::2])
    rungs = [Ladder().rung(sum(one), expected.at(len(one))) for one in sessions[1::2]]
    assert sum(rung > Rung.NOTHING for rung in rungs) <= 0.02 * len(rungs)
