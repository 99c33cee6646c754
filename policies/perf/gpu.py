"""What one GPU can do, from its sheet in policies/gpus."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from policies.perf import sheets

GIB = float(2**30)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProfile:
    """One GPU: datasheet figures, power, price and the fraction of its figures that kernels achieve."""

    name: str
    title: str
    bf16_flops: float  # dense, per second
    fp8_flops: float  # dense, per second; 0 without fp8
    memory_gib: float  # what an engine sees
    memory_bytes_per_s: float
    link_bytes_per_s: float  # to the next GPU of the node, one direction
    host_bytes_per_s: float  # to host memory, one direction
    network_bytes_per_s: float  # to another node, as achieved, one direction
    network_base_s: float  # set-up of one transfer
    limit_w: float  # TDP
    idle_w: float  # no process
    context_w: float  # what a resident engine adds to idle
    busy_w: float  # decoding at batch 1
    kv_w: float  # added were all memory traffic KV
    compute_w: float  # added at full arithmetic
    power_points: tuple[tuple[float, float], ...] = ()  # measured (batch, W), where there are any
    price_per_hour: float  # dollars, and its range
    price_low: float
    price_high: float
    chunk_tokens: int  # the engine's default token budget on this card
    weight_efficiency: float  # of memory_bytes_per_s, reading weights
    context_efficiency: float  # of memory_bytes_per_s, reading KV
    prefill_efficiency: float  # of flops, in matrix products
    attention_efficiency: float  # of flops, in prefill attention
    prefill_base_ratio: float  # a prefill step's fixed part over a decode step's
    reduce_bytes_per_s: tuple[float, float, float]  # all-reduce over 2, 4 and 8 GPUs
    sources: tuple[tuple[str, str], ...]

    @property
    def memory_bytes(self) -> float:
        """Bytes of memory an engine sees."""
        return self.memory_gib * GIB

    def flops(self, bytes_per_param: float) -> float:
        """Peak operations per second for weights of that width: fp8 where weights and card both have it."""
        return self.fp8_flops if bytes_per_param <= 1.0 and self.fp8_flops > 0.0 else self.bf16_flops

    def source(self, key: str) -> str:
        """Where the figure of that name comes from."""
        return dict(self.sources)[key]

    def reduce_rate(self, gpus: int) -> float:
        """All-reduce bytes per second among so many GPUs, by the next size up; beyond 8 that of 8, which flatters."""
        return self.reduce_bytes_per_s[0 if gpus <= 2 else 1 if gpus <= 4 else 2]


OPTIONAL = {"power_points"}
REQUIRED = {f.name for f in fields(GpuProfile)} - OPTIONAL - {"name", "title", "sources"}


@cache
def profile(name: str) -> GpuProfile:
    """The profile of that name, read once; raises UnknownProfile, BadSheet."""
    return from_sheet(name, sheets.read("gpus", name))


def from_sheet(name: str, sheet: sheets.Table) -> GpuProfile:
    """The profile in a sheet whose every figure is `{ value, source }`; raises BadSheet."""
    sheets.check(f"gpus/{name}", sheet, {*REQUIRED, "title"}, OPTIONAL)
    figures = {key: figure for key, figure in sheet.items() if key != "title"}
    for key, figure in figures.items():
        sheets.check(f"gpus/{name}: {key}", figure, ("value", "source"))
    values = {key: frozen(figure["value"]) for key, figure in figures.items()}
    sources = tuple((key, str(figure["source"])) for key, figure in figures.items())
    return GpuProfile(name=name, title=sheet["title"], sources=sources, **values)


def frozen(value: Any) -> Any:
    """The value with every list in it a tuple."""
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value
