"""Profiles by name, and the latency model of one model on so many GPUs of one kind."""

from policies.perf import gpu as gpu_sheets
from policies.perf import model as model_sheets
from policies.perf import sheets
from policies.perf.capacity import DoesNotFit
from policies.perf.gpu import GpuProfile
from policies.perf.latency import LatencyModel
from policies.perf.model import ModelProfile
from policies.perf.replica import assemble
from policies.perf.sheets import UnknownProfile

__all__ = [
    "DoesNotFit",
    "GpuProfile",
    "LatencyModel",
    "ModelProfile",
    "UnknownProfile",
    "gpu",
    "gpu_names",
    "latency_model",
    "model",
    "model_names",
]

MAY_BE_ZERO = ("host_s", "frontend_s", "price_per_hour")


def gpu_names() -> tuple[str, ...]:
    """Names of all GPU profiles, sorted."""
    return sheets.names("gpus")


def model_names() -> tuple[str, ...]:
    """Names of all model profiles, sorted."""
    return sheets.names("models")


def gpu(name: str) -> GpuProfile:
    """The GPU profile of that name; raises UnknownProfile."""
    return gpu_sheets.profile(name)


def model(name: str) -> ModelProfile:
    """The model profile of that name; raises UnknownProfile."""
    return model_sheets.profile(name)


def latency_model(
    gpu: str,
    model: str,
    gpus_per_replica: int = 1,
    *,
    chunk_tokens: int | None = None,
    max_seqs: int | None = None,
    memory_utilisation: float = 0.9,
    slowdown: float | None = None,
    host_s: float | None = None,
    frontend_s: float | None = None,
    price_per_gpu_hour: float | None = None,
    kv_tokens: int | None = None,
) -> LatencyModel:
    """The latency model of one replica: measured coefficients where the model's sheet has them, else the roofline's.

    What is given replaces the profiles' figure; times in seconds, the price in dollars. Giving `kv_tokens` also
    skips the check that the model fits. Raises UnknownProfile, DoesNotFit, and ValueError for a senseless figure.
    """
    asked = {
        "chunk_tokens": chunk_tokens,
        "max_seqs": max_seqs,
        "slowdown": slowdown,
        "host_s": host_s,
        "frontend_s": frontend_s,
        "price_per_hour": None if price_per_gpu_hour is None else price_per_gpu_hour * gpus_per_replica,
        "kv_tokens": kv_tokens,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    _refuse_senseless(gpus_per_replica, memory_utilisation, given)
    profiles = gpu_sheets.profile(gpu), model_sheets.profile(model)
    return assemble(*profiles, gpus_per_replica, memory_utilisation, given)


def _refuse_senseless(gpus: int, memory_utilisation: float, given: dict[str, float]) -> None:
    if gpus < 1:
        raise ValueError(f"gpus_per_replica is {gpus}; a replica has at least 1 GPU")
    if not 0.0 < memory_utilisation <= 1.0:
        raise ValueError(f"memory_utilisation is {memory_utilisation}; it is a fraction above 0 and at most 1")
    for name, value in given.items():
        if not (value > 0.0 or (value == 0.0 and name in MAY_BE_ZERO)):
            raise ValueError(f"{name} is {value}; it must be {'0 or more' if name in MAY_BE_ZERO else 'above 0'}")
