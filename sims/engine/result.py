"""From the loop's memory to what a simulation tells."""

import numpy as np

from policies.fleet import Replica
from sims.arrivals import Arrivals
from sims.engine.arena import Array, Memory
from sims.engine.run import SERVED, UNFINISHED, Run, Samples


def result(
    memory: Memory,
    arrivals: Arrivals,
    replicas: tuple[Replica, ...],
    up_s: Array,
    unstable: bool,
    samples: Samples | None,
) -> Run:
    """The columns of a run that is over; `up_s` is how long each replica was paid for."""
    o, engines, end_s = memory.array("outcomes_"), memory.array("engines_"), float(memory.world.now[0])
    state = np.where((o.state == SERVED) & np.isnan(o.end), UNFINISHED, o.state).astype(np.int8)
    idle_s = np.maximum(up_s - engines.busy_s, 0.0)
    return Run(
        replicas=replicas,
        prompt_tokens=arrivals.prompt_tokens,
        output_tokens=arrivals.output_tokens,
        state=state,
        replica=o.replica,
        prefill_replica=o.prefill,
        at=o.at,
        admitted=o.admitted,
        first=o.first,
        end=o.end,
        cached=o.cached,
        believed=o.believed,
        predicted_ttft_s=o.predicted,
        preemptions=o.preemptions,
        requests=engines.served.astype(np.int32),
        busy_s=engines.busy_s,
        up_s=up_s,
        joules=engines.busy_joules + engines.idle_w * idle_s,
        end_s=end_s,
        unstable=unstable,
        samples=samples,
        slo=arrivals.slo,
        slos=arrivals.slos,
    )
