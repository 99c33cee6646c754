"""An event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class Skipping(selectors.DefaultSelector):
    """Never waits: tells `skip` how long it was asked to."""

    skip: Callable[[float | None], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0.0)
        if not ready and timeout != 0.0:
            self.skip(timeout)
        return ready


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """Time starts at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        selector = Skipping()
        selector.skip = self._skip
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    def _skip(self, timeout: float | None) -> None:
        if timeout is None:
            raise RuntimeError("everything waits and nothing will ever happen")
        self._now += timeout


def in_fake_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a loop of its own, in fake time."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
            runner.run(test(*arguments, **named))

    return run
