"""Small studies over a small fleet, simulated by the reference."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sims.arrivals import NONE, Arrivals, dense
from sims.sweep.facts import Setting, trace_facts
from sims.sweep.inputs import Inputs
from sims.sweep.paths import Point
from sims.sweep.study import Here, Study, carry_out
from sims.sweep.traffic import Recorded
from tests.sims.sweep.oracle import simulate
from weir.fleetfile import FleetFile, Pool, Slo


def fleet(**changes: Any) -> FleetFile:
    """Two pools of one model."""
    return FleetFile(
        pools=[
            Pool(name="fast", gpu="h100-sxm", model="llama-3.1-8b", replicas=1, **changes),
            Pool(name="slow", gpu="l40s", model="llama-3.1-8b", replicas=2),
        ],
        slo=Slo(ttft_s=0.5, tpot_s=0.05),
    )


def trace(count: int = 60, rate_rps: float = 10.0, seed: int = 0, **changes: Any) -> Arrivals:
    """Requests of sessions of five that share a growing prefix."""
    rng = np.random.Generator(np.random.PCG64(seed))
    at = np.sort(rng.random(count)) * count / rate_rps
    session = (np.arange(count) % max(count // 5, 1)).astype(np.int32)
    prompts = 256 + 64 * (np.arange(count) // max(count // 5, 1))
    counts = prompts // 32
    blocks = np.concatenate([session[i] * 1000 + np.arange(counts[i]) for i in range(count)])
    given: dict[str, Any] = {
        "session": session,
        "blocks": dense(blocks),
        "ends": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "block_tokens": 32,
    }
    outputs = rng.integers(5, 60, count)
    return Arrivals.drawn(at, prompts, outputs, **(given | changes))


def nameless(count: int = 60, rate_rps: float = 10.0) -> Arrivals:
    """The same without sessions or blocks."""
    plain = trace(count, rate_rps)
    return Arrivals.drawn(plain.at, plain.prompt_tokens, plain.output_tokens, session=np.full(count, NONE, np.int32))


def inputs(arrivals: Arrivals | None = None, *, again: bool = False, **changes: Any) -> Inputs:
    """What a study over the small fleet has in common."""
    rows = trace() if arrivals is None else arrivals
    given: dict[str, Any] = {
        "traffic": Recorded(name="trace", arrivals=rows, again=again),
        "own_rps": rows.rate_rps,
        "fleet": fleet(),
        "policy": "least_loaded",
        "warmup": 0.0,
    }
    return Inputs(**(given | changes))


def setting(of: Inputs) -> Setting:
    """What a report says of it."""
    return Setting(inputs=of, trace=trace_facts("trace", of.traffic.drawn(0)), fleet_file="fleet.yaml")


def done(of: Inputs, points: Sequence[Point], seeds: int = 1) -> Study:
    """A study carried out."""
    return carry_out(Study(points=points, seeds=seeds), of, Here(of, simulate))
