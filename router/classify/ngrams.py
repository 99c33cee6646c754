"""Words, word pairs and pieces of words as hashed numbers: what embeddings lose, at no model's cost."""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WORD = re.compile(r"\w+|[^\w\s]")
CHARACTERS = 4_000  # read of a text
LONGEST = 40  # characters read of a word: base64 is one word
PIECES = (3, 4, 5)  # characters of a piece of a word
KEPT = 1 << 15  # words whose pieces are remembered


class Word(NamedTuple):
    """A word's hashes, and what the hash of a pair of words is made of."""

    keys: npt.NDArray[np.int64]  # of the word and of its pieces
    first: int  # the hash so far of a pair that it begins
    raw: bytes  # what it adds to a pair that it ends


@lru_cache(KEPT)
def word(text: str) -> Word:
    """What is hashed of a word, its ends marked by spaces."""
    marked = f" {text[:LONGEST]} "
    whole = marked.encode() if marked.isascii() else marked
    parts = [whole[at : at + length] for length in PIECES for at in range(len(whole) - length + 1)]
    keys = np.array([hashed(f"w{text}"), *map(hashed, parts)], np.int64)
    return Word(keys, hashed(f"b{text} "), text.encode("utf-8", "replace"))


def hashed(text: str | bytes) -> int:
    """32 bits that any process computes alike."""
    return zlib.crc32(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))


START, STOP = word("^"), word("$")


def counts(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct hashes of a text, ascending, and how often each occurs."""
    words = list(map(word, WORD.findall(text[:CHARACTERS].lower())))
    # The hash of a pair goes on from that of its first word.
    pairs = [zlib.crc32(two.raw, one.first) for one, two in zip([START, *words], [*words, STOP], strict=True)]
    keys = np.concatenate([*(each.keys for each in words), np.array(pairs, np.int64)])
    keys.sort()
    begins = np.flatnonzero(keys != np.concatenate((keys[:1] - 1, keys[:-1])))
    return keys[begins], np.diff(begins, append=len(keys))


def ngrams(texts: Sequence[str], buckets: int) -> Floats:
    """Signed logarithms of counts by bucket, float32, shape (texts, buckets)."""
    out = np.empty((len(texts), buckets), np.float32)
    for row, text in enumerate(texts):
        keys, times = counts(text)
        signed = np.where(keys >> 31, 1.0, -1.0) * (1 + np.log(times))
        out[row] = np.bincount(keys % buckets, weights=signed, minlength=buckets)
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
