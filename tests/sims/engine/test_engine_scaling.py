"""A fleet that changes while it serves: starting, draining, failing, moving from pool to pool; who is chosen for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.policy import routing
from policies.scale.scaling import History, Move, PoolState, Wish, scaling
from sims.engine.conditions import Conditions, Outage, SloClass
from sims.engine.run import SERVED, UNFINISHED
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, arrivals, prompts
from tests.sims.engine.test_engine_laws import check
from tests.sims.engine.worlds import H100, alike, drawn, replica

LEAST = routing("least_loaded")
QUICK = Conditions(provision_s=2.0, read_bytes_per_s=1e13)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Wishes by a function of the time; writes down what it saw."""

    wish: Callable[[float], Mapping[str, int]]
    moves: Mapping[float, tuple[Move, ...]] = field(default_factory=dict)
    interval_s: float = 5.0
    seen: list[tuple[float, dict[str, PoolState]]] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        self.seen.append((now, dict(history[-1])))
        return Wish(replicas=self.wish(now), moves=self.moves.get(now, ()))


def pools(**counts: int) -> list[Replica]:
    """Replicas alike in pools of those names."""
    return [replace(replica(f"{pool}-{i}"), pool=pool) for pool, count in counts.items() for i in range(count)]


def all_of(count: int, pool: str = "h100-sxm") -> Told:
    """The same wish at all times."""
    return Told(wish=lambda now: {pool: count})


def test_what_is_wanted_at_first_is_ready_at_once() -> None:
    run = simulate(drawn(50, 10.0), alike(3), LEAST, QUICK, scaling=all_of(2))
    assert run.admitted[0] == pytest.approx(run.at[0] + FRONT_S)
    assert sorted(run.up_s.tolist()) == pytest.approx([0.0, run.end_s, run.end_s])


def test_later_ones_are_ready_after_provisioning_and_loading_their_weights() -> None:
    slow = Conditions(provision_s=30.0, read_bytes_per_s=1e9)
    told = Told(wish=lambda now: {"h100-sxm": 1 if now < 10.0 else 2})
    run = simulate(drawn(900, 10.0), alike(2), LEAST, slow, scaling=told)
    ready = 10.0 + 30.0 + H100.load_seconds(1e9)
    late = run.replica == 1
    assert ready <= run.at[late].min() < ready + 2.0
    assert H100.load_seconds(1e9) > H100.load_seconds(1e10) > 0.0


def test_more_than_there_can_be_is_all_there_is() -> None:
    run = simulate(drawn(100, 20.0), alike(3), LEAST, QUICK, scaling=all_of(50))
    assert (run.up_s == run.end_s).all()


def test_fewer_than_none_is_none() -> None:
    run = simulate(drawn(20, 20.0), alike(2), LEAST, replace(QUICK, give_up_s=30.0), scaling=all_of(-3))
    assert run.up_s.tolist() == [0.0, 0.0]
    assert (run.state == UNFINISHED).all()


def test_a_pool_that_is_not_named_stays_as_it_is() -> None:
    told = Told(wish=lambda now: {"a": 1, "b": 1} if now == 0.0 else {"a": 2})
    run = simulate(drawn(300, 10.0), pools(a=2, b=2), LEAST, QUICK, scaling=told)
    assert (run.up_s[2:] > 0.0).sum() == 1
    assert run.up_s[2:].max() == run.end_s


def test_of_a_pool_that_is_not_named_at_first_all_are_there_at_once() -> None:
    told = Told(wish=lambda now: {"a": 1} if now == 0.0 else {})
    run = simulate(drawn(300, 10.0), pools(a=2, b=2), LEAST, QUICK, scaling=told)
    assert run.up_s.tolist() == pytest.approx([run.end_s, 0.0, run.end_s, run.end_s])


def test_who_is_still_starting_is_stopped_before_anyone_who_serves() -> None:
    slow = Conditions(provision_s=1000.0)
    told = Told(wish=lambda now: {"h100-sxm": {0.0: 1, 5.0: 2}.get(now, 1)})
    run = simulate(drawn(300, 10.0), alike(2), LEAST, slow, scaling=told)
    assert run.up_s.tolist() == pytest.approx([run.end_s, 5.0])
    assert (run.replica == 0).all()


def test_of_those_who_serve_the_least_loaded_is_stopped() -> None:
    told = Told(wish=lambda now: {"h100-sxm": 3 if now < 5.0 else 2})
    rows = arrivals((0.0, 100, 3000), (0.0, 100, 3000), (0.0, 100, 10), *[(9.0 + i, 100, 5) for i in range(5)])
    run = simulate(rows, alike(3), lambda i, ask, table, cached: i if i < 3 else 0, QUICK, scaling=told)
    assert run.up_s.argmin() == 2


def test_one_that_drains_gets_nobody_new_and_is_paid_for_until_it_is_empty() -> None:
    told = Told(wish=lambda now: {"h100-sxm": 2 if now < 5.0 else 1})
    rows = arrivals((0.0, 100, 1500), (0.0, 100, 2000), *[(6.0 + i, 100, 5) for i in range(4)])
    run = simulate(rows, alike(2), LEAST, QUICK, scaling=told)
    drained = int(np.argmin(run.up_s))
    assert (run.replica[2:] != drained).all()
    last = run.end[run.replica == drained].max()
    assert last <= run.up_s[drained] <= last + 1.0 + 1e-9


def test_a_replica_that_went_off_can_be_started_again() -> None:
    told = Told(wish=lambda now: {"h100-sxm": 0 if 20.0 <= now < 40.0 else 1})
    rows = prompts((0.0, [1, 2, 3]), (10.0, [1, 2, 3]), (60.0, [1, 2, 3]), extra=1)
    run = simulate(rows, alike(1), LEAST, QUICK, scaling=told)
    assert (run.state == SERVED).all()
    assert run.cached[:2].tolist() == [0, 48]
    assert run.up_s[0] < run.end_s - 15.0


def test_while_nobody_is_there_requests_are_held_and_the_scaler_sees_them() -> None:
    told = Told(wish=lambda now: {"h100-sxm": 0 if now < 20.0 else 1})
    run = simulate(arrivals(*[(1.0 + i, 100, 5) for i in range(6)]), alike(1), LEAST, QUICK, scaling=told)
    assert (run.state == SERVED).all()
    held = {now: states["h100-sxm"].held for now, states in told.seen}
    assert (held[0.0], held[5.0], held[10.0]) == (0.0, 4.0, 6.0)


def test_what_a_scaler_sees_of_a_pool_is_what_is_there() -> None:
    told = Told(wish=lambda now: {"a": 2, "b": 1})
    rows = arrivals(*[(0.5, 1000, 5000)] * 6)
    run = simulate(rows, pools(a=2, b=2), lambda i, ask, table, cached: (0, 0, 0, 1, 2, 2)[i],
                   replace(QUICK, give_up_s=12.0), scaling=told)  # fmt: skip
    first, second = told.seen[0][1], told.seen[1][1]
    assert (first["a"].ready, first["a"].most, first["a"].running) == (0, 2, 0.0)
    assert (second["a"].ready, second["b"].ready, second["b"].most) == (2, 1, 2)
    assert (second["a"].running, second["b"].running) == (4.0, 2.0)
    assert (second["a"].arrived, second["b"].arrived) == (4, 2)
    assert 0.0 < second["a"].kv_share < 1.0
    assert (run.state == UNFINISHED).all()


def test_a_scaler_is_asked_at_its_own_interval_from_the_beginning() -> None:
    told = replace(all_of(1), interval_s=7.5)
    run = simulate(drawn(100, 5.0), alike(1), LEAST, QUICK, scaling=told)
    times = [now for now, _ in told.seen]
    assert times[:3] == [0.0, 7.5, 15.0]
    assert times[-1] <= run.end_s + 7.5


def test_arrivals_that_a_scaler_is_told_of_add_up_to_all() -> None:
    told = replace(all_of(2), interval_s=1.0)
    run = simulate(drawn(200, 20.0), alike(2), LEAST, QUICK, scaling=told)
    seen = sum(states["h100-sxm"].arrived for _, states in told.seen)
    late = (run.at > told.seen[-1][0]).sum()
    assert seen + late == 200


def test_answers_that_were_late_are_told_when_they_have_ended() -> None:
    told = replace(all_of(1), interval_s=1.0)
    never = replace(QUICK, ttft_slo_s=1e6, tpot_slo_s=1e6)
    always = replace(QUICK, ttft_slo_s=1e-6)
    for conditions, share in ((never, 0.0), (always, 1.0)):
        told.seen.clear()
        simulate(drawn(200, 20.0), alike(1), LEAST, conditions, scaling=told)
        states = [states["h100-sxm"] for _, states in told.seen]
        assert sum(state.judged for state in states) == sum(state.ended for state in states) > 100
        assert sum(state.late for state in states) == share * sum(state.judged for state in states)


def test_each_class_is_late_by_its_own_deadlines() -> None:
    rows = arrivals(*[(float(i), 100, 5) for i in range(40)])
    rows = replace(rows, slo=np.array([i % 2 for i in range(40)], np.int32), slos=("hasty", "patient"))
    classes = (SloClass(name="hasty", ttft_s=1e-6, tpot_s=1.0), SloClass(name="patient", ttft_s=60.0, tpot_s=1.0))
    told = replace(all_of(1), interval_s=1.0)
    simulate(rows, alike(1), LEAST, replace(QUICK, classes=classes), scaling=told)
    states = [states["h100-sxm"] for _, states in told.seen]
    assert abs(2 * sum(state.late for state in states) - sum(state.judged for state in states)) <= 1


def test_a_scaler_is_told_what_it_asked_for_before() -> None:
    told = Told(wish=lambda now: {"h100-sxm": 1 if now < 10.0 else 2})
    simulate(drawn(300, 10.0), alike(2), LEAST, QUICK, scaling=told)
    assert [states["h100-sxm"].wanted for _, states in told.seen][:5] == [-1, 1, 1, 2, 2]


def test_a_fleet_goes_to_zero_and_comes_back_for_those_held() -> None:
    early, later = [(0.1 * i, 100, 5) for i in range(40)], [(3000.0 + 0.1 * i, 100, 5) for i in range(40)]
    policy = scaling("slo_model", {"least": 0, "interval_s": 10.0, "idle_s": 120.0, "mix_s": 120.0})
    run = simulate(arrivals(*early, *later), alike(2), LEAST, QUICK, scaling=policy)
    assert (run.state == SERVED).all()
    assert run.up_s.sum() < 1500.0
    assert 0.0 < run.ttft_s[40] < 60.0  # a look, and the start itself


def test_a_replica_that_moves_joins_the_other_pool_and_is_counted_there() -> None:
    told = Told(wish=lambda now: {"a": 2, "b": 1} if now == 0.0 else {}, moves={10.0: (Move(source="a", target="b"),)})
    run = simulate(drawn(400, 10.0), pools(a=2, b=1), LEAST, QUICK, scaling=told)
    assert (run.state == SERVED).all()
    ready = {now: (states["a"].ready, states["b"].ready) for now, states in told.seen}
    assert ready[10.0] == (2, 1)
    assert ready[30.0] == (1, 2)
    assert (run.up_s == run.end_s).all()


def test_a_move_takes_no_more_than_are_ready() -> None:
    told = Told(
        wish=lambda now: {"a": 2, "b": 1} if now == 0.0 else {},
        moves={10.0: (Move(source="a", target="b", replicas=9),)},
    )
    run = simulate(drawn(400, 10.0), pools(a=2, b=1), LEAST, QUICK, scaling=told)
    assert (run.state == SERVED).all()
    assert told.seen[-1][1]["b"].ready == 3


def test_a_replica_that_fails_while_it_starts_is_not_ready_when_it_would_have_been() -> None:
    told = Told(wish=lambda now: {"h100-sxm": 1 if now < 5.0 else 2})
    down = replace(QUICK, provision_s=20.0, outages=(Outage(replica=1, at=10.0, until=50.0),))
    run = simulate(drawn(700, 10.0), alike(2), LEAST, down, scaling=told)
    assert run.at[run.replica == 1].min() >= 50.0


def test_a_replica_that_is_off_does_not_fail() -> None:
    down = replace(QUICK, outages=(Outage(replica=1, at=1.0, until=3.0),))
    run = simulate(drawn(60, 10.0), alike(2), LEAST, down, scaling=all_of(1))
    assert run.up_s[1] == 0.0
    assert (run.replica == 0).all()


def test_outages_of_several_replicas_at_once_leave_the_rest_to_serve() -> None:
    down = Conditions(outages=tuple(Outage(replica=row, at=3.0, until=9.0) for row in (0, 2)))
    run = simulate(drawn(200, 20.0), alike(3), LEAST, down)
    assert (run.state == SERVED).all()
    between = (run.at > 3.0) & (run.at < 9.0)
    assert set(run.replica[between].tolist()) == {1}


def test_a_replica_may_fail_again_and_again() -> None:
    down = Conditions(outages=tuple(Outage(replica=0, at=2.0 + 4.0 * k, until=4.0 + 4.0 * k) for k in range(3)))
    run = simulate(drawn(150, 10.0), alike(1), LEAST, down)
    assert (run.state == SERVED).all()
    assert run.up_s[0] == pytest.approx(run.end_s - 6.0)
    for k in range(3):
        assert not ((run.admitted >= 2.0 + 4.0 * k) & (run.admitted < 4.0 + 4.0 * k)).any()


def test_an_outage_of_no_length_loses_what_ran_and_the_cache_and_nothing_else() -> None:
    rows = arrivals((0.0, 100, 1000), (20.0, 100, 5))
    run = simulate(rows, alike(1), LEAST, Conditions(outages=(Outage(replica=0, at=3.0, until=3.0),)))
    assert (run.state == SERVED).all()
    assert run.first[0] > 3.0
    assert run.up_s[0] == pytest.approx(run.end_s)


def test_a_failure_in_the_front_end_loses_nobody() -> None:
    rows = arrivals((1.0, 100, 5))
    run = simulate(rows, alike(2), LEAST, Conditions(outages=(Outage(replica=0, at=1.0 + FRONT_S / 2, until=50.0),)))
    assert run.state.tolist() == [SERVED]


def test_a_failure_during_a_prompt_starts_it_anew() -> None:
    rows = arrivals((0.0, 8000, 5))
    middle = FRONT_S + H100.step(0, 0, 8000, 8000 * 4000) / 2
    run = simulate(rows, alike(1), LEAST, Conditions(outages=(Outage(replica=0, at=middle, until=middle),)))
    assert run.first[0] == pytest.approx(middle + FRONT_S + H100.step(0, 0, 8000, 8000 * 4000))


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=8), st.integers(0, 30),
    st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 20.0), st.floats(0.0, 10.0)), max_size=3),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_whatever_is_wanted_and_whatever_fails_nothing_is_lost_or_paid_for_twice(
    counts: list[int], seed: int, broken: list[tuple[int, float, float]]
) -> None:
    told = Told(wish=lambda now: {"h100-sxm": counts[min(int(now / 3.0), len(counts) - 1)]}, interval_s=3.0)
    outages = tuple(Outage(replica=row, at=at, until=at + lasting) for row, at, lasting in broken)
    conditions = replace(QUICK, outages=outages, give_up_s=200.0)
    run = simulate(drawn(80, 8.0, seed=seed), alike(3), LEAST, conditions, scaling=told)
    check(run)
    assert (run.up_s <= run.end_s + 1e-9).all()
    if counts[-1] > 0:
        assert (run.state == SERVED).all()


@given(st.integers(0, 40), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_a_wish_for_all_is_as_no_scaling_at_all(seed: int, count: int) -> None:
    rows = drawn(60, 20.0, seed=seed)
    scaled = simulate(rows, alike(count), LEAST, QUICK, scaling=all_of(count))
    fixed = simulate(rows, alike(count), LEAST, QUICK)
    assert scaled.end.tolist() == pytest.approx(fixed.end.tolist())
    assert scaled.replica.tolist() == fixed.replica.tolist()


def test_samples_tell_who_was_ready_when() -> None:
    told = Told(wish=lambda now: {"h100-sxm": 1 if now < 10.0 else 2})
    run = simulate(drawn(600, 10.0), alike(2), LEAST, replace(QUICK, sample_s=1.0), scaling=told)
    assert run.samples is not None
    second: Any = run.samples.ready[:, 1]
    first = int(np.flatnonzero(second)[0])
    assert run.samples.at[first] == pytest.approx(12.0 + H100.load_seconds(1e13), abs=1.01)
    assert second[first:].all()
