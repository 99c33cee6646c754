"""How many KV tokens a replica holds beside its weights."""

from policies.perf.gpu import GIB, GpuProfile
from policies.perf.model import ModelProfile

LEAST_KV_TOKENS = 2048
"""KV tokens below which a replica is no use."""

COUNTS = (1, 2, 4, 8, 16, 32)
"""Replica sizes tried when advising one that fits."""


class DoesNotFit(ValueError):
    """The weights leave too little room for KV; the message says how much is needed and what to change."""


def activation_bytes(gpu: GpuProfile, model: ModelProfile) -> float:
    """Bytes the engine sets aside for activations and captured graphs.

    5.5 GiB (8 with experts) is inference-sim's figure for 80 GB cards and gives Qwen3-32B on 2 × H100 its reported
    KV within 2 %. Engines give smaller cards smaller token budgets, hence smaller activations: 12 % of the card is
    what leaves Llama-3.1-8B on a 24 GB card the 20 k tokens seen there (an estimate).
    """
    return min((8.0 if model.experts else 5.5) * GIB, 0.12 * gpu.memory_bytes)


def reserved_bytes(gpu: GpuProfile, model: ModelProfile, gpus: int) -> float:
    """Bytes a replica needs before its first KV token: weights, activations, driver and communication buffers."""
    buffers = 0.15 * GIB if gpus == 1 else 0.6 * GIB * gpus
    return model.weight_bytes + activation_bytes(gpu, model) + buffers


def kv_tokens(gpu: GpuProfile, model: ModelProfile, gpus: int, memory_utilisation: float) -> int:
    """KV tokens that fit; raises DoesNotFit below 2,048."""
    tokens = _room(gpu, model, gpus, memory_utilisation)
    if tokens >= LEAST_KV_TOKENS:
        return int(tokens)
    token_bytes = model.kv_bytes_per_token * model.kv_copies(gpus)
    needed = reserved_bytes(gpu, model, gpus) + LEAST_KV_TOKENS * token_bytes
    usable = gpu.memory_bytes * memory_utilisation * gpus
    raise DoesNotFit(
        f"{model.name} does not fit on {gpus} × {gpu.name}: it needs {needed / 1e9:.1f} GB with "
        f"{LEAST_KV_TOKENS:,} tokens of KV and {usable / 1e9:.1f} GB are usable; "
        f"{_advice(gpu, model, memory_utilisation)}."
    )


def _room(gpu: GpuProfile, model: ModelProfile, gpus: int, memory_utilisation: float) -> float:
    free = gpu.memory_bytes * memory_utilisation * gpus - reserved_bytes(gpu, model, gpus)
    return free / (model.kv_bytes_per_token * model.kv_copies(gpus))


def _advice(gpu: GpuProfile, model: ModelProfile, memory_utilisation: float) -> str:
    for gpus in COUNTS:
        if _room(gpu, model, gpus, memory_utilisation) >= LEAST_KV_TOKENS:
            return f"set gpus_per_replica to {gpus}"
    return "take a GPU with more memory"
