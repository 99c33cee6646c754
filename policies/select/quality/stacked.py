"""Two stages: what a linear head and the nearest neighbours say of all models are features of a last head."""

from dataclasses import dataclass

import numpy as np

from policies.select.quality.linear import Linear
from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Floats, Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacked:
    """The features are an embedding, then facts of the request; facts that are not known are NaN."""

    linear: Linear
    nearest: Nearest
    last: Quality
    embedded: int  # how many leading features are the embedding
    facts: int  # how many features after it the linear stage reads too; the rest only the last head

    def expect(self, features: Floats) -> Floats:
        """See `Quality`."""
        return self.last.expect(self.between(features))

    def between(self, features: Floats) -> Floats:
        """What the last head reads: both first stages' answers, then the facts."""
        read = features[..., : self.embedded + self.facts]
        first = [self.linear.expect(read), self.nearest.expect(features[..., : self.embedded])]
        return np.concatenate([*first, features[..., self.embedded :]], axis=-1)
