"""The reference replay as a simulator: slow and exact, nothing to compile."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from policies.fleet import Replica
from policies.policy import Routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import REFUSED, SERVED, Run
from sims.replay import replay


def simulate(arrivals: Arrivals, fleet: Sequence[Replica], policy: Routing, conditions: Conditions) -> Run:
    """What the compiled simulator answers, by way of sims.replay."""
    n, told = len(arrivals), conditions
    result = replay(
        arrivals, list(fleet), policy, seed=told.seed, staleness_s=told.staleness_s,
        ttft_slo_s=told.ttft_slo_s, tpot_slo_s=told.tpot_slo_s,
    )  # fmt: skip
    at = [one.index for one in result.served]
    floats: dict[str, Any] = {name: np.full(n, np.nan) for name in ("admitted", "first", "end", "predicted_ttft_s")}
    ints: dict[str, Any] = {name: np.zeros(n, np.int32) for name in ("cached", "believed", "preemptions")}
    where, state, came = np.full(n, -1, np.int32), np.full(n, REFUSED, np.int8), arrivals.at.copy()
    for i, one in zip(at, result.served, strict=True):
        state[i], where[i], came[i] = SERVED, one.replica, one.at
        floats["admitted"][i], floats["first"][i] = one.at + one.queue_s, one.at + one.ttft_s
        floats["end"][i], floats["predicted_ttft_s"][i] = one.at + one.e2e_s, one.predicted_ttft_s
        ints["cached"][i], ints["believed"][i] = one.cached_tokens, one.predicted_cached
        ints["preemptions"][i] = one.preemptions
    return Run(
        replicas=tuple(fleet), prompt_tokens=arrivals.prompt_tokens, output_tokens=arrivals.output_tokens,
        state=state, replica=where, prefill_replica=where, at=came, **floats, **ints,
        requests=np.array([use.requests for use in result.replicas], np.int32),
        busy_s=np.array([use.busy_s for use in result.replicas]),
        up_s=np.full(len(fleet), result.end_s),
        joules=np.array([use.energy_joules for use in result.replicas]),
        end_s=result.end_s,
        unstable=False,
    )  # fmt: skip
