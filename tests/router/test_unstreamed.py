"""Replies that show no first token are counted as running when the prediction says so, and never twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import Fleet
from router.unstreamed import Unstreamed
from router.view import Load, View
from tests.policies.replicas import replica


@pytest.fixture
def view() -> View:
    made = View(Fleet(capacity=1))
    made.set_ready(made.join(replica("a")), True)
    return made


def sent(view: View) -> Load:
    load = Load(0, 100.0, 5000.0, 150.0)
    view.send(load)
    return load


def counts(view: View) -> tuple[float, float]:
    return float(view.fleet.columns.waiting[0]), float(view.fleet.columns.running[0])


def test_a_reply_runs_from_the_moment_that_was_predicted(view: View) -> None:
    unstreamed = Unstreamed(view)
    unstreamed.wait(2.0, sent(view))
    unstreamed.start_due(1.9)
    assert counts(view) == (1.0, 0.0)
    unstreamed.start_due(2.0)
    assert counts(view) == (0.0, 1.0)


def test_a_reply_that_ended_sooner_is_forgotten(view: View) -> None:
    unstreamed, load = Unstreamed(view), sent(view)
    unstreamed.wait(2.0, load)
    view.end(load)
    unstreamed.start_due(3.0)
    assert counts(view) == (0.0, 0.0)


def test_a_reply_that_is_seen_to_run_is_not_started_again(view: View) -> None:
    unstreamed, load = Unstreamed(view), sent(view)
    unstreamed.wait(2.0, load)
    view.start(load)
    unstreamed.start_due(3.0)
    assert counts(view) == (0.0, 1.0)


@given(st.lists(st.floats(0.0, 10.0), max_size=8), st.floats(0.0, 10.0))
def test_all_and_only_those_run_that_are_due(dues: list[float], now: float) -> None:
    view = View(Fleet(capacity=1))
    view.set_ready(view.join(replica("a")), True)
    unstreamed = Unstreamed(view)
    for due in dues:
        unstreamed.wait(due, sent(view))
    unstreamed.start_due(now)
    unstreamed.start_due(now)
    late = sum(due > now for due in dues)
    assert counts(view) == (float(late), float(len(dues) - late))
