"""The fleet as a router sees it: its own sends at once, reports as a slow correction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import KV_USED, RUNNING, Fleet
from router.view import Load, View
from tests.policies.replicas import replica


def view_of(*names: str) -> View:
    view = View(Fleet(capacity=1))
    for name in names:
        view.set_ready(view.join(replica(name)), True)
    return view


def state(view: View, row: int = 0) -> tuple[float, ...]:
    columns = view.fleet.columns
    return tuple(float(one[row]) for one in (columns.running, columns.waiting, columns.queued_tokens, columns.kv_used))


def a_load(row: int = 0, tokens: float = 100.0) -> Load:
    return Load(row, tokens, tokens * tokens / 2, tokens + 50.0)


def test_a_request_waits_then_runs_then_is_gone() -> None:
    view, load = view_of("a"), a_load()
    view.send(load)
    assert state(view) == (0.0, 1.0, 100.0, 150.0)
    view.start(load)
    assert state(view) == (1.0, 0.0, 0.0, 150.0)
    view.end(load)
    assert not view.fleet.table[0, RUNNING : KV_USED + 1].any()


def test_a_request_may_end_before_its_first_token() -> None:
    view, load = view_of("a"), a_load()
    view.send(load)
    view.end(load)
    assert not view.fleet.table[0, RUNNING : KV_USED + 1].any()


steps = st.lists(
    st.tuples(st.sampled_from(("send", "start", "end", "report", "join", "leave")), st.integers(0, 99)), max_size=60
)


@given(steps)
def test_whatever_happens_nothing_is_left_when_all_has_ended(steps: list[tuple[str, int]]) -> None:
    view, loads, names = view_of("a", "b"), list[Load](), ["a", "b", "c"]
    for what, n in steps:
        here = list(view.fleet.rows.values())
        if what == "send" and here:
            loads.append(a_load(here[n % len(here)], 1.0 + n))
            view.send(loads[-1])
        elif what in ("start", "end") and loads:
            _advance(view, loads, what, n)
        elif what == "report" and here:
            view.report(here[n % len(here)], n % 7, n % 5)
        elif what == "join":
            view.join(replica(names[n % 3]))
        elif what == "leave" and names[n % 3] in view.fleet.rows:
            view.leave(names[n % 3])
        assert (view.fleet.table[:, RUNNING : KV_USED + 1] > -1e-6).all()
    for load in loads:
        view.end(load)
    for row in view.fleet.rows.values():
        view.report(row, 0, 0)
        view.report(row, 0, 0)
    assert (abs(view.fleet.table[:, RUNNING : KV_USED + 1]) < 1e-6).all()


def _advance(view: View, loads: list[Load], what: str, n: int) -> None:
    load = loads[n % len(loads)]
    if what == "end":
        view.end(loads.pop(n % len(loads)))
    elif not load.started:
        view.start(load)


def test_a_report_of_our_own_requests_changes_nothing() -> None:
    view = view_of("a")
    view.send(a_load())
    before = state(view)
    view.report(0, running=1, waiting=0)
    view.report(0, running=0, waiting=1)
    assert state(view) == before


def test_requests_beyond_our_own_are_other_peoples() -> None:
    view = view_of("a")
    view.send(a_load())
    view.report(0, running=3, waiting=2)
    assert state(view)[0] + state(view)[1] == 5.0
    view.report(0, running=0, waiting=1)
    assert state(view) == (0.0, 1.0, 100.0, 150.0)


def test_requests_that_ended_since_the_last_report_are_not_taken_for_strangers() -> None:
    view, load = view_of("a"), a_load()
    view.send(load)
    view.end(load)
    view.report(0, running=1, waiting=0)
    assert state(view)[:2] == (0.0, 0.0)
    view.report(0, running=1, waiting=0)
    assert state(view)[:2] == (1.0, 0.0)


def test_a_suspended_replica_is_left_out_until_its_time_is_over() -> None:
    view = view_of("a")
    view.suspend(0, until=10.0)
    view.set_ready(0, True)
    assert view.fleet.columns.ready[0] == 0.0
    assert not view.resume(9.9)
    assert view.resume(10.0)
    assert view.fleet.columns.ready[0] == 1.0


def test_a_replica_that_the_pool_found_unready_meanwhile_is_not_resumed() -> None:
    view = view_of("a")
    view.suspend(0, until=10.0)
    view.set_ready(0, False)
    view.resume(11.0)
    assert view.fleet.columns.ready[0] == 0.0


def test_hidden_rows_are_shown_again_and_only_those_that_were_ready() -> None:
    view = view_of("a", "b", "c")
    view.set_ready(1, False)
    hidden = view.without(frozenset((0, 1)))
    assert view.fleet.columns.ready.tolist() == [0.0, 0.0, 1.0]
    view.restore(hidden)
    assert view.fleet.columns.ready.tolist() == [1.0, 0.0, 1.0]


def test_new_facts_of_a_replica_leave_its_load_and_readiness() -> None:
    view, load = view_of("a"), a_load()
    view.send(load)
    before = state(view)
    assert view.join(replica("a", address="h:2")) == 0
    assert state(view) == before
    assert view.fleet.columns.ready[0] == 1.0


def test_a_fleet_that_grows_keeps_every_load() -> None:
    view, loads = view_of("a"), list[Load]()
    for i in range(20):
        row = view.join(replica(f"r{i}"))
        loads.append(a_load(row))
        view.send(loads[-1])
    assert view.fleet.columns.waiting.sum() == 20.0
    for load in loads:
        view.end(load)
    assert view.fleet.columns.waiting.sum() == pytest.approx(0.0)
