"""A run of engine steps of the same batch, in closed form; as `sims.replica.phase`, on an engine's record."""

from math import sqrt

from sims.engine.compiled import compiled
from sims.engine.records import Engine


@compiled
def time_of(e: Engine, step: int) -> float:
    """The time at which that many steps of the phase are done."""
    return e.start + step * e.first_s + e.growth_s * (step * (step - 1) / 2)


@compiled
def done(e: Engine, now: float) -> int:
    """How many steps of the phase are done at `now`."""
    if now < time_of(e, 1):
        return 0
    if now >= time_of(e, e.steps):
        return e.steps
    elapsed, slope = now - e.start, e.first_s - e.growth_s / 2
    count = int(2 * elapsed / (slope + sqrt(slope * slope + 2 * e.growth_s * elapsed)))
    count = min(max(count, 0), e.steps)
    # The root is exact to rounding; the boundaries themselves decide.
    while count < e.steps and time_of(e, count + 1) <= now:
        count += 1
    while count and time_of(e, count) > now:
        count -= 1
    return count


@compiled
def shorten(e: Engine, steps: int) -> None:
    """Leave what remains of the phase once that many steps are done."""
    start = time_of(e, steps)
    e.start, e.steps, e.first_s = start, e.steps - steps, e.first_s + steps * e.growth_s
