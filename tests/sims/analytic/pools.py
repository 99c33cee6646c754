"""Latency models and traffic small enough to reckon by hand, and drawn ones."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from sims.analytic.lengths import published
from sims.analytic.traffic import Traffic

A100 = latency_model("a100-80", "llama-3.1-8b", 1)
H100X4 = latency_model("h100-sxm", "llama-3.1-70b", 4)
L4 = latency_model("l4", "llama-3.1-8b", 1)
EXPERTS = latency_model("h100-sxm", "qwen3-30b-a3b", 1)
AZURE = Traffic.from_totals(published("azure"), 20.0)
LMSYS = Traffic.from_totals(published("lmsys"), 20.0)

models = st.sampled_from([A100, H100X4, EXPERTS])
rates = st.floats(0.5, 300.0)


def plain(**changes: Any) -> LatencyModel:
    """Steps of 10 ms and 0.1 ms a sequence; a prompt token takes 0.1 ms; nothing else takes time."""
    simple: dict[str, Any] = {
        "base_s": 0.01, "sequence_s": 1e-4, "context_s": 0.0, "prefill_base_s": 0.01, "token_s": 1e-4,
        "attention_s": 0.0, "slowdown": 1.0, "host_s": 0.0, "frontend_s": 0.0, "chunk_tokens": 1000,
        "max_seqs": 64, "kv_tokens": 10_000_000,
    }  # fmt: skip
    return replace(A100, **{**simple, **changes})


def even(rate: float, prompt: float = 1000.0, output: float = 101.0) -> Traffic:
    """Requests that are all alike."""
    return Traffic(rate=rate, prompts=np.array([prompt]), outputs=np.array([output]))
