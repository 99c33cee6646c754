"""Busy seconds and joules of one engine."""

from policies.perf.latency import LatencyModel
from sims.replica.phase import Phase
from sims.replica.scheduler import Step


class Meter:
    """Adds up steps as they are done; idle time draws the replica's idle power."""

    def __init__(self, perf: LatencyModel, born: float) -> None:
        self._perf, self._born = perf, born
        self._idle_w = perf.watts(0.0, 0.0)
        self.busy_s = 0.0
        self._busy_joules = 0.0

    def add(self, phase: Phase, step: Step, done: int, steps: int) -> None:
        """Enter the `steps` first steps of a phase, `done` of `step`'s repeats having gone before.

        Decoding joules grow linearly with the context, so the mean of the first and the last step is exact
        up to the clipping at the power limit.
        """
        first = self._joules(step, done, phase.first_s)
        last = first
        if steps > 1:
            last = self._joules(step, done + steps - 1, phase.first_s + (steps - 1) * phase.growth_s)
        self.busy_s += phase.at(steps) - phase.start
        self._busy_joules += steps * (first + last) / 2

    def joules(self, now: float, busy_s: float) -> float:
        """Joules from birth to `now`, of which `busy_s` seconds were spent in steps; a step in flight adds nothing."""
        return self._busy_joules + self._idle_w * max(now - self._born - busy_s, 0.0)

    def _joules(self, step: Step, done: int, seconds: float) -> float:
        context = step.context + done * step.batch
        return self._perf.watts(step.batch, context, step.prefill_tokens + step.visual_tokens) * seconds
