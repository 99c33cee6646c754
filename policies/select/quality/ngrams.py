"""A text's words, word pairs and letter sequences, hashed: which it has, and how much each counts.

What many texts have tells little of any, and costs the most: it counts for nothing.
"""

from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
import numpy.typing as npt

from policies.select.quality.port import Floats, Ints

Hashes = npt.NDArray[np.uint64]
Singles = npt.NDArray[np.float32]

BITS = 16
BUCKETS = 1 << BITS
"""N-grams of one bucket are taken for the same."""

LETTERS = (3, 4)
MOST = 8192  # bytes of a text that are read: the head of a longer one tells its topic
MIX, STIR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grams:
    """What each bucket counts."""

    rarity: Singles  # shape (BUCKETS,); 0 for what is too common to tell anything

    def of(self, text: str) -> tuple[Ints, Floats]:
        """The text's buckets and weights: words together of length one, letters likewise; nothing for an empty text."""
        parts = [self._weighed(buckets) for buckets in (words(text), letters(text))]
        return np.concatenate([each[0] for each in parts]), np.concatenate([each[1] for each in parts])

    def _weighed(self, buckets: Ints) -> tuple[Ints, Floats]:
        weight = self.rarity[buckets].astype(np.float64)
        told = buckets[weight > 0.0], weight[weight > 0.0]
        return told[0], told[1] / max(float(np.linalg.norm(told[1])), 1e-9)


def words(text: str) -> Ints:
    """Buckets of the words and of the pairs of neighbours, without case."""
    said = _cut(text).split()
    found = {crc32(each) for each in said} | {crc32(b" ".join(pair)) for pair in pairwise(said)}
    return _buckets(np.fromiter(sorted(found), np.uint64, len(found)))


def letters(text: str) -> Ints:
    """Buckets of the sequences of three and four bytes, without case, any run of white space as one blank."""
    code = np.frombuffer(b" " + b" ".join(_cut(text).split()) + b" ", np.uint8).astype(np.uint64)
    found = [np.zeros(0, np.uint64)]
    for length in LETTERS:
        count = max(len(code) - length + 1, 0)
        packed = np.full(count, length, np.uint64)  # the length first: no three bytes equal four
        for at in range(length):
            packed = (packed << np.uint64(8)) | code[at : at + count]
        found.append(packed)
    return _buckets(np.concatenate(found))


def _cut(text: str) -> bytes:
    return text[:MOST].lower().encode("utf-8", "replace")[:MOST]


def _buckets(hashes: Hashes) -> Ints:
    """Each bucket once; every bit of what was hashed moves it (splitmix64's finaliser)."""
    mixed = (hashes + np.uint64(1)) * MIX
    mixed ^= mixed >> np.uint64(30)
    mixed *= STIR
    mixed ^= mixed >> np.uint64(27)
    return np.unique((mixed >> np.uint64(64 - BITS)).astype(np.int64))
