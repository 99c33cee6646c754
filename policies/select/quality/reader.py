"""What a text tells by itself: linear in its embedding and in its n-grams, many answers at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.select.quality.linear import Linear
from policies.select.quality.ngrams import Grams, Singles
from policies.select.quality.port import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Two linear parts that add up; what the answers are is the trainer's matter."""

    dense: Linear  # of the features that stand for the text
    grams: Grams
    weights: Singles  # shape (buckets, answers)

    def expect(self, features: Floats, texts: Sequence[str]) -> Floats:
        """Of features shaped (texts, features) and the texts themselves: shape (texts, answers)."""
        found = self.dense.expect(features)
        for row, text in zip(found, texts, strict=True):
            place, weight = self.grams.of(text)
            row += weight @ self.weights[place]
        return found
