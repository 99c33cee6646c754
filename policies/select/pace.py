"""How much of its time each replica lately spent on prompts: what its running requests wait for beside their steps.

The fleet's table tells who is there, not who came lately: a long prompt with a short answer is gone from it in seconds,
and yet it stopped everybody's tokens. So whoever sends keeps count: seconds of prompts, fading within seconds.
"""

from math import exp

WINDOW_S = 5.0
"""Seconds in which what was sent fades to a third: as long as a short answer takes, which suffers most from prompts."""


class Pace:
    """Seconds of prompts that were sent to each replica, fading; `share` of the traffic is seen by whoever counts."""

    __slots__ = ("_lately", "_share")

    def __init__(self, share: float = 1.0) -> None:
        self._share = share
        self._lately: dict[int, tuple[float, float]] = {}  # by row: seconds of prompts, as of when

    def sent(self, row: int, seconds: float, now: float) -> None:
        """A prompt that takes so many seconds to compute goes to a replica."""
        self._lately[row] = self._left(row, now) + seconds / self._share, now

    def busy(self, row: int, now: float) -> float:
        """Seconds of prompts to each second of a replica's time, lately; may be over 1, and more waits then."""
        return self._left(row, now) / WINDOW_S

    def _left(self, row: int, now: float) -> float:
        seconds, then = self._lately.get(row, (0.0, now))
        return seconds * exp(min(then - now, 0.0) / WINDOW_S)
