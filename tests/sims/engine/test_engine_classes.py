"""SLO classes: what each is promised, who waits for whom, who is turned away."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cached import Cached
from policies.fleet import Table
from policies.policy import routing
from policies.request import Ask
from sims.arrivals import NONE, Arrivals
from sims.engine.conditions import Conditions, SloClass
from sims.engine.run import SERVED, SHED
from sims.engine.simulate import simulate
from tests.sims.engine.worlds import alike, drawn

LEAST = routing("least_loaded")
GOLD = SloClass(name="gold", ttft_s=0.5, tpot_s=0.02, priority=2)
FREE = SloClass(name="free", ttft_s=9.0, tpot_s=1.0, priority=-1)
CLASSES = (GOLD, FREE)


def classed(count: int, rate_rps: float, seed: int = 0) -> Arrivals:
    """Arrivals of gold, free and no class, drawn evenly."""
    draws = np.random.default_rng(seed + 100)
    numbers = draws.integers(NONE, 2, count).astype(np.int32)
    return replace(drawn(count, rate_rps, seed, prompt=100, output=60), slo=numbers, slos=("gold", "free"))


def test_a_policy_is_told_the_deadlines_of_the_requests_class() -> None:
    asked: list[tuple[float, float]] = []

    def note(i: int, ask: Ask, table: Table, cached: Cached) -> int:
        asked.append((ask.ttft_deadline_s, ask.tpot_deadline_s))
        return 0

    arrivals = classed(30, 5.0)
    simulate(arrivals, alike(1), note, Conditions(classes=CLASSES, ttft_slo_s=3.0, tpot_slo_s=0.2))
    wanted = {0: (0.5, 0.02), 1: (9.0, 1.0), NONE: (3.0, 0.2)}
    assert asked == [wanted[number] for number in arrivals.slo.tolist()]


def test_a_class_that_the_fleet_does_not_know_is_promised_what_everybody_is() -> None:
    asked: list[float] = []
    arrivals = replace(classed(10, 5.0), slos=("silver", "bronze"))
    simulate(arrivals, alike(1), lambda i, ask, *_: asked.append(ask.ttft_deadline_s) or 0, Conditions(classes=CLASSES))  # type: ignore[func-returns-value]
    assert set(asked) == {2.0}


def crowded(**given_: object) -> tuple[Arrivals, list[list[int]], np.ndarray]:
    """Far more than one small replica can do; per class the outcomes, and when each was sent on."""
    arrivals = classed(200, 40.0)
    run = simulate(arrivals, alike(1, max_seqs=2), LEAST, Conditions(queue_s=2.0, classes=CLASSES, **given_))  # type: ignore[arg-type]
    states = [np.bincount(run.state[arrivals.slo == number], minlength=3).tolist() for number in (0, NONE, 1)]
    return arrivals, states, run.ttft_s


def test_the_class_that_matters_most_is_served_first_and_shed_last() -> None:
    _, states, _ = crowded()
    gold, plain, free = [state[SERVED] / sum(state) for state in states]
    assert gold > 2.0 * max(plain, free)  # some of each are sent before anybody has to wait
    assert free < 0.1


def test_within_a_class_the_one_that_has_waited_longest_is_first() -> None:
    arrivals = classed(60, 40.0)
    fleet = alike(1, max_seqs=1)
    run = simulate(arrivals, fleet, LEAST, Conditions(queue_s=1e6, classes=CLASSES))
    for number in (0, NONE, 1):
        admitted = run.admitted[arrivals.slo == number]
        assert (np.diff(admitted) > 0.0).all()


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_nobody_of_a_better_class_waits_while_a_worse_one_that_came_later_is_sent(seed: int) -> None:
    arrivals = classed(60, 40.0, seed)
    run = simulate(arrivals, alike(1, max_seqs=1), LEAST, Conditions(queue_s=1e6, classes=CLASSES))
    rank = np.array([2.0, -1.0, 0.0])[arrivals.slo]
    for i in range(len(arrivals)):
        later = run.admitted > run.at[i]
        passed = later & (run.admitted < run.admitted[i]) & (rank < rank[i])
        # One may have been on its way to the replica already when this one came.
        assert passed.sum() <= 1


def test_without_classes_a_queue_is_in_the_order_of_arrival() -> None:
    run = simulate(classed(60, 40.0), alike(1, max_seqs=1), LEAST, Conditions(queue_s=1e6))
    assert (np.diff(run.admitted) > 0.0).all()


def test_beyond_the_most_in_flight_a_request_is_turned_away_at_once() -> None:
    arrivals = drawn(200, 100.0)
    run = simulate(arrivals, alike(1), LEAST, Conditions(most_in_flight=10))
    shed = run.state == SHED
    assert 0 < shed.sum() < 200
    open_at = [int(((run.at < run.at[i]) & ~(run.end <= run.at[i]) & ~shed).sum()) for i in range(200)]
    assert max(open_at) == 10
    assert all((open_at[i] == 10) == bool(shed[i]) for i in range(200))


def test_nobody_is_turned_away_where_there_is_no_limit() -> None:
    assert (simulate(drawn(200, 100.0), alike(1), LEAST).state == SERVED).all()


def test_at_the_limit_one_of_a_lower_class_that_is_held_makes_way() -> None:
    _, limited, _ = crowded(most_in_flight=8)
    gold, plain, free = [state[SERVED] / sum(state) for state in limited]
    assert gold > 2.0 * max(plain, free)
    same = replace(classed(200, 40.0), slo=np.full(200, NONE, np.int32))
    run = simulate(same, alike(1, max_seqs=2), LEAST, Conditions(queue_s=2.0, most_in_flight=8))
    served = (run.state == SERVED).sum()
    assert served == pytest.approx(sum(state[SERVED] for state in limited), rel=0.2)


def test_closed_loops_go_on_after_a_turn_is_turned_away_at_once() -> None:
    rows = drawn(40, 1000.0)
    after = np.where(np.arange(40) % 2 == 1, 0.5, np.nan)
    arrivals = replace(rows, session=(np.arange(40) // 2).astype(np.int32), after_s=after)
    run = simulate(arrivals, alike(1), LEAST, Conditions(most_in_flight=4))
    assert np.isfinite(run.at).all()
    assert (run.state == SHED).any()


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({"most_in_flight": -1}, "most_in_flight is -1"),
        ({"classes": (GOLD, GOLD)}, "classes are named gold, gold"),
        ({"classes": (replace(GOLD, ttft_s=0.0),)}, "class 'gold' has deadlines 0.0 and 0.02 s"),
    ],
)
def test_classes_that_make_no_sense_are_said_in_one_sentence(given_: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        simulate(drawn(3, 1.0), alike(1), LEAST, Conditions(**given_))  # type: ignore[arg-type]
