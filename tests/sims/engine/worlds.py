"""Random small fleets and traces for the compiled simulator, and its oracle's answer in the same words."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.perf.profiles import latency_model
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.run import Run
from sims.replay import Result

CHAT, REASON = "chat", "reason"
BLOCK = 16
GAPS = (0.0, 0.001, 0.013, 0.2, 3.0)

H100 = latency_model("h100-sxm", "llama-3.1-8b")
L40S = latency_model("l40s", "llama-3.1-8b")
EYES: dict[str, Any] = {"encode_token_s": 2e-5, "embedding_bytes": 8192.0}
"""What an encoder would add to a model that has none."""


def replica(name: str, *, fast: bool = True, model: str = CHAT, role: str = "mixed", **perf: Any) -> Replica:
    """One replica; `perf` replaces figures of its latency model."""
    figures = replace(H100 if fast else L40S, **(EYES | perf))
    gpu = "h100-sxm" if fast else "l40s"
    return Replica(name=name, address="", pool=gpu, model=model, gpu=gpu, perf=figures, role=role)


def alike(count: int, **perf: Any) -> list[Replica]:
    """Replicas that differ in nothing but their names."""
    return [replica(f"r{i}", **perf) for i in range(count)]


@st.composite
def fleets(draw: st.DrawFn, most: int = 4) -> list[Replica]:
    """Replicas with little memory and small steps, so that requests wait, are cut and are preempted."""
    count = draw(st.integers(1, most))
    frontend_s = draw(st.sampled_from([0.0, 0.015]))
    return [
        replica(
            f"r{i}",
            fast=draw(st.booleans()),
            kv_tokens=draw(st.integers(20, 60)) * BLOCK,
            chunk_tokens=draw(st.sampled_from([32, 64, 256])),
            max_seqs=draw(st.sampled_from([2, 8, 32])),
            frontend_s=frontend_s,
        )
        for i in range(count)
    ]


@st.composite
def traces(draw: st.DrawFn, most: int = 40, blocks: bool = True, images: bool = True) -> Arrivals:
    """Sessions whose prompts grow, some of them closed loops, their turns between each other's."""
    closed = draw(st.lists(st.booleans(), min_size=4, max_size=4))
    grown, rows, now = [0] * 4, list[Arrival](), 0.0
    seen: set[int] = set()
    for _ in range(draw(st.integers(1, most))):
        now += draw(st.sampled_from(GAPS))
        session = draw(st.integers(0, 3))
        prompt = min(grown[session] + draw(st.integers(1, 60)), 200)
        chain = tuple(1000 * session + i for i in range(prompt // BLOCK)) if blocks else ()
        waits = closed[session] and session in seen
        rows.append(
            Arrival(
                at=now,
                prompt_tokens=prompt,
                output_tokens=draw(st.integers(1, 60)),
                session=str(session),
                blocks=chain,
                block_tokens=BLOCK if chain else 0,
                after_s=draw(st.sampled_from(GAPS)) if waits else None,
                visual_tokens=min(draw(st.sampled_from([0, 0, 5, 40, 200])), prompt) if images else 0,
            )
        )
        grown[session], seen = prompt, seen | {session}
    return Arrivals.of(rows)


def drawn(count: int, rate_rps: float, seed: int = 0, prompt: int = 400, output: int = 100) -> Arrivals:
    """Poisson arrivals of unlike sizes that share nothing."""
    draws = np.random.default_rng(seed)
    at = np.cumsum(draws.exponential(1.0 / rate_rps, count))
    return Arrivals.drawn(at, draws.integers(1, 2 * prompt, count), draws.integers(1, 2 * output, count))


def lived(run: Run, believed: bool = True) -> list[tuple[float, ...]]:
    """All that a run tells of each served request."""
    columns: list[Any] = [run.at, run.replica, run.first - run.at, run.end - run.at, run.admitted - run.at, run.cached]
    columns += [run.preemptions, *([run.believed, run.predicted_ttft_s] if believed else [])]
    return [tuple(float(column[i]) for column in columns) for i in np.flatnonzero(run.state == 0)]


def replayed(result: Result, believed: bool = True) -> list[tuple[float, ...]]:
    """The same of the oracle's."""
    return [
        (
            one.at, one.replica, one.ttft_s, one.e2e_s, one.queue_s, one.cached_tokens, one.preemptions,
            *((one.predicted_cached, one.predicted_ttft_s) if believed else ()),
        )
        for one in result.served
    ]  # fmt: skip
