"""The affine step coefficients nearest to measured operator tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from policies.perf.step import distinct_experts
from sims.calibrate.affine import Numbers, bounded, relative_errors
from sims.calibrate.tables import Shape, StepTables

HELD = (64, 8192)
"""Tokens a decoding sequence holds in the fitted steps."""

MOST_HELD = 500_000
"""Tokens the batch holds together in the fitted steps, at most."""

LEAST_NEW = 64
"""Prompt tokens of a fitted step, at least: fewer hide behind reading the weights."""

MOST_BEFORE = 4096
"""Tokens before a chunk in the fitted steps, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFit:
    """Step coefficients by LatencyModel's names, in seconds, and the fit's relative errors."""

    coefficients: dict[str, float]
    decode_error: float  # mean, absolute
    decode_worst: float
    prefill_error: float  # mean, absolute: of steps with prompt tokens
    prefill_worst: float


def fit(tables: StepTables, least: Mapping[str, float]) -> StepFit:
    """Fit decoding steps first, then what prompt tokens add to them; no coefficient below `least`."""
    decodes = [shape for shape in tables.attention if shape[0] == 0 and _plausible(shape)]
    seconds = np.array([tables.seconds(shape) for shape in decodes])
    features = np.array([_decode_features(tables, shape) for shape in decodes])
    floor = np.array([least.get(name, 0.0) for name in ("base_s", "sequence_s", "context_s", "expert_s")])
    floor = floor[: features.shape[1]]
    decode = bounded(features, seconds, floor)
    decode_errors = relative_errors(features, seconds, decode)
    prefill, prefill_errors = _fit_prefill(tables, decode, least)
    names = ("base_s", "sequence_s", "context_s", "expert_s")[: len(decode)]
    found = dict(zip(names, decode, strict=True))
    found |= dict(zip(("prefill_base_s", "token_s", "attention_s"), prefill, strict=True))
    return StepFit(
        coefficients={name: float(value) for name, value in found.items()},
        decode_error=float(np.abs(decode_errors).mean()),
        decode_worst=float(np.abs(decode_errors).max()),
        prefill_error=float(np.abs(prefill_errors).mean()),
        prefill_worst=float(np.abs(prefill_errors).max()),
    )


def _fit_prefill(tables: StepTables, decode: Numbers, least: Mapping[str, float]) -> tuple[Numbers, Numbers]:
    """What is left of steps with prompt tokens once their decoding is taken out, and the errors over whole steps."""
    mixed = [shape for shape in tables.attention if shape[0] >= LEAST_NEW and _plausible(shape)]
    whole = np.array([tables.seconds(shape) for shape in mixed])
    beside = np.array([decode[1] * batch + decode[2] * batch * held for _, _, batch, held in mixed])
    features = np.array([[1.0, new, new * (before + new / 2)] for new, before, _, _ in mixed])
    floor = np.array([0.0, least.get("token_s", 0.0), least.get("attention_s", 0.0)])
    left = np.maximum(whole - beside, 0.05 * whole)
    found = bounded(features, left, floor)
    return found, np.asarray((features @ found + beside) / whole - 1.0)


def _plausible(shape: Shape) -> bool:
    new, before, batch, held = shape
    within = not batch or (HELD[0] <= held <= HELD[1] and batch * held <= MOST_HELD)
    return within and before <= MOST_BEFORE and (new > 0 or batch > 0)


def _decode_features(tables: StepTables, shape: Shape) -> list[float]:
    _, _, batch, held = shape
    touched = distinct_experts(tables.model.experts, tables.model.top_k, batch)
    return [1.0, batch, batch * held, touched] if tables.model.experts else [1.0, batch, batch * held]
