"""A run of engine steps of the same batch, in closed form."""

from math import sqrt
from typing import NamedTuple


class Phase(NamedTuple):
    """`steps` steps from `start` on; the first takes `first_s` seconds and each next one `growth_s` more."""

    start: float
    steps: int
    first_s: float
    growth_s: float

    def at(self, step: int) -> float:
        """The time at which that many steps are done."""
        return self.start + step * self.first_s + self.growth_s * (step * (step - 1) / 2)

    @property
    def end(self) -> float:
        """The time at which all steps are done."""
        return self.at(self.steps)

    def done(self, now: float) -> int:
        """How many steps are done at `now`, between 0 and `steps`."""
        elapsed = now - self.start
        if now < self.at(1):
            return 0
        if now >= self.end:
            return self.steps
        slope = self.first_s - self.growth_s / 2
        count = int(2 * elapsed / (slope + sqrt(slope * slope + 2 * self.growth_s * elapsed)))
        count = min(max(count, 0), self.steps)
        # The root is exact to rounding; the boundaries themselves decide.
        while count < self.steps and self.at(count + 1) <= now:
            count += 1
        while count and self.at(count) > now:
            count -= 1
        return count

    def after(self, step: int) -> "Phase":
        """What is left of the phase once that many steps are done."""
        return Phase(self.at(step), self.steps - step, self.first_s + step * self.growth_s, self.growth_s)
