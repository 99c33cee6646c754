"""Step coefficients from datasheets, for what nobody measured: bytes over bandwidth, operations over peak.

The constants and each GPU's efficiencies are fitted to the AIConfigurator 0.12 tables that the model sheets hold.
Against those tables a dense model's decode steps are off by 2 % on average and 11 % at worst, its prompts by 3 and
12 %; a mixture of experts' decode steps by 9 and 27 % (68 % for one lone sequence on L40S), its prompts by 15 and 46 %.
Other cards are extrapolated: expect 30 %, and 50 % outside NVIDIA's.
"""

from policies.perf.gpu import GpuProfile
from policies.perf.model import ModelProfile

LAYER_S = 30.3e-6
"""Seconds a dense layer takes however little it reads."""

REDUCE_LAYER_S = 14.4e-6
"""Seconds that joining the results of several GPUs adds to a dense layer."""

EXPERT_LAYER_S = 56e-6
"""Seconds a layer of experts takes however little it reads, routing included; any number of GPUs."""

EXPERT_EFFICIENCY = 0.92
"""Of memory bandwidth, reading experts; above dense reads because real routing touches fewer than chance would."""

EXPERT_PREFILL_EFFICIENCY = 0.65
"""Matrix products of experts over dense ones: many small ones instead of one large."""

EXPERT_PREFILL_BASE_RATIO = 1.24
"""A prefill step's fixed part over reading every expert once."""

SEQUENCE_RATIO = 0.62
"""A decoding sequence's arithmetic over a prompt token's: some hides behind reading the weights."""

EXPERT_SEQUENCE_RATIO = 1.9
"""The same for a mixture of experts, where it hides nothing and adds gathering and scattering."""

ACTIVATION_BYTES = 2.0


def coefficients(gpu: GpuProfile, model: ModelProfile, gpus: int) -> dict[str, float]:
    """The seven step coefficients in seconds, by LatencyModel's names."""
    reading = gpu.memory_bytes_per_s * gpus
    arithmetic = gpu.flops(model.bytes_per_param) * gpus
    base_s = model.shared_params * model.bytes_per_param / (reading * gpu.weight_efficiency) + _layers(model, gpus)
    expert_s = model.expert_params * model.bytes_per_param / (reading * EXPERT_EFFICIENCY)
    product_s, reduce_s = _product(model, arithmetic * gpu.prefill_efficiency), _reduce(gpu, model, gpus)
    context_bytes = model.kv_bytes_per_token * model.kv_copies(gpus)
    return {
        "base_s": base_s,
        "sequence_s": (EXPERT_SEQUENCE_RATIO if model.experts else SEQUENCE_RATIO) * product_s + reduce_s,
        "context_s": context_bytes / (reading * gpu.context_efficiency),
        "expert_s": expert_s,
        "prefill_base_s": _prefill_base(gpu, model, base_s, expert_s),
        "token_s": product_s + reduce_s,
        "attention_s": model.attention_flops / (gpu.bf16_flops * gpus * gpu.attention_efficiency),
    }


def _layers(model: ModelProfile, gpus: int) -> float:
    layer_s = EXPERT_LAYER_S if model.experts else LAYER_S + (REDUCE_LAYER_S if gpus > 1 else 0.0)
    return model.layers * layer_s


def _product(model: ModelProfile, rate: float) -> float:
    return 2.0 * model.active_params / (rate * (EXPERT_PREFILL_EFFICIENCY if model.experts else 1.0))


def _reduce(gpu: GpuProfile, model: ModelProfile, gpus: int) -> float:
    """Seconds a token's all-reduces take: two a layer, each moving 2·(n-1)/n of a hidden state."""
    moved = 4.0 * model.layers * model.hidden * ACTIVATION_BYTES * (gpus - 1) / gpus
    return moved / gpu.reduce_rate(gpus)


def _prefill_base(gpu: GpuProfile, model: ModelProfile, base_s: float, expert_s: float) -> float:
    if model.experts:
        return EXPERT_PREFILL_BASE_RATIO * (base_s + model.experts * expert_s)
    return gpu.prefill_base_ratio * base_s
