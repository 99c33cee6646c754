"""Whether what a replica is believed to hold agrees with what its engine reports: a rule over a sliding window. Pure.

A prediction is a range: what is known to be held, and what may have come on its way meanwhile. Its error is how far the
engine's figure lies outside. While the errors of the last requests are more than a share of their prompts, the replica
is mispredicted; it is believed again when they are a much smaller share of as many requests.
"""

import math
from collections import deque

HONEST, IMPOSSIBLE = "honest", "impossible"


class Bounds:
    """When a replica is mispredicted, and when no longer."""

    __slots__ = ("back", "enough", "most", "over", "window_s")

    def __init__(
        self, over: float = 0.2, back: float = 0.05, enough: int = 16, most: int = 64, window_s: float = 120.0
    ) -> None:
        self.over, self.back = over, back  # shares of prompt tokens
        self.enough, self.most = enough, most  # requests that a judgement needs, and that are looked at
        self.window_s = window_s  # requests that ended longer ago count no more


class Truth:
    """One replica's window."""

    __slots__ = ("_bounds", "_errors", "_prompts", "_window", "lies", "mispredicted")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._window: deque[tuple[float, float, float]] = deque()  # (when, error, prompt tokens)
        self._errors = self._prompts = 0.0
        self.mispredicted = False
        self.lies = 0  # figures that no engine can mean

    @property
    def error(self) -> float:
        """Mispredicted tokens as a share of prompt tokens, over the window."""
        return max(self._errors, 0.0) / self._prompts if self._prompts > 0.0 else 0.0

    def judge(self, known: float, perhaps: float, reported: float, prompt_tokens: float, now: float) -> bool:
        """Take in one request's prediction, from `known` to `perhaps` tokens, and the engine's figure.

        Returns whether that changes `mispredicted`. A figure that cannot be is counted and not believed.
        """
        if not possible(reported, prompt_tokens):
            self.lies += 1
            return False
        error = max(known - reported, reported - perhaps, 0.0)
        self._window.append((now, error, prompt_tokens))
        self._errors += error
        self._prompts += prompt_tokens
        self._forget(now)
        before = self.mispredicted
        if len(self._window) >= self._bounds.enough:
            self.mispredicted = self.error > (self._bounds.back if before else self._bounds.over)
        if self.mispredicted != before:
            self.restart()  # the next judgement is on what comes from now on
        return self.mispredicted != before

    def restart(self) -> None:
        """Judge by what comes from now on alone."""
        self._window.clear()
        self._errors = self._prompts = 0.0

    def _forget(self, now: float) -> None:
        window, oldest = self._window, now - self._bounds.window_s
        while window and (len(window) > self._bounds.most or window[0][0] < oldest):
            _, error, prompt = window.popleft()
            self._errors -= error
            self._prompts -= prompt


def possible(reported: float, prompt_tokens: float) -> bool:
    """Whether an engine can have found so many of a prompt's tokens in its cache."""
    return math.isfinite(reported) and 0.0 <= reported <= prompt_tokens


def turn(name: str, believed: bool) -> str:
    """What the log says of a replica whose events are believed from now on, or not any more."""
    if believed:
        return f"{name}: cached tokens come as its events say again; its cache counts as exact"
    return f"{name}: cached tokens are not what its events say; its cache counts as approximate (mispredicted)"
