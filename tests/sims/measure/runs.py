"""Runs made by hand: every figure of theirs can be told in the head."""

from dataclasses import replace
from functools import cache
from math import nan
from typing import Any

import numpy as np

from policies.fleet import Replica
from sims.engine.run import SERVED, Run, Samples
from sims.sweep.trial import replicas_of
from weir.fleetfile import FleetFile, Pool


@cache
def replicas() -> tuple[Replica, ...]:
    """Two pools: one replica of one GPU, two of two."""
    return replicas_of(
        FleetFile(
            pools=[
                Pool(name="left", gpu="h100-sxm", model="llama-3.1-8b", replicas=1),
                Pool(name="right", gpu="a100-80", model="llama-3.1-8b", replicas=2, gpus_per_replica=2),
            ]
        )
    )


def run(count: int = 10, **changes: Any) -> Run:
    """One arrival a second, first token after 0.5 s, ten more over 1 s; the replicas take turns."""
    at = np.arange(count, dtype=np.float64)
    given: dict[str, Any] = {
        "replicas": replicas(),
        "prompt_tokens": np.full(count, 100, np.int32),
        "output_tokens": np.full(count, 11, np.int32),
        "state": np.full(count, SERVED, np.int8),
        "replica": (np.arange(count) % 3).astype(np.int32),
        "prefill_replica": (np.arange(count) % 3).astype(np.int32),
        "at": at,
        "admitted": at + 0.25,
        "first": at + 0.5,
        "end": at + 1.5,
        "cached": np.full(count, 40, np.int32),
        "believed": np.full(count, 50, np.int32),
        "predicted_ttft_s": np.full(count, 0.4),
        "preemptions": np.zeros(count, np.int32),
        "requests": np.zeros(3, np.int32),
        "busy_s": np.array([5.0, 2.0, 1.0]),
        "up_s": np.array([10.0, 10.0, 10.0]),
        "joules": np.array([100.0, 10.0, 10.0]),
        "end_s": float(count) + 0.5,
        "unstable": False,
    }
    return Run(**(given | changes))


def ended_badly(served: Run, state: int, *which: int) -> Run:
    """The same, but those arrivals met another end."""
    mask = np.isin(np.arange(len(served.at)), which)
    times: dict[str, Any] = {name: np.where(mask, nan, getattr(served, name)) for name in ("admitted", "first", "end")}
    states, places = np.where(mask, state, served.state), np.where(mask, -1, served.replica)
    return replace(served, state=states.astype(np.int8), replica=places.astype(np.int32), **times)


def samples(count: int) -> Samples:
    """The fleet over `count` seconds: every replica one request more each second, the last one not ready."""
    steps = np.arange(count, dtype=np.int32)[:, None] * np.ones(3, np.int32)
    ready = np.ones((count, 3), np.int8)
    ready[:, 2] = 0
    return Samples(
        at=np.arange(count, dtype=np.float64), running=steps, waiting=2 * steps, kv_tokens=1000 * steps, ready=ready
    )
