"""Closed loops: a turn comes when the one before has ended and its pause is over, whatever became of that one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.policy import routing
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import REFUSED, SERVED, SHED, UNFINISHED
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, arrivals, turns
from tests.sims.engine.worlds import alike, replica, traces

LEAST = routing("least_loaded")


def test_a_turn_comes_its_pause_after_the_end_of_the_one_before() -> None:
    run = simulate(turns((0.0, "a", None), (0.0, "a", 2.5), (0.0, "a", 0.0)), alike(1), LEAST)
    assert run.at[1] == pytest.approx(run.end[0] + 2.5)
    assert run.at[2] == run.end[1]
    assert run.admitted[2] == pytest.approx(run.at[2] + FRONT_S)


def test_a_turn_with_a_time_of_its_own_comes_no_sooner() -> None:
    run = simulate(turns((0.0, "a", None), (50.0, "a", 1.0), (10.0, "b", None)), alike(1), LEAST)
    assert run.at[1] == 50.0


def test_a_turn_without_a_pause_comes_at_its_time_even_while_the_one_before_runs() -> None:
    run = simulate(turns((0.0, "a", None), (0.01, "a", None), output=500), alike(1), LEAST)
    assert run.at[1] == 0.01
    assert run.at[1] < run.end[0]


def test_sessions_do_not_wait_for_each_other() -> None:
    rows = turns((0.0, "a", None), (0.0, "b", None), (0.0, "a", 1.0), (0.0, "b", 3.0))
    run = simulate(rows, alike(2), LEAST)
    assert run.at[2] == pytest.approx(run.end[0] + 1.0)
    assert run.at[3] == pytest.approx(run.end[1] + 3.0)


def test_requests_of_no_session_wait_for_nobody() -> None:
    rows = arrivals((0.0, 100, 400), (0.1, 100, 5))
    assert simulate(rows, alike(1), LEAST).at.tolist() == [0.0, 0.1]


def test_a_slower_fleet_is_asked_later_so_it_is_never_overrun() -> None:
    rows = turns(*[(0.0, str(i % 8), None if i < 8 else 0.1) for i in range(160)], output=60)
    fast, slow = (
        simulate(rows, [replica("r", fast=quick)], LEAST, Conditions(sample_s=0.5)) for quick in (True, False)
    )
    assert fast.samples is not None
    assert slow.samples is not None
    for run in (fast, slow):
        assert (run.state == SERVED).all()
        assert run.samples is not None
        assert (run.samples.running + run.samples.waiting).max() <= 8
    assert slow.end_s > 1.5 * fast.end_s


def test_after_a_turn_that_is_refused_the_next_comes_its_pause_later() -> None:
    rows = arrivals((1.0, 2000, 10), (1.0, 50, 5), session=np.zeros(2, np.int32), after_s=np.array([np.nan, 2.0]))
    run = simulate(rows, alike(1, kv_tokens=960), LEAST)
    assert run.state.tolist() == [REFUSED, SERVED]
    assert run.at[1] == 3.0


def test_after_a_turn_that_is_shed_the_next_comes_its_pause_later() -> None:
    rows = arrivals(
        (0.0, 100, 3000), (1.0, 100, 5), (1.0, 100, 5), session=np.array([-1, 0, 0], np.int32),
        after_s=np.array([np.nan, np.nan, 40.0]),
    )  # fmt: skip
    run = simulate(rows, alike(1, max_seqs=1), LEAST, Conditions(queue_s=2.0))
    assert run.state.tolist() == [SERVED, SHED, SERVED]
    assert run.at[2] == pytest.approx(43.0)


def test_a_turn_whose_replica_failed_keeps_the_next_waiting_until_it_is_served_elsewhere() -> None:
    rows = turns((0.0, "a", None), (0.0, "a", 1.0), output=400)
    first = int(simulate(rows, alike(2), LEAST).replica[0])
    least = simulate(rows, alike(2), LEAST, Conditions(outages=(Outage(replica=first, at=1.0),)))
    assert (least.state == SERVED).all()
    assert least.end[0] > 1.0
    assert least.at[1] == pytest.approx(least.end[0] + 1.0)


def test_turns_behind_one_that_never_ends_never_come() -> None:
    rows = turns((0.0, "a", None), (0.0, "a", 1.0), (0.0, "a", 1.0), output=5000)
    run = simulate(rows, alike(1), LEAST, Conditions(give_up_s=2.0))
    assert (run.state == UNFINISHED).all()
    assert np.isnan(run.first[1:]).all()


def test_an_agents_growing_prompt_finds_the_turn_before_in_the_cache() -> None:
    rows = [
        Arrival(
            at=0.0, prompt_tokens=160 * k + 1, output_tokens=4, session="a", blocks=tuple(range(10 * k)),
            block_tokens=16, after_s=0.5 if k > 1 else None,
        )
        for k in range(1, 7)
    ]  # fmt: skip
    run = simulate(Arrivals.of(rows), alike(1), LEAST)
    assert run.cached.tolist() == [160 * k for k in range(6)]


def test_the_order_of_rows_decides_between_turns_that_come_at_one_instant() -> None:
    order: list[int] = []

    def noting(i: int, ask: object, table: object, cached: object) -> int:
        order.append(i)
        return 0

    simulate(turns((0.0, "a", None), (0.0, "b", None), (0.0, "c", None)), alike(1), noting)
    assert order == [0, 1, 2]


@given(traces())
@settings(max_examples=60, deadline=None)
def test_every_turn_that_waits_comes_exactly_when_it_may(given_: Arrivals) -> None:
    run = simulate(given_, alike(2), LEAST)
    following = given_.next_turns()
    for i in np.flatnonzero(following >= 0):
        after = int(following[i])
        ended = run.end[i] if run.state[i] == SERVED else run.at[i]
        assert run.at[after] == max(given_.at[after], ended + given_.after_s[after])
    own = np.isnan(given_.after_s)
    assert run.at[own].tolist() == given_.at[own].tolist()


@given(traces(), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_session_has_one_turn_in_flight_where_all_its_turns_wait(given_: Arrivals, replicas: int) -> None:
    run = simulate(given_, alike(replicas), LEAST)
    for session in set(given_.session.tolist()):
        mine = np.flatnonzero(given_.session == session)
        if np.isnan(given_.after_s[mine[1:]]).any():
            continue
        assert (run.at[mine[1:]] >= run.end[mine[:-1]]).all()
