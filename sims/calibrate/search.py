"""Least loss over a few factors, by turning one after another in ever smaller steps."""

from collections.abc import Callable, Sequence

FIRST_STEP = 1.6
LAST_STEP = 1.01
"""Factors of a turn: the first ones and the ones after which it ends."""

LEAST, MOST = 0.02, 50.0
"""Factors that are tried."""


def search(loss: Callable[[dict[str, float]], float], knobs: Sequence[str]) -> dict[str, float]:
    """The factors, from 1, at which no turn of any knob lowers the loss."""
    best = dict.fromkeys(knobs, 1.0)
    least, step = loss(best), FIRST_STEP
    while step > LAST_STEP:
        improved = False
        for knob in knobs:
            for factor in (step, 1.0 / step):
                tried = best | {knob: min(max(best[knob] * factor, LEAST), MOST)}
                found = loss(tried)
                if found < least:
                    best, least, improved = tried, found, True
                    break
        if not improved:
            step = step**0.5
    return best
