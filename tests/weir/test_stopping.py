"""Signals are a loop's while it serves, and nobody's after it."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
import uvloop

from weir.stopping import ENDING, gone, heeded, told_to_stop

LOOPS = (asyncio.new_event_loop, uvloop.new_event_loop)


async def stopped_by(number: int) -> None:
    stop = asyncio.Event()
    with told_to_stop(stop.set):
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await stop.wait()


@pytest.mark.parametrize("loops", LOOPS)
@pytest.mark.parametrize("number", ENDING)
def test_a_signal_stops_what_serves(loops: Callable[[], asyncio.AbstractEventLoop], number: int) -> None:
    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(stopped_by(number))


@pytest.mark.parametrize("loops", LOOPS)
def test_ctrl_c_interrupts_again_once_a_loop_has_ended(loops: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(stopped_by(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


async def test_what_fails_while_signals_are_heeded_gives_them_back() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with pytest.raises(OSError, match="in use"), told_to_stop(asyncio.Event().set):
        raise OSError("in use")
    assert [signal.getsignal(number) for number in ENDING] == before


async def test_which_signal_came_is_told() -> None:
    came: asyncio.Queue[int] = asyncio.Queue()
    with heeded((signal.SIGHUP, signal.SIGTERM), came.put_nowait):
        for number in (signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(10):
                assert await came.get() == number


async def for_ever() -> None:
    await asyncio.Event().wait()


async def deaf_once() -> None:
    """As what sends to Redis in the very moment of its end."""
    with suppress(asyncio.CancelledError):
        await for_ever()
    await for_ever()


async def failing_at_its_end() -> None:
    try:
        await for_ever()
    finally:
        raise OSError("gone already")


async def test_a_task_that_swallowed_its_cancellation_is_cancelled_again() -> None:
    tasks = [asyncio.create_task(each()) for each in (for_ever, deaf_once, deaf_once)]
    await asyncio.sleep(0)
    await gone(tasks, again_s=0.01)
    assert all(task.cancelled() for task in tasks)


async def test_tasks_that_ended_or_fail_at_their_end_keep_nobody() -> None:
    tasks = [asyncio.create_task(each()) for each in (failing_at_its_end, for_ever)]
    tasks.append(asyncio.create_task(asyncio.sleep(0)))
    await asyncio.sleep(0)
    await gone(tasks)
    assert isinstance(tasks[0].exception(), OSError)
    assert tasks[1].cancelled()
    assert tasks[2].done()


async def test_nothing_is_gone_at_once() -> None:
    await gone(())
