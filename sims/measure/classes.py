"""One run SLO class by SLO class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sims.engine.conditions import SloClass
from sims.engine.run import SERVED, SHED, Run
from sims.measure.metrics import Promised, Slo, ratio
from sims.measure.quantiles import Spread
from sims.measure.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """What one class got; counts are of the whole run, the rest of the arrivals after the warm-up."""

    name: Annotated[str, Field(description="empty for requests of no class")]
    priority: float
    ttft_slo_s: Annotated[float, Field(description="its deadline for the first token")]
    tpot_slo_s: Annotated[float, Field(description="its deadline for each later token")]
    requests: float
    completed: float
    shed: Annotated[float, Field(description="turned away for want of room")]
    ttft_s: Spread
    tpot_s: Spread
    goodput_share: Annotated[float, Field(description="of its arrivals, those that met both its deadlines")]


def promised(run: Run, classes: Sequence[SloClass], slo: Slo) -> Promised:
    """The deadlines of every arrival: its class's, or else the fleet's."""
    ttft_s, tpot_s = np.full(len(run.at), slo.ttft_s), np.full(len(run.at), slo.tpot_s)
    for each in classes:
        here = _of(run, each.name)
        ttft_s[here], tpot_s[here] = each.ttft_s, each.tpot_s
    return Promised(ttft_s, tpot_s)


def by_class(run: Run, window: Window, classes: Sequence[SloClass], slo: Slo) -> tuple[ClassMetrics, ...]:
    """The figures of every class, the fleet's in its order, then those it does not know and requests of none; nothing
    where arrivals name no class."""
    if not run.slos:
        return ()
    known = {each.name for each in classes}
    names = [name for name in run.slos if name not in known]
    others = [SloClass(name=name, ttft_s=slo.ttft_s, tpot_s=slo.tpot_s) for name in (*names, "")]
    return tuple(_class(run, window, each) for each in (*classes, *others))


def _class(run: Run, window: Window, of: SloClass) -> ClassMetrics:
    here = _of(run, of.name)
    counted = here & window.counted
    ttft_s, tpot_s = run.ttft_s[counted], run.tpot_s[counted]
    return ClassMetrics(
        name=of.name,
        priority=float(of.priority),
        ttft_slo_s=of.ttft_s,
        tpot_slo_s=of.tpot_s,
        requests=int(here.sum()),
        completed=int((here & (run.state == SERVED)).sum()),
        shed=int((here & (run.state == SHED)).sum()),
        ttft_s=Spread.of(np.sort(ttft_s)),
        tpot_s=Spread.of(np.sort(tpot_s)),
        goodput_share=ratio(float(((ttft_s <= of.ttft_s) & (tpot_s <= of.tpot_s)).sum()), int(counted.sum())),
    )


def _of(run: Run, name: str) -> npt.NDArray[np.bool_]:
    """Which arrivals are of a class; the empty name is that of none."""
    if not len(run.slo):
        return np.full(len(run.at), not name)
    number = run.slos.index(name) if name in run.slos else -2 if name else -1
    return np.asarray(run.slo == number)
