"""Running a coroutine that a signal cancels, so that whatever it started is stopped on the way out."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from weir.stopping import heeded

T = TypeVar("T")

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal asked to stop; everything is stopped."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result; raises `Interrupted` after a signal, once the coroutine has cleaned up."""
    import uvloop

    return uvloop.run(_cancellable(work))


async def _cancellable(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        task.cancel()

    with heeded(STOPPING, stop):
        try:
            return await task
        except asyncio.CancelledError:
            if received:
                raise Interrupted(received[0]) from None
            raise
