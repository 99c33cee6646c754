"""The load of the benchmark and its replicas."""

from dataclasses import replace

from bench.llmd73.published import (
    GROUPS,
    HOST_S,
    KV_TOKENS,
    LADDER,
    MAX_SEQS,
    OUTPUT_TOKENS,
    PODS,
    PROMPTS_PER_GROUP,
    QUESTION_TOKENS,
    REPORTED,
    SYSTEM_TOKENS,
    WARM_UP,
)
from policies.fleet import Replica
from policies.perf import profiles
from policies.perf.latency import LatencyModel
from sims.arrivals import Arrivals
from sims.workloads.shared_prefix import SharedPrefix

BLOCK_TOKENS = 16  # vLLM's; both lengths are whole blocks of it
SILENCE_S = 3000.0  # longer than any stage's drain: the next one finds an idle fleet


def load() -> SharedPrefix:
    """Warm-up and ladder, each stage after the last one's drain."""
    return SharedPrefix(
        groups=GROUPS,
        prompts_per_group=PROMPTS_PER_GROUP,
        system_tokens=SYSTEM_TOKENS,
        question_tokens=float(QUESTION_TOKENS),
        output_tokens=float(OUTPUT_TOKENS),
        stages=(WARM_UP, *LADDER),
        drain_s=SILENCE_S,
        block_tokens=BLOCK_TOKENS,
    )


def sent(policy: str, seed: int) -> tuple[Arrivals, list[slice]]:
    """All requests and the places of each stage of the ladder, every stage sent in the time that was reported."""
    workload = load()
    ladder = workload.staged(seed)[1:]
    arrivals = workload.columns(seed, count=ladder[-1].last)
    at = arrivals.at.copy()
    for stage, rate in zip(ladder, REPORTED[policy].sent_per_s, strict=True):
        times = at[stage.first : stage.last]
        times -= times[0]
        times *= len(times) / rate / times[-1]
        times += stage.start_s
    return replace(arrivals, at=at), [slice(stage.first, stage.last) for stage in ladder]


def perf(slowdown: float, frontend_s: float) -> LatencyModel:
    """Qwen3-32B on two H100; everything but the two constants is the profiles'."""
    return profiles.latency_model(
        "h100-sxm",
        "qwen3-32b",
        2,
        max_seqs=MAX_SEQS,
        slowdown=slowdown,
        host_s=HOST_S,
        frontend_s=frontend_s,
        kv_tokens=KV_TOKENS,
    )


def fleet(slowdown: float, frontend_s: float) -> list[Replica]:
    """The eight pods."""
    model = perf(slowdown, frontend_s)
    return [
        Replica(name=f"pod {i}", address="", pool="pods", model="qwen3-32b", gpu="h100-sxm", perf=model)
        for i in range(PODS)
    ]
