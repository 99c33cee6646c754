"""Virtual seconds out of the event loop's."""

import asyncio


class Clock:
    """Virtual time: 0 when made, running `scale` times as fast as the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scale: float) -> None:
        self.loop, self.scale = loop, scale
        self._start = loop.time()

    def now(self) -> float:
        """Virtual seconds now."""
        return (self.loop.time() - self._start) * self.scale

    def loop_time(self, virtual: float) -> float:
        """The loop's time at that virtual time."""
        return self._start + virtual / self.scale
