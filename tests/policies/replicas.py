"""Replicas for tests of the ground: one latency model with round numbers, and fleets of it."""

from dataclasses import replace

from policies.fleet import Fleet, Replica
from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from policies.request import Ask

ROUND = replace(
    latency_model("h100-sxm", "llama-3.1-8b"),
    base_s=0.010, sequence_s=0.0, context_s=0.0, expert_s=0.0, experts=0.0, top_k=0.0,
    prefill_base_s=0.010, token_s=1e-5, attention_s=0.0, slowdown=1.0, host_s=0.0, frontend_s=0.0,
    chunk_tokens=1000, max_seqs=4, kv_tokens=100_000, price_per_hour=3600.0,
    kv_bytes_per_token=1000.0, host_bytes_per_s=1e9, transfer_bytes_per_s=2e8,
)  # fmt: skip
"""10 ms a step, 10 µs a prompt token, 1,000 tokens a step; 1 µs to fetch a token from the host, 5 µs from afar."""


def replica(name: str = "a", *, perf: LatencyModel = ROUND, **facts: str) -> Replica:
    """A replica of that latency model."""
    return Replica(**{"address": "h:1", "pool": "p", "model": "m", "gpu": "h100-sxm", **facts}, name=name, perf=perf)  # type: ignore[arg-type]


def fleet_of(*replicas: Replica, ready: bool = True) -> Fleet:
    """A fleet of them, all ready or none."""
    fleet = Fleet()
    for one in replicas:
        fleet.add(one)
    fleet.columns.ready[:] = float(ready)
    return fleet


def ask(prompt: float = 1000.0, *, expected: float = 100.0, session: float = 0.0, coin: float = 12345.0) -> Ask:
    """A request for the first model."""
    return Ask(coin, session, 0.0, prompt, 0.0, expected, 2.0, 0.1)
