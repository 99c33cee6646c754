"""What one model is, and the step times measured of it, from its sheet in policies/models."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from policies.perf import sheets
from policies.visual.encoder import encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Step coefficients fitted to measurements of the model on so many GPUs of one kind, in seconds."""

    gpu: str
    gpus: int
    coefficients: tuple[tuple[str, float], ...]  # by LatencyModel's names; those absent were not measured
    decode_error: float  # mean error of a decode step over the fitted points, as a fraction
    decode_worst: float = 0.0  # the worst one; 0 where not published
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """One model: its shape, its bytes, and where its step times were measured."""

    name: str
    title: str
    tokenizer: str  # vocabulary's name; empty when it has none here
    template: str  # chat template's family
    layers: int
    hidden: int
    heads: int
    kv_heads: int  # 1 for latent attention: every GPU holds the latent
    head_dim: int
    query_dim: int = 0  # a head's width in the scores; 0 means head_dim
    value_dim: int = 0  # a head's width in the values; 0 means head_dim
    total_params: float
    embedding_params: float  # input table: stored, not read by a step
    head_params: float  # output table: read by every step, computed for last tokens only
    experts: int = 0  # routed experts a layer
    top_k: int = 0
    expert_params: float = 0.0  # one routed expert, all layers together
    bytes_per_param: float
    kv_bytes_per_token: float  # one copy, all layers
    visual: str = ""  # its visual encoder, a sheet of policies/visual; empty for a model without eyes
    context_tokens: int  # longest prompt plus output as published
    measured: tuple[StepTimes, ...] = ()
    source: str

    @property
    def weight_bytes(self) -> float:
        """Bytes of all weights, those of its visual encoder in 16 bits."""
        eyes = 2.0 * encoder(self.visual).params if self.visual else 0.0
        return self.total_params * self.bytes_per_param + eyes

    @property
    def shared_params(self) -> float:
        """Parameters that every step reads: all but the input table and the routed experts."""
        return self.total_params - self.embedding_params - self.experts * self.expert_params

    @property
    def active_params(self) -> float:
        """Parameters that one prompt token is multiplied with."""
        return self.shared_params - self.head_params + self.top_k * self.expert_params

    @property
    def attention_flops(self) -> float:
        """Operations for each pair of a new token and a token before it, all layers."""
        width = (self.query_dim or self.head_dim) + (self.value_dim or self.head_dim)
        return 2.0 * self.layers * self.heads * width

    def kv_copies(self, gpus: int) -> float:
        """How often the KV of one token is held among so many GPUs: more than once when they outnumber its heads."""
        return max(1.0, gpus / self.kv_heads)

    def times(self, gpu: str, gpus: int) -> StepTimes | None:
        """The measured step times for this GPU and count, if any."""
        return next((row for row in self.measured if (row.gpu, row.gpus) == (gpu, gpus)), None)


UNITS = {
    "base_ms": 1e-3,
    "sequence_us": 1e-6,
    "context_ns": 1e-9,
    "expert_us": 1e-6,
    "prefill_base_ms": 1e-3,
    "token_us": 1e-6,
    "attention_ns": 1e-9,
}
HEADINGS = ("title", "tokenizer", "template")
EYES = "visual"
OPTIONAL = {"query_dim", "value_dim", "experts", "top_k", "expert_params"}
REQUIRED = {f.name for f in fields(ModelProfile)} - OPTIONAL - {*HEADINGS, EYES, "name", "measured"}


@cache
def profile(name: str) -> ModelProfile:
    """The profile of that name, read once; raises UnknownProfile, BadSheet."""
    return from_sheet(name, sheets.read("models", name))


def from_sheet(name: str, sheet: sheets.Table) -> ModelProfile:
    """The profile in a sheet of headings, architecture and measured step times; raises BadSheet."""
    sheets.check(f"models/{name}", sheet, {*HEADINGS, "architecture"}, ("measured", EYES))
    architecture = sheet["architecture"]
    sheets.check(f"models/{name}: architecture", architecture, REQUIRED, OPTIONAL)
    headings = {key: sheet[key] for key in HEADINGS} | {EYES: sheet.get(EYES, "")}
    return ModelProfile(name=name, measured=step_times(name, sheet.get("measured")), **headings, **architecture)


def step_times(name: str, table: sheets.Table | None) -> tuple[StepTimes, ...]:
    """The rows of a sheet's measured table, in seconds; a row's own source replaces the table's. Raises BadSheet."""
    if table is None:
        return ()
    sheets.check(f"models/{name}: measured", table, ("source", "rows"))
    return tuple(_row(f"models/{name}: measured.rows", row, table["source"]) for row in table["rows"])


def _row(where: str, row: dict[str, Any], source: str) -> StepTimes:
    sheets.check(where, row, ("gpu", "gpus", "base_ms", "decode_error"), (*UNITS, "decode_worst", "source"))
    seconds = tuple((f"{key.rpartition('_')[0]}_s", row[key] * unit) for key, unit in UNITS.items() if key in row)
    rest = {"source": source} | {key: value for key, value in row.items() if key not in UNITS}
    return StepTimes(coefficients=seconds, **rest)
