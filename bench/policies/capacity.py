"""How many requests a second a fleet can finish, found by drowning it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.policies.workload import paced
from policies.fleet import Replica
from policies.policy import routing
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import REFUSED
from sims.engine.simulate import simulate

BEST = "shortest_ttft"
DROWNED = 1.5  # offered over a crude estimate of what can be done; beyond capacity the answer hardly depends on it
SETTLED = 0.25  # of the run, after which its queues stand


def capacities(arrivals: Sequence[Arrival], fleet: Sequence[Replica]) -> dict[str, float]:
    """Requests a second of each model that the fleet finishes when there is always more waiting.

    Beyond that rate queues grow without end; at it they begin to. Each model is offered the whole trace alone, its
    replicas being nobody else's, and placed by the best policy: one rate, the same for all policies.
    """
    models = dict.fromkeys(replica.model for replica in fleet)
    return {model: capacity(arrivals, [replica for replica in fleet if replica.model == model]) for model in models}


def capacity(arrivals: Sequence[Arrival], replicas: list[Replica], conditions: Conditions | None = None) -> float:
    """The same for replicas of one model."""
    limit = min(replica.context_limit for replica in replicas)
    fitting = [replace(a, model=replicas[0].model) for a in arrivals if a.prompt_tokens + a.output_tokens <= limit]
    offered = paced(fitting, DROWNED * sum(rough(fitting, replica) for replica in replicas))
    run = simulate(Arrivals.of(offered), replicas, routing(BEST), conditions)
    ends, last = run.end[run.state != REFUSED], offered[-1].at
    return float(np.sum((ends > SETTLED * last) & (ends <= last))) / ((1.0 - SETTLED) * last)


def rough(arrivals: Sequence[Arrival], replica: Replica) -> float:
    """Requests a second of one replica by its latency model: mean lengths, nothing cached, memory full."""
    perf = replica.perf
    prompt, output = (float(np.mean([getattr(a, of) for a in arrivals])) for of in ("prompt_tokens", "output_tokens"))
    held = prompt + output / 2.0
    batch = min(float(perf.max_seqs), perf.kv_tokens / held)
    prefill_s = float(np.mean([perf.prefill_seconds(a.prompt_tokens) for a in arrivals]))
    return 1.0 / (prefill_s + output * perf.decode_seconds(batch, batch * held) / batch)
