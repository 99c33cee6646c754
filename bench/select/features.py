"""Features of prompts: both embedding tiers, then the prompt's shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.embedded import embedded
from policies.select.quality.port import Floats
from policies.select.quality.shape import shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Rows of numbers: an embedding first, facts after it."""

    rows: Floats  # shape (prompts, embedded + facts)
    embedded: int
    facts: int

    def beside(self, more: Floats) -> Floats:
        """The rows with further columns, which only the last stage reads."""
        return np.concatenate([self.rows, more], axis=1)


SPREAD = 0.1  # of the shape's numbers beside an embedding of unit length


def features_of(texts: Sequence[str], tokens: Floats, tiers: Sequence[str] = ("encoder", "static")) -> Features:
    """Embeddings of unit length, side by side and of unit length together; the shape's numbers on a like scale."""
    vectors = np.concatenate([embedded(texts, tier) for tier in tiers], axis=1).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shapes = np.array([shape(text, count) for text, count in zip(texts, tokens, strict=True)])
    return Features(
        rows=np.concatenate([vectors, SPREAD * shapes], axis=1), embedded=vectors.shape[1], facts=shapes.shape[1]
    )
