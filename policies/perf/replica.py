"""A replica's latency model put together from profiles: every figure with its source."""

from collections.abc import Mapping
from typing import Any

from policies.perf import capacity, roofline
from policies.perf.gpu import GpuProfile
from policies.perf.latency import DISK_BYTES_PER_S, LatencyModel
from policies.perf.model import ModelProfile
from policies.visual.encoder import encoder

Figures = dict[str, tuple[Any, str]]
"""Value and source of each field of a LatencyModel."""

DEFAULTS: Figures = {
    "slowdown": (1.2, "default: engine over kernels in 60 Argonne LLM-Inference-Bench runs is 1.1-1.28; calibrate"),
    "host_s": (50e-6, "default: host work in the same runs is 20-70 us a sequence; calibrate"),
    "frontend_s": (15e-3, "default: inference-sim, direct client; about 200 ms behind a gateway with long prompts"),
    "max_seqs": (256, "default: vLLM's on most cards; 1,024 in newer versions on large ones"),
}
"""What the profiles do not say and a deployment should: seconds and requests."""

ROOFLINE = "roofline: datasheet figures times efficiencies fitted to the AIConfigurator 0.12 tables"


def assemble(
    gpu: GpuProfile, model: ModelProfile, gpus: int, memory_utilisation: float, given: Mapping[str, Any]
) -> LatencyModel:
    """The latency model of `model` on `gpus` of `gpu`, `given` replacing fields by name; raises DoesNotFit."""
    figures = steps(gpu, model, gpus) | DEFAULTS | power(gpu, model, gpus) | links(gpu, gpus) | sizes(gpu, model, gpus)
    figures |= eyes(gpu, model, gpus)
    figures |= {name: (value, "given") for name, value in given.items()}
    if "kv_tokens" not in given:
        tokens = capacity.kv_tokens(gpu, model, gpus, memory_utilisation)
        figures["kv_tokens"] = (tokens, "memory times utilisation less weights and inference-sim's reserves")
    return LatencyModel(
        measured=model.times(gpu.name, gpus) is not None,
        sources=tuple((name, source) for name, (_, source) in figures.items()),
        **{name: value for name, (value, _) in figures.items()},
    )


def steps(gpu: GpuProfile, model: ModelProfile, gpus: int) -> Figures:
    """The step coefficients: those measured, and the roofline's for the rest."""
    figures: Figures = {name: (value, ROOFLINE) for name, value in roofline.coefficients(gpu, model, gpus).items()}
    times = model.times(gpu.name, gpus)
    if times is not None:
        figures |= {name: (value, times.source) for name, value in times.coefficients}
    return figures | {"experts": (float(model.experts), model.source), "top_k": (float(model.top_k), model.source)}


def eyes(gpu: GpuProfile, model: ModelProfile, gpus: int) -> Figures:
    """Seconds a visual token to encode, and the bytes that it then has; nobody has measured any of it here."""
    if not model.visual:
        return {"encode_token_s": (0.0, "the model sees no images"), "embedding_bytes": (0.0, "the same")}
    seen = encoder(model.visual)
    rate = gpu.bf16_flops * gpus * gpu.prefill_efficiency
    return {
        "encode_token_s": (seen.token_flops / rate, f"operations over peak, as a prompt's; {seen.source}"),
        "embedding_bytes": (seen.embedding_bytes, seen.source),
    }


def power(gpu: GpuProfile, model: ModelProfile, gpus: int) -> Figures:
    """Watts and joules of the whole replica; KV reads and arithmetic become energies a step."""
    sequence_j = 2.0 * gpu.compute_w * model.active_params / gpu.flops(model.bytes_per_param)
    context_j = gpu.kv_w * model.kv_bytes_per_token * model.kv_copies(gpus) / gpu.memory_bytes_per_s
    return {
        "idle_w": (gpus * (gpu.idle_w + gpu.context_w), f"{gpu.source('idle_w')}; {gpu.source('context_w')}"),
        "busy_w": (gpus * gpu.busy_w, gpu.source("busy_w")),
        "sequence_j": (sequence_j, gpu.source("compute_w")),
        "context_j": (context_j, gpu.source("kv_w")),
        "limit_w": (gpus * gpu.limit_w, gpu.source("limit_w")),
    }


def links(gpu: GpuProfile, gpus: int) -> Figures:
    """Bytes a second to host memory, all GPUs at once, and to another replica, over one network link."""
    return {
        "host_bytes_per_s": (gpus * gpu.host_bytes_per_s, gpu.source("host_bytes_per_s")),
        "disk_bytes_per_s": (
            DISK_BYTES_PER_S,
            "data sheets of NVMe drives on four lanes of PCIe 4.0, sequential reading",
        ),
        "transfer_bytes_per_s": (gpu.network_bytes_per_s, gpu.source("network_bytes_per_s")),
        "transfer_base_s": (gpu.network_base_s, gpu.source("network_base_s")),
    }


def sizes(gpu: GpuProfile, model: ModelProfile, gpus: int) -> Figures:
    """Counts, bytes and the price of the whole replica."""
    return {
        "gpus": (gpus, "asked for"),
        "chunk_tokens": (gpu.chunk_tokens, gpu.source("chunk_tokens")),
        "kv_bytes_per_token": (float(model.kv_bytes_per_token), model.source),
        "weight_bytes": (model.weight_bytes, model.source),
        "price_per_hour": (gpus * gpu.price_per_hour, gpu.source("price_per_hour")),
    }
