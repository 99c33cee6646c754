"""Signals that end a process, heeded by its event loop while it serves."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

ENDING = (signal.SIGTERM, signal.SIGINT)


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
