"""What no step can be faster than: bytes over bandwidth, operations over peak arithmetic."""

from policies.perf.gpu import GpuProfile
from policies.perf.model import ModelProfile


def floors(gpu: GpuProfile, model: ModelProfile, gpus: int) -> dict[str, float]:
    """Least seconds of the step coefficients that physics bounds, by LatencyModel's names, at the card's full figures.

    A fit that goes below them describes its measurements and nothing else: trained coefficients without them are known
    to imply prompts computed at several times the peak.
    """
    reading = gpu.memory_bytes_per_s * gpus
    arithmetic = gpu.flops(model.bytes_per_param) * gpus
    return {
        "base_s": model.shared_params * model.bytes_per_param / reading,
        "context_s": model.kv_bytes_per_token * model.kv_copies(gpus) / reading,
        "token_s": 2.0 * model.active_params / arithmetic,
        "attention_s": model.attention_flops / (gpu.bf16_flops * gpus),
    }
