"""What both doors do by the clock, without one: a loop that hands its timers over."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from policies.fleet import Fleet
from router.ticking import SWEPT, TICK_S, Ticks
from router.unstreamed import Unstreamed
from router.view import View
from tests.router.routers import PROMPT, core_of, described


class Heard:
    """A door that notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False

    def release(self) -> None:
        self.asked.append("release")
        if self.fails:
            raise RuntimeError("no")

    def give_up(self, now: float) -> None:
        self.asked.append("give up")

    def sweep(self, now: float) -> None:
        self.asked.append("sweep")


class Timers:
    """Stands in for the loop: calls are made when the test says so."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> Any:
        assert delay == TICK_S
        self.due.append(call)
        return self

    def cancel(self) -> None:
        self.due.clear()

    def tick(self) -> None:
        self.due.pop()()


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    made = Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


def ticking(view: View | None = None) -> tuple[Heard, Ticks, View]:
    view = view or View(Fleet())
    door = Heard()
    return door, Ticks(door, view, Unstreamed(view)), view


def test_where_nobody_came_back_the_held_are_not_decided_again(timers: Timers) -> None:
    door, ticks, _ = ticking()
    ticks.start()
    timers.tick()
    assert door.asked == ["give up"]


def test_every_fifth_tick_sweeps(timers: Timers) -> None:
    door, ticks, _ = ticking()
    ticks.start()
    for _ in range(2 * SWEPT):
        timers.tick()
    assert door.asked.count("sweep") == 2


def test_a_replica_that_comes_back_is_told_to_every_door_of_its_view(timers: Timers) -> None:
    core = core_of(PROMPT, described("a", "127.0.0.1:1"))
    one, ticks, view = ticking(core.view)
    other, more, _ = ticking(core.view)
    view.suspend(0, 0.0)
    ticks.start()
    timers.tick()
    timers.cancel()
    more.start()
    timers.tick()
    timers.tick()
    assert one.asked == ["release"]
    assert other.asked == ["release", "give up"]


def test_a_tick_that_fails_is_not_the_last(timers: Timers) -> None:
    core = core_of(PROMPT, described("a", "127.0.0.1:1"))
    door, ticks, view = ticking(core.view)
    view.suspend(0, 0.0)
    door.fails = True
    ticks.start()
    with pytest.raises(RuntimeError):
        timers.tick()
    timers.tick()
    assert door.asked == ["release", "give up"]


def test_after_a_stop_there_is_no_tick(timers: Timers) -> None:
    _, ticks, _ = ticking()
    ticks.stop()
    ticks.start()
    ticks.stop()
    assert not timers.due
