"""One run pool by pool."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from policies.fleet import Replica
from sims.engine.run import SERVED, Run
from sims.measure.metrics import ratio
from sims.measure.quantiles import Spread
from sims.measure.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMetrics:
    """What one pool did; latencies are of the arrivals that it served after the warm-up."""

    name: str
    gpu: str
    model: str
    role: str
    replicas: Annotated[float, Field(description="replicas of the pool")]
    gpus: Annotated[float, Field(description="GPUs of the pool")]
    completed: Annotated[float, Field(description="requests it served, where it decoded them if apart")]
    share: Annotated[float, Field(description="of all requests served")]
    ttft_s: Spread
    tpot_s: Spread
    cached_token_share: Annotated[float, Field(description="of its prompt tokens, those found cached")]
    utilisation: Annotated[float, Field(description="of its time up, the share in which it computed")]
    gpu_hours: float
    cost_usd: float
    energy_joules: float


def pool_numbers(replicas: tuple[Replica, ...]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The pools' names in order of the fleet, and each replica's place among them."""
    names = list(dict.fromkeys(replica.pool for replica in replicas))
    return names, np.array([names.index(replica.pool) for replica in replicas], np.int64)


def by_pool(run: Run, window: Window) -> tuple[PoolMetrics, ...]:
    """The figures of every pool, in order of the fleet."""
    names, of = pool_numbers(run.replicas)
    served = np.flatnonzero(run.state == SERVED)
    at = of[run.replica[served]]
    return tuple(_pool(run, window, of == i, served[at == i], len(served)) for i in range(len(names)))


def _pool(run: Run, window: Window, here: npt.NDArray[np.bool_], served: npt.NDArray[np.int64], of: int) -> PoolMetrics:
    members = [run.replicas[i] for i in np.flatnonzero(here)]
    first, counted = members[0], served[window.counted[served]]
    gpus, prices = (np.array([getattr(m.perf, key) for m in members]) for key in ("gpus", "price_per_hour"))
    return PoolMetrics(
        name=first.pool,
        gpu=first.gpu,
        model=first.model,
        role=first.role,
        replicas=len(members),
        gpus=int(gpus.sum()),
        completed=len(served),
        share=ratio(len(served), of),
        ttft_s=Spread.of(np.sort(run.ttft_s[counted])),
        tpot_s=Spread.of(np.sort(run.tpot_s[counted])),
        cached_token_share=ratio(float(run.cached[counted].sum()), float(run.prompt_tokens[counted].sum())),
        utilisation=ratio(float(run.busy_s[here].sum()), float(run.up_s[here].sum())),
        gpu_hours=float((run.up_s[here] * gpus).sum() / 3600.0),
        cost_usd=float((run.up_s[here] * prices).sum() / 3600.0),
        energy_joules=float(run.joules[here].sum()),
    )
