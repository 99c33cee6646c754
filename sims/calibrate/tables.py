"""Measured operator times of one model on one kind of GPU, as LLMServingSim's profiler writes them, summed to steps."""

import csv
import gzip
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from policies.perf.model import ModelProfile
from policies.perf.step import distinct_experts

ONCE = ("embedding", "final_layernorm")
"""What a step runs once; the other dense operators run in every layer."""

TWICE = ("layernorm",)
"""What a layer runs twice."""

Curve = tuple[tuple[float, ...], tuple[float, ...]]
"""Rising arguments and seconds at each."""

Shape = tuple[int, int, int, int]
"""New prompt tokens, tokens of that prompt before them, decoding sequences, tokens each of those holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What joins the GPUs of one replica."""

    gpus: int
    bytes_per_s: float
    latency_s: float

    def reduce_s(self, size: float) -> float:
        """Seconds of a ring all-reduce of so many bytes; none on one GPU."""
        hops = 2 * (self.gpus - 1)
        return hops * (self.latency_s + size / self.gpus / self.bytes_per_s) if hops else 0.0

    def gather_s(self, size: float) -> float:
        """Seconds to bring together so many bytes of which every GPU holds its share."""
        hops = self.gpus - 1
        return hops * (self.latency_s + size / self.gpus / self.bytes_per_s) if hops else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTables:
    """Seconds of every operator of a step: dense ones by tokens, heads by sequences, attention by shape."""

    model: ModelProfile
    link: Link
    dense: Mapping[str, Curve]
    heads: Mapping[str, Curve]
    attention: Mapping[Shape, float]
    experts: Mapping[float, Curve]  # by experts touched: seconds over tokens; empty for a dense model

    def seconds(self, shape: Shape) -> float:
        """Seconds of one step of a measured attention shape: kernels and the links between GPUs."""
        new, _, batch, _ = shape
        tokens, sequences = new + batch, batch + (new > 0)
        total = sum(self._times(name) * at(curve, tokens) for name, curve in self.dense.items())
        total += sum(at(curve, sequences) for curve in self.heads.values())
        total += self.model.layers * (self.attention[shape] + self._experts(tokens))
        return total + self._links(tokens, sequences)

    def _times(self, operator: str) -> int:
        return 1 if operator in ONCE else self.model.layers * (2 if operator in TWICE else 1)

    def _experts(self, tokens: int) -> float:
        if not self.experts:
            return 0.0
        touched = distinct_experts(self.model.experts, self.model.top_k, tokens)
        counts = tuple(sorted(self.experts))
        return at((counts, tuple(at(self.experts[count], tokens) for count in counts)), touched)

    def _links(self, tokens: int, sequences: int) -> float:
        """Two all-reduces a layer and one of the embedding; the scores of the vocabulary are gathered."""
        hidden, vocabulary = 2.0 * self.model.hidden, 2.0 * self.model.head_params / self.model.hidden
        reduces = 2 * self.model.layers + 1
        return reduces * self.link.reduce_s(hidden * tokens) + self.link.gather_s(vocabulary * sequences)


def at(curve: Curve, argument: float) -> float:
    """The curve's value, linear between its points and beyond its last one; its first value before its first."""
    xs, ys = curve
    if argument <= xs[0] or len(xs) == 1:
        return ys[0]
    right = min(bisect_left(xs, argument), len(xs) - 1)
    left = right - 1
    return ys[left] + (ys[right] - ys[left]) * (argument - xs[left]) / (xs[right] - xs[left])


def read(folder: Path, model: ModelProfile, link: Link) -> StepTables:
    """The tables of one folder: dense, per_sequence, attention and, for experts, moe; raises OSError, KeyError."""
    moe: dict[str, list[tuple[float, float]]] = {}
    if model.experts:
        for row in _rows(folder / "moe.csv.gz"):
            moe.setdefault(row["activated_experts"], []).append((float(row["tokens"]), 1e-6 * float(row["time_us"])))
    return StepTables(
        model=model,
        link=link,
        dense=_curves(folder / "dense.csv.gz", "tokens"),
        heads=_curves(folder / "per_sequence.csv.gz", "sequences"),
        attention={_shape(row): 1e-6 * float(row["time_us"]) for row in _rows(folder / "attention.csv.gz")},
        experts={float(count): _curve(points) for count, points in moe.items()},
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def _shape(row: dict[str, str]) -> Shape:
    return int(row["prefill_chunk"]), int(row["kv_prefill"]), int(row["n_decode"]), int(row["kv_decode"])


def _curves(path: Path, argument: str) -> dict[str, Curve]:
    points: dict[str, list[tuple[float, float]]] = {}
    for row in _rows(path):
        points.setdefault(row["layer"], []).append((float(row[argument]), 1e-6 * float(row["time_us"])))
    return {layer: _curve(found) for layer, found in points.items()}


def _curve(points: list[tuple[float, float]]) -> Curve:
    xs, ys = zip(*sorted(points), strict=True)
    return xs, ys
