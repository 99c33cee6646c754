"""What a door of the router does by the clock: one timer for all its requests."""

import asyncio
from time import monotonic
from typing import Protocol

from router.unstreamed import Unstreamed
from router.view import View

TICK_S = 0.05
SWEPT = 5  # ticks from one sweep to the next


class Door(Protocol):
    """Where requests come in, and some are held."""

    def release(self) -> None:
        """The fleet changed: decide again for what is held."""

    def give_up(self, now: float) -> None:
        """Refuse what has been held for too long."""

    def sweep(self, now: float) -> None:
        """Look at everything that may have taken too long."""


class Ticks:
    """Ticks until it is stopped, whatever one tick raises."""

    def __init__(self, door: Door, view: View, unstreamed: Unstreamed) -> None:
        self._door, self._view, self._unstreamed = door, view, unstreamed
        self._count, self._resumed = 0, view.resumed
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The next tick is one from now."""
        self._next = asyncio.get_running_loop().call_later(TICK_S, self._on_tick)

    def stop(self) -> None:
        """No more of them."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _on_tick(self) -> None:
        self.start()
        now = monotonic()
        self._count += 1
        self._view.resume(now)
        if self._view.resumed != self._resumed:  # perhaps at another door's tick
            self._resumed = self._view.resumed
            self._door.release()
        else:
            self._door.give_up(now)  # nobody came: deciding again for all that is held would find nobody
        self._unstreamed.start_due(now)
        if self._count % SWEPT == 0:
            self._door.sweep(now)
