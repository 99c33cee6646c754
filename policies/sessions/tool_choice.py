"""Which tools a model is shown: their vectors moved towards the requests that they served well (OATS; WRP O6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Self

import numpy as np

from policies.signals.port import Embedding


class Served(NamedTuple):
    """One finished tool call."""

    query: Embedding
    tool: str
    succeeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Tools by name, each with a unit vector; learned offline, so that serving costs nothing more."""

    vectors: Mapping[str, Embedding]
    pull: float = 0.5  # how far a tool with much evidence moves towards the centroid of its successes
    strength: float = 5.0  # successes at which it has moved half of that
    successes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    centroids: Mapping[str, Embedding] = field(default_factory=lambda: MappingProxyType({}))

    def learned(self, outcomes: Sequence[Served]) -> Self:
        """Having seen how calls ended; failures say nothing of where a tool belongs."""
        counts, sums = dict(self.successes), {name: self.centroids[name] * n for name, n in self.successes.items()}
        for one in outcomes:
            if one.succeeded and one.tool in self.vectors:
                counts[one.tool] = counts.get(one.tool, 0) + 1
                sums[one.tool] = sums.get(one.tool, np.zeros_like(one.query)) + one.query
        centroids = {name: np.asarray(total / counts[name], np.float32) for name, total in sums.items()}
        return replace(self, successes=MappingProxyType(counts), centroids=MappingProxyType(centroids))

    def vector(self, tool: str) -> Embedding:
        """Where a tool stands now, of unit length; where it began while it has no successes."""
        n = self.successes.get(tool, 0)
        if n == 0:
            return self.vectors[tool]
        share = self.pull * n / (n + self.strength)
        moved = (1.0 - share) * self.vectors[tool] + share * unit(self.centroids[tool])
        return unit(moved)

    def nearest(self, query: Embedding, allowed: Sequence[str], most: int) -> tuple[str, ...]:
        """The best of the tools that the role allows, the nearest first; rights come before relevance."""
        known = [name for name in allowed if name in self.vectors]
        scores = {name: float(self.vector(name) @ query) for name in known}
        return tuple(sorted(known, key=lambda name: (-scores[name], name))[:most])


def unit(vector: Embedding) -> Embedding:
    """The same direction, of length one; zero stays zero."""
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0.0 else vector, dtype=np.float32)
