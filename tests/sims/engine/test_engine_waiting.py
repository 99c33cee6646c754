"""Requests held at the router: while there is no room, while nobody is ready, until they are shed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.policy import routing
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import REFUSED, SERVED, SHED, UNFINISHED
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, arrivals
from tests.sims.engine.worlds import BLOCK, alike, drawn, replica

LEAST = routing("least_loaded")
ONE_AT_A_TIME = alike(1, max_seqs=1)


def test_without_a_queue_at_the_router_all_wait_at_the_replica() -> None:
    rows = arrivals((0.0, 100, 100), (0.1, 100, 5))
    run = simulate(rows, ONE_AT_A_TIME, LEAST, Conditions(sample_s=0.2))
    assert run.samples is not None
    assert run.samples.waiting[1, 0] == 1
    assert run.admitted[1] == pytest.approx(run.end[0])


def test_with_one_it_is_sent_when_there_is_room_and_pays_the_front_end_then() -> None:
    rows = arrivals((0.0, 100, 100), (0.1, 100, 5))
    run = simulate(rows, ONE_AT_A_TIME, LEAST, Conditions(queue_s=60.0, sample_s=0.2))
    assert run.samples is not None
    assert run.samples.waiting.max() == 0
    assert run.admitted[1] == pytest.approx(run.end[0] + FRONT_S)


def test_who_has_waited_for_the_whole_patience_is_shed_at_that_instant() -> None:
    rows = arrivals((0.0, 100, 3000), (0.5, 100, 5), (4.0, 100, 5))
    run = simulate(rows, ONE_AT_A_TIME, LEAST, Conditions(queue_s=2.0))
    assert run.state.tolist()[1] == SHED
    assert np.isnan(run.end[1])
    assert run.replica[1] == -1
    assert run.at[1] == 0.5


def test_patience_is_counted_from_each_ones_own_arrival() -> None:
    ends = simulate(arrivals((0.0, 100, 400)), ONE_AT_A_TIME, LEAST).end[0]
    rows = arrivals((0.0, 100, 400), (0.1, 100, 5), (ends - 0.1, 100, 5))
    run = simulate(rows, ONE_AT_A_TIME, LEAST, Conditions(queue_s=0.5))
    assert run.state.tolist() == [SERVED, SHED, SERVED]


def test_someone_who_needs_more_memory_than_is_free_waits_and_those_behind_do_not_overtake() -> None:
    fleet = alike(1, kv_tokens=64 * BLOCK)
    rows = arrivals((0.0, 600, 200), (0.1, 700, 5), (0.2, 10, 5))
    run = simulate(rows, fleet, LEAST, Conditions(queue_s=1e6))
    assert (run.state == SERVED).all()
    assert run.admitted[1] > run.end[0]
    assert run.admitted[2] > run.end[0]


def test_a_free_replica_takes_who_is_held_whatever_the_others_do() -> None:
    rows = arrivals((0.0, 100, 4000), (0.0, 100, 50), (0.1, 100, 5))
    run = simulate(rows, alike(2, max_seqs=1), LEAST, Conditions(queue_s=1e6))
    short = int(run.replica[1])
    assert run.replica[2] == short
    assert run.admitted[2] == pytest.approx(run.end[1] + FRONT_S)


def test_each_model_has_a_queue_of_its_own() -> None:
    fleet = [replica("a", model="chat", max_seqs=1), replica("b", model="reason", max_seqs=1)]
    rows = arrivals((0.0, 100, 3000), (0.1, 100, 5), (0.2, 100, 5))
    rows = replace(rows, model=np.array([0, 0, 1], np.int32), models=("chat", "reason"))
    run = simulate(rows, fleet, LEAST, Conditions(queue_s=1e6))
    assert run.admitted[1] > run.end[0]
    assert run.admitted[2] == pytest.approx(0.2 + FRONT_S), "the other model's queue is not in its way"


@given(st.integers(0, 50), st.sampled_from([0.05, 0.4, 2.0, 1e6]), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_nobody_waits_at_the_router_longer_than_the_patience(seed: int, queue_s: float, places: int) -> None:
    rows = drawn(60, 40.0, seed=seed, prompt=100, output=40)
    run = simulate(rows, alike(1, max_seqs=places), LEAST, Conditions(queue_s=queue_s))
    assert set(run.state.tolist()) <= {SERVED, SHED}
    sent = run.admitted - FRONT_S
    done = run.state == SERVED
    # At the replica, too, a step may have to end before it is admitted.
    assert (sent[done] - run.at[done] <= queue_s + 0.2).all()
    if queue_s == 1e6:
        assert done.all()


@given(st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_a_longer_patience_never_serves_fewer(seed: int) -> None:
    rows = drawn(60, 40.0, seed=seed, prompt=100, output=40)
    served = [
        int((simulate(rows, alike(1, max_seqs=2), LEAST, Conditions(queue_s=queue_s)).state == SERVED).sum())
        for queue_s in (0.1, 1e6)
    ]
    assert served[0] <= served[1] == 60


def test_those_shed_are_not_those_who_came_first_of_a_burst() -> None:
    run = simulate(arrivals(*[(0.0, 100, 100)] * 20), alike(1, max_seqs=4), LEAST, Conditions(queue_s=1.5))
    shed = np.flatnonzero(run.state == SHED)
    assert len(shed)
    assert shed.tolist() == list(range(int(shed[0]), 20))


def test_what_no_replica_takes_is_refused_rather_than_held() -> None:
    rows = arrivals((0.0, 500_000, 5), (0.1, 10, 5))
    limited = [replace(one, context_limit=131_072) for one in alike(1)]
    run = simulate(rows, limited, LEAST, Conditions(queue_s=5.0))
    assert run.state.tolist() == [REFUSED, SERVED]


def test_while_nobody_is_ready_nobody_is_shed_without_a_patience() -> None:
    down = Conditions(outages=(Outage(replica=0, at=0.0, until=500.0),))
    run = simulate(arrivals((1.0, 100, 5), (2.0, 100, 5)), alike(1), LEAST, down)
    assert (run.state == SERVED).all()
    assert run.admitted.tolist() == pytest.approx([500.0 + FRONT_S] * 2)


def test_while_nobody_is_ready_the_patience_ends_as_ever() -> None:
    down = Conditions(queue_s=3.0, outages=(Outage(replica=0, at=0.0, until=500.0),))
    run = simulate(arrivals((1.0, 100, 5), (499.0, 100, 5)), alike(1), LEAST, down)
    assert run.state.tolist() == [SHED, SERVED]


def test_a_queue_that_grows_without_end_is_told_from_a_long_one() -> None:
    fleet, grows = alike(1, max_seqs=2), Conditions(unstable_growth=0.25)
    hopeless = simulate(drawn(2000, 100.0), fleet, LEAST, grows)
    assert hopeless.unstable
    assert (hopeless.state == UNFINISHED).sum() > 500
    assert np.isinf(hopeless.ttft_s[hopeless.state == UNFINISHED]).all()
    burst = arrivals(*[(0.0, 50, 5)] * 60, *[(200.0 + i, 50, 5) for i in range(2000)])
    assert not simulate(burst, alike(1), LEAST, grows).unstable, "sixty at once are a burst, no growth"


def test_those_held_at_the_router_count_as_waiting_for_their_first_token() -> None:
    run = simulate(drawn(2000, 100.0), alike(1, max_seqs=2), LEAST, Conditions(queue_s=1e6, unstable_growth=0.25))
    assert run.unstable


def test_a_policy_that_sends_nobody_anywhere_leaves_all_unfinished() -> None:
    run = simulate(drawn(10, 5.0), alike(2), lambda i, ask, table, cached: -1)
    assert (run.state == UNFINISHED).all()
    assert run.busy_s.tolist() == [0.0, 0.0]
