"""Features of prompts: both embedding tiers and the prompt's shape stand for the text, the shape again as facts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.embedded import embedded
from policies.select.quality.port import Floats
from policies.select.quality.shape import shape

SPREAD = 0.1  # of the shape's numbers beside embeddings of unit length


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Rows of numbers: what stands for the text first, facts after it."""

    rows: Floats  # shape (prompts, text + facts)
    text: int

    def beside(self, more: Floats) -> Floats:
        """The rows with further facts."""
        return np.concatenate([self.rows, more], axis=1)


def features_of(texts: Sequence[str], tokens: Sequence[float]) -> Features:
    """Both tiers' embeddings, each of unit length, and the shape, whose scale is fixed: nothing is learned here."""
    tiers = [unit(embedded(texts, tier).astype(np.float64)) for tier in ("encoder", "static")]
    shapes = np.array([shape(text, count) for text, count in zip(texts, tokens, strict=True)])
    text = np.concatenate([*tiers, SPREAD * shapes], axis=1)
    return Features(rows=np.concatenate([text, shapes], axis=1), text=text.shape[1])


def unit(vectors: Floats) -> Floats:
    """Each row at length one."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
