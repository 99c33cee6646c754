"""Replicas of two models, and where a request would go, for tests of what it would cost there."""

from policies.fleet import READY, Fleet, Replica
from policies.perf.profiles import latency_model
from policies.request import Ask
from policies.select.congestion import Spot

ASK = Ask(1.0, 0.0, 0.0, 500.0, 0.0, 100.0, 2.0, 0.1)
KINDS = (("s0", "llama-3.1-8b", "l40s", 1), ("l0", "qwen3-32b", "h100-sxm", 2))


def fleet() -> Fleet:
    made = Fleet()
    for name, model, gpu, gpus in KINDS:
        perf = latency_model(gpu, model, gpus)
        row = made.add(Replica(name=name, address="", pool=model, model=model, gpu=gpu, perf=perf))
        made.table[row, READY] = 1.0
    return made


def spot(row: int = 0, ttft_s: float = 0.01, tpot_s: float = 0.01, *, cached: float = 0.0, busy: float = 0.0) -> Spot:
    return Spot(row, row, ttft_s, tpot_s, cached, busy)
