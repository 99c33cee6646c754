"""Words, word pairs and pieces of words as hashed numbers: what embeddings lose, at no model's cost."""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WORD = re.compile(r"\w+|[^\w\s]")
CHARACTERS = 4_000  # read of a text
LONGEST = 40  # characters read of a word: base64 is one word
PIECES = (3, 4, 5)  # characters of a piece of a word
KEPT = 1 << 16  # words whose pieces are remembered


@lru_cache(KEPT)
def pieces(word: str) -> tuple[int, ...]:
    """Hashes of a word and of its pieces, its ends marked by spaces."""
    told = f" {word[:LONGEST]} "
    parts = [told[at : at + length] for length in PIECES for at in range(len(told) - length + 1)]
    return (hashed(f"w{word}"), *map(hashed, parts))


def hashed(text: str) -> int:
    """32 bits that any process computes alike."""
    return zlib.crc32(text.encode("utf-8", "replace"))


def counts(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct hashes of a text and how often each occurs."""
    words = WORD.findall(text[:CHARACTERS].lower())
    found = [each for word in words for each in pieces(word)]
    found += [hashed(f"b{one} {two}") for one, two in zip(["^", *words], [*words, "$"], strict=True)]
    return np.unique(np.array(found, np.int64), return_counts=True)


def ngrams(texts: Sequence[str], buckets: int) -> Floats:
    """Signed logarithms of counts by bucket, float32, shape (texts, buckets)."""
    out = np.zeros((len(texts), buckets), np.float32)
    for row, text in zip(out, texts, strict=True):
        keys, times = counts(text)
        np.add.at(row, keys % buckets, np.where(keys >> 31, 1.0, -1.0) * (1 + np.log(times)))
    return out


def rarity(rows: Floats) -> Floats:
    """How much a bucket weighs: the logarithm of how few texts have it, shape (buckets,)."""
    having = np.count_nonzero(rows, axis=0)
    weights: Floats = (np.log((1 + len(rows)) / (1 + having)) + 1).astype(np.float32)
    return weights


def weighted(rows: Floats, weights: Floats) -> Floats:
    """Values by rarity, every text at unit length."""
    scaled: Floats = rows * weights
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit: Floats = np.divide(scaled, np.maximum(lengths, np.float32(1e-9)), dtype=np.float32)
    return unit
