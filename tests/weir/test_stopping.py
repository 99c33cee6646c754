"""Signals are a loop's while it serves, and nobody's after it."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
import uvloop

from weir.stopping import ENDING, heeded, told_to_stop

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
