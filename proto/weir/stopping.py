"""How what serves comes to its end: signals that its event loop heeds, and tasks that go."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGINT)
AGAIN_S = 5.0  # more than the last words of any task take


def told_to_stop(stop: Callable[[], object]) -> AbstractContextManager[None]:
    """SIGTERM and SIGINT call `stop` in the running loop; afterwards they do what they did before."""
    return heeded(ENDING, lambda _: stop())


@contextmanager
def heeded(numbers: tuple[signal.Signals, ...], heard: Callable[[int], object]) -> Iterator[None]:
    """Each of these signals calls `heard` with its number in the running loop; afterwards they do what they did before.

    Put back by hand, for uvloop closes a loop and leaves its handlers in place, which then swallow the signals.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, heard, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def gone(tasks: Iterable[asyncio.Task[Any]], again_s: float = AGAIN_S) -> None:
    """Cancel the tasks until they are gone, whatever they end with.

    Once is not enough: until Python 3.12 `asyncio.wait_for`, through which Redis's client sends, swallows a
    cancellation that comes in the moment in which what it waits for is done.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again_s)
