"""Several quality heads as one: the weighted mean of what they expect."""

from dataclasses import dataclass

import numpy as np

from policies.select.quality.port import Floats, Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Heads over the same features and models, and what each counts."""

    heads: tuple[Quality, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.heads) != len(self.weights) or not self.heads or sum(self.weights) <= 0.0:
            raise ValueError(f"{len(self.heads)} heads and weights {self.weights}: one positive weight a head")

    def expect(self, features: Floats) -> Floats:
        """See `Quality`."""
        total = sum(self.weights)
        parts = [w / total * head.expect(features) for head, w in zip(self.heads, self.weights, strict=True)]
        return np.asarray(np.sum(parts, axis=0))
