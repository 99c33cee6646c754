"""Which arrivals count, and over which seconds: the warm-up is left out, and the drain does not dilute rates."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sims.engine.run import Run

WARM_UP = 0.1  # share of the arrivals' span in which queues and caches fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of a run that is measured."""

    start_s: float  # arrivals before it do not count
    end_s: float  # the last arrival: what is made later is not counted into rates
    counted: npt.NDArray[np.bool_]  # of each arrival

    @property
    def span_s(self) -> float:
        """Seconds over which rates are taken."""
        return self.end_s - self.start_s


def measured(run: Run, warmup: float = WARM_UP) -> Window:
    """The window after `warmup` of the arrivals' span. Turns that never came count: they were never served.

    Where all arrivals come at once the window lasts until the last thing happened.
    """
    if not 0.0 <= warmup < 1.0:
        raise ValueError(f"a warm-up of {warmup:g} of the run leaves nothing to measure: give 0 to below 1")
    came = run.at[np.isfinite(run.at)]
    first, last = (float(came.min()), float(came.max())) if len(came) else (0.0, 0.0)
    start = first + warmup * (last - first)
    end = min(last, run.end_s) if min(last, run.end_s) > start else max(run.end_s, start)
    return Window(start_s=start, end_s=end, counted=~(run.at < start))
