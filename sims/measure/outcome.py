"""Everything that is kept of one run: small enough to send between processes and to write to a line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Annotated

import numpy as np
from pydantic import Field

from sims.engine.conditions import SloClass
from sims.engine.run import Run
from sims.measure.classes import ClassMetrics, by_class, promised
from sims.measure.metrics import Metrics, Slo, metrics
from sims.measure.pools import PoolMetrics, by_pool
from sims.measure.quantiles import SHARES, Values, quantiles
from sims.measure.timeline import Timeline, timeline
from sims.measure.window import WARM_UP, measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Quantiles over the arrivals that count; null where the arrival at that share was never served."""

    share: Annotated[tuple[float, ...], Field(description="of arrivals, from 0 to 1")]
    ttft_s: tuple[float, ...]
    tpot_s: tuple[float, ...]
    e2e_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run in figures, pool by pool, as curves and over time."""

    metrics: Metrics
    pools: tuple[PoolMetrics, ...]
    distribution: Distribution
    timeline: Timeline | None
    classes: tuple[ClassMetrics, ...] = ()  # of traffic that names SLO classes


def outcome(
    run: Run, slo: Slo, *, classes: Sequence[SloClass] = (), wall_s: float = nan, warmup: float = WARM_UP,
    quality: Values | None = None,
) -> Outcome:  # fmt: skip
    """What one run says; `warmup` is the share of the arrivals' span that does not count, `quality` its answers'."""
    window = measured(run, warmup)
    columns = {name: _curve(getattr(run, name)[window.counted]) for name in ("ttft_s", "tpot_s", "e2e_s")}
    return Outcome(
        metrics=metrics(run, window, promised(run, classes, slo), wall_s, quality),
        classes=by_class(run, window, classes, slo),
        pools=by_pool(run, window),
        distribution=Distribution(share=SHARES, **columns),
        timeline=timeline(run),
    )


def without_timeline(outcome: Outcome) -> Outcome:
    """The same, smaller: over several seeds only the first one's timeline is shown."""
    return replace(outcome, timeline=None)


def _curve(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, ...]:
    return tuple(quantiles(np.sort(values), SHARES).tolist())
