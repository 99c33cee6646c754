"""When a client may ask again: only where its router's process was ended."""

from bench.chaos.client import Door, conclude, excused
from bench.chaos.heard import Fate, Heard
from tests.chaos.requests import answer, asked, heard


def door(**ended: float) -> Door:
    return Door(name="router-0", port=1, **ended)


def test_nothing_excuses_a_router_that_lives() -> None:
    assert not excused(door(), 100.0, begun=False)
    assert not excused(door(), 100.0, begun=True)


def test_a_killed_process_excuses_what_was_asked_of_it_before() -> None:
    killed = door(killed_at=100.0)
    assert excused(killed, 90.0, begun=True)
    assert excused(killed, 100.04, begun=False)
    assert not excused(killed, 100.2, begun=False)


def test_one_told_to_stop_may_refuse_but_not_break_off() -> None:
    stopped = door(stopped_at=100.0)
    assert excused(stopped, 90.0, begun=False)
    assert excused(stopped, 100.9, begun=False)
    assert not excused(stopped, 101.1, begun=False)
    assert not excused(stopped, 90.0, begun=True)


def test_the_last_attempt_is_the_answer() -> None:
    found = answer(1.0, again=1)
    conclude(found, door(), heard(asked().expected, replica="r1-0"))
    assert (found.fate, found.router, found.replica, found.trouble) == (Fate.WHOLE, "router-0", "r1-0", "")


def test_what_is_lost_says_how_much_of_it_came() -> None:
    found = answer(1.0)
    conclude(found, door(), Heard(asked=asked(), status=200, text="Once"))
    assert found.fate is Fate.LOST
    assert found.trouble == f"status 200, 4 of {len(asked().expected)} characters"
