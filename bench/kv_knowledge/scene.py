"""The fleet, the trace at 80 % of what the fleet can finish, and what one endless cache would find of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.policies.capacity import capacity
from bench.policies.workload import LONG, paced
from policies.fleet import Replica
from policies.perf.profiles import latency_model, model
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.sweep.redraw import redrawn

REPLICAS = 16
LOAD = 0.8  # share of the fleet's capacity that is offered
GPU, MODEL, GPUS = "h200", "llama-3.1-70b", 8  # a replica a node
HALF, HALF_HOST_BYTES = 4, 512e9  # two replicas a node, each with half of the host memory that a node of 2 TB can spare
TTFT_S, TPOT_S = 10.0, 0.05
RECORDED = -1
"""The trace as it was recorded, in place of a seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What every kind of knowledge is tried on."""

    arrivals: list[Arrival]  # those that fit into the model's context, at the rate offered
    fleet: list[Replica]
    gpus: int  # a replica
    capacity_rps: float
    host_tokens: int
    left_out: int  # arrivals beyond the model's context

    def of(self, seed: int) -> Arrivals:
        """The workload of one seed: the trace's sessions drawn again, all of it; or as recorded."""
        recorded = Arrivals.of(self.arrivals)
        return recorded if seed == RECORDED else redrawn(recorded, seed)


def replicas(gpus: int = GPUS) -> list[Replica]:
    """The fleet: all alike, HBM for KV as much as weights leave of it."""
    perf, context = latency_model(GPU, MODEL, gpus), model(MODEL).context_tokens
    return [
        Replica(name=f"{GPU}-{i}", address="", pool=GPU, model=MODEL, gpu=GPU, perf=perf, context_limit=context)
        for i in range(REPLICAS)
    ]


@cache
def scene(data: Path, gpus: int = GPUS, host_bytes: float = 0.0) -> Scene:
    """The trace over replicas of so many GPUs and so much host memory; raises FileNotFoundError where there is none."""
    fleet, recorded = replicas(gpus), LONG.arrivals(data)
    fitting = [a for a in recorded if a.prompt_tokens + a.output_tokens <= fleet[0].context_limit]
    host_tokens = int(host_bytes / fleet[0].perf.kv_bytes_per_token)
    conditions = Conditions(host_tokens=host_tokens, ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S)
    most = capacity(recorded, fleet, conditions)
    return Scene(
        arrivals=paced(fitting, LOAD * most),
        fleet=fleet,
        gpus=gpus,
        capacity_rps=most,
        host_tokens=host_tokens,
        left_out=len(recorded) - len(fitting),
    )


def infinite_share(arrivals: Arrivals) -> float:
    """The share of prompt tokens that one endless cache finds: leading blocks that any earlier prompt had."""
    seen, found = np.zeros(arrivals.distinct_blocks, np.bool_), 0
    for i in range(len(arrivals)):
        chain = arrivals.blocks[arrivals.ends[i] : arrivals.ends[i + 1]]
        found += leading(seen[chain])
        seen[chain] = True
    return found * arrivals.block_tokens / float(arrivals.prompt_tokens.sum())


def leading(there: Sequence[bool] | np.ndarray) -> int:
    """How many are there before the first that is not."""
    flags = np.asarray(there, np.bool_)
    return len(flags) if flags.all() else int(np.argmin(flags))
