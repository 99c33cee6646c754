"""fleet-sim's profiles from first principles: weights and KV over bandwidth, power by how busy both parts are."""

import tomllib
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path

import numpy as np

from sims.analytic.paper.cards import BLOCK_TOKENS, Floats
from sims.analytic.paper.conventions import PRINTED, Conventions

BANDWIDTH_SHARE = 0.80
LAYER_S = 3e-6
MEMORY_SHARE = 0.90
IDLE_SHARE, FULL_SHARE = 0.43, 0.86  # of the power limit
BUFFERS = {1: 0, 2: 358_612_992, 4: 411_041_792, 8: 411_041_792}
"""Bytes set aside for communication, by GPUs of a replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A datasheet."""

    bytes_per_s: float
    memory_bytes: int
    flops: float
    limit_w: float
    price_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model's architecture. The last two are what the published catalogue leaves out."""

    layers: int
    heads: int
    kv_heads: int
    hidden: int
    inner: int
    vocabulary: int
    experts: int = 0
    top_k: int = 0
    expert_inner: int = 0
    shared_experts: int = 0
    head_width: int = 0  # where it is not hidden / heads
    latent: int = 0  # KV values a token and layer under latent attention

    @property
    def _head(self) -> int:
        return self.hidden // self.heads

    def kv_values(self, true_shape: bool) -> int:
        """KV values of a token over all layers, as published or by the true shape."""
        if true_shape and self.latent:
            return self.layers * self.latent
        return 2 * self.layers * self.kv_heads * ((self.head_width if true_shape else 0) or self._head)

    def params(self, active: bool = False) -> int:
        """Parameters as published; those a token uses when `active`."""
        attention = 2 * self.hidden**2 + 2 * self.hidden * self.kv_heads * self._head
        feed = 3 * self.hidden * self.inner
        if self.experts:
            used = self.top_k if active else self.experts
            feed = 3 * self.hidden * (used * self.expert_inner + self.shared_experts * self.inner)
        return self.vocabulary * self.hidden + self.layers * (attention + feed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A replica of `gpus` GPUs; its power is that of one, its price that of all."""

    gpu: Gpu
    shape: Shape
    gpus: int
    bytes_per_value: float = 2.0
    mean_context: int = 4096  # tokens a sequence holds, for which `sequence_s` stands
    active_params: float = 0.0  # of a mixture of experts: what a step is said to read; 0 reads everything
    chunk_tokens: int = 512
    conventions: Conventions = PRINTED

    @property
    def price_per_hour(self) -> float:
        """Dollars, all GPUs."""
        return self.gpus * self.gpu.price_per_hour

    @property
    def _kv_bytes(self) -> float:
        """Bytes of a token's KV on one GPU as memory is counted."""
        whole = self.shape.kv_values(self.conventions.kv_sharded) * self.bytes_per_value
        # Latent KV is one head: every GPU holds all of it.
        parts = 1 if self.shape.latent and self.conventions.kv_sharded else min(self.gpus, self.shape.kv_heads)
        return whole / (parts if self.conventions.kv_sharded else 1)

    @property
    def step_s(self) -> float:
        """Seconds of a step before its first sequence."""
        if self.active_params:
            return self.active_params * self.bytes_per_value / self.gpus / self.gpu.bytes_per_s
        weights = self.shape.params() * self.bytes_per_value / self.gpus
        return weights / (BANDWIDTH_SHARE * self.gpu.bytes_per_s) + LAYER_S * self.shape.layers

    @property
    def weight_step_s(self) -> float:
        """The same when power is computed: of experts, their published latency at 8 tokens."""
        if not self.shape.experts:
            return self.step_s
        attention = 2 * self.shape.hidden**2 + 2 * self.shape.hidden**2 // self.shape.heads * self.shape.kv_heads
        attention_s = attention * self.bytes_per_value / self.gpus / (BANDWIDTH_SHARE * self.gpu.bytes_per_s)
        return self.shape.layers * (self._experts_s + attention_s + LAYER_S)

    @property
    def _experts_s(self) -> float:
        """Seconds of one layer's experts for 8 tokens: an H100's, scaled by bandwidth."""
        milliseconds = EXPERT_MS[self.shape.experts, self.bytes_per_value]
        return milliseconds / 1e3 * float((3.35e12 / self.gpu.bytes_per_s) ** 0.7)

    @property
    def sequence_s(self) -> float:
        """Seconds a sequence of `mean_context` tokens adds."""
        if self.conventions.kv_sharded:
            return self.mean_context * self._kv_bytes / (BANDWIDTH_SHARE * self.gpu.bytes_per_s)
        whole = self.shape.kv_values(False) * self.bytes_per_value
        return self.mean_context * whole / (BANDWIDTH_SHARE * self.gpu.bytes_per_s) / self.gpus

    @property
    def kv_blocks(self) -> int:
        """KV blocks of one GPU beside its weights."""
        weights = self.shape.params() * self.bytes_per_value / self.gpus
        room = int(self.gpu.memory_bytes * MEMORY_SHARE) - weights - BUFFERS[self.gpus]
        return int(max(room, 0.0) // (self._kv_bytes * BLOCK_TOKENS))

    def slots(self, context: int) -> int:
        """Requests of so many tokens at once, at least 1."""
        return max(1, self.kv_blocks // ceil(context / BLOCK_TOKENS))

    def step(self, batch: float, tokens: float = 8192) -> float:
        """Seconds of a step with so many sequences of so many tokens."""
        return self.step_s + self.sequence_s * (tokens / self.mean_context) * batch

    def service(self, prompts: Floats, outputs: Floats, context: int) -> Floats:
        """Seconds that each request holds a slot, prompts computed no faster than they are read."""
        step_s = self.step_s + self.sequence_s * ((prompts + outputs) / self.mean_context) * self.slots(context)
        return (np.ceil(prompts / self.chunk_tokens) + outputs) * step_s

    def watts(self, batch: int) -> float:
        """Watts of one GPU at that batch: idle share plus what reading KV and multiplying add."""
        step_s = self.weight_step_s + self.sequence_s * batch
        reading = self.sequence_s * batch / step_s
        multiplying = 2.0 * self.shape.params(active=True) / self.gpus * batch / (step_s * self.gpu.flops)
        busy = min(1.0, reading + multiplying)
        return self.gpu.limit_w * (IDLE_SHARE + (FULL_SHARE - IDLE_SHARE) * busy)


EXPERT_MS = {(128, 2.0): 0.480, (256, 1.0): 0.700}
"""Published H100 milliseconds of one layer's experts for 8 tokens, by experts and bytes a value."""


@cache
def _catalog() -> dict[str, dict[str, dict[str, float]]]:
    return tomllib.loads((Path(__file__).parent / "catalog.toml").read_text(encoding="utf-8"))


def gpu(name: str) -> Gpu:
    """A published datasheet; raises KeyError."""
    return Gpu(**_catalog()["gpus"][name])  # type: ignore[arg-type]


def shape(name: str) -> Shape:
    """A published architecture; raises KeyError."""
    return Shape(**{key: int(value) for key, value in _catalog()["models"][name].items()})
