"""Linear heads of one tier as one matrix: all labels of all heads scored, and made probabilities, at once."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from policies.signals.reading import Reading
from router.classify.features import COSINES, DENSE, GRAMS, SHAPES, Seen
from router.classify.linear import Linear
from router.classify.ngrams import Floats


class Grams:
    """The n-gram weights of heads that read as many buckets; rarity is folded into them."""

    def __init__(self, heads: Sequence[Linear], columns: Sequence[npt.NDArray[np.int64]]) -> None:
        begin = dense_width(heads[0].tier)
        own = [head.weights[begin : begin + len(head.rarity)] * head.rarity[:, None] for head in heads]
        self.columns = np.concatenate(columns)
        self._weights = np.ascontiguousarray(np.concatenate(own, axis=1)) * np.float32(GRAMS)
        self._squares = np.stack([head.rarity**2 for head in heads], axis=1)
        self._labels = [len(each) for each in columns]

    @property
    def buckets(self) -> int:
        """How many buckets these heads read."""
        return len(self._squares)

    def scores(self, folded: Floats) -> Floats:
        """Shape (texts, labels of these heads)."""
        lengths = np.sqrt((folded * folded) @ self._squares)  # of n-grams weighted by each head's rarity
        units = np.repeat(np.maximum(lengths, np.float32(1e-9)), self._labels, axis=1)
        told: Floats = (folded @ self._weights) / units
        return told


class Stack:
    """Heads of one tier, side by side; labels lie in the order of the heads."""

    def __init__(self, heads: Sequence[Linear]) -> None:
        """Take in heads, one at least, that are all of one tier."""
        self._heads, self._tier = heads, heads[0].tier
        at = np.cumsum([0, *(len(head.labels) for head in heads)])
        self._begins = at[:-1]
        self._spans = list(pairwise(at.tolist()))
        begin = 0
        self._dense: dict[str, Floats] = {}
        for name in DENSE[self._tier]:
            self._dense[name] = _side_by_side(head.weights[begin : begin + COSINES[name]] for head in heads)
            begin += COSINES[name]
        self._shapes = _side_by_side(head.weights[-SHAPES:] for head in heads)
        self._mean = np.concatenate([head.mean for head in heads])
        self._grams = [self._of_buckets(size) for size in sorted({len(head.rarity) for head in heads})]
        self._factors = np.repeat(np.array([head.sharpness for head in heads], np.float32), np.diff(at))

    def _of_buckets(self, size: int) -> Grams:
        mine = [i for i, head in enumerate(self._heads) if len(head.rarity) == size]
        return Grams([self._heads[i] for i in mine], [np.arange(*self._spans[i]) for i in mine])

    def scores(self, seen: Seen) -> Floats:
        """Scores of all heads, shape (texts, labels)."""
        told: Floats = seen.shapes @ self._shapes + self._mean
        for name, weights in self._dense.items():
            told += seen.cosines[name] @ weights
        for grams in self._grams:
            told[:, grams.columns] += grams.scores(seen.folded(grams.buckets))
        return told

    def readings(self, scores: Floats) -> dict[str, list[Reading]]:
        """Every head's readings by its name, of what `scores` told."""
        most = np.maximum.reduceat(scores, self._begins, axis=1)
        labels = [len(head.labels) for head in self._heads]
        powers = np.exp(self._factors * (scores - np.repeat(most, labels, axis=1)))
        shares = powers / np.repeat(np.add.reduceat(powers, self._begins, axis=1), labels, axis=1)
        rows = list(zip(shares.tolist(), most.tolist(), strict=True))
        return {
            head.name: [head.reading(shares[begin:end], most[at]) for shares, most in rows]
            for at, (head, (begin, end)) in enumerate(zip(self._heads, self._spans, strict=True))
        }


def dense_width(tier: str) -> int:
    """How many cosines heads of a tier see."""
    return sum(COSINES[name] for name in DENSE[tier])


def _side_by_side(parts: Iterable[Floats]) -> Floats:
    return np.ascontiguousarray(np.concatenate(list(parts), axis=1))
