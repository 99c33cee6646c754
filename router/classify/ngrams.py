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

    keys: bytes  # of the word and of its pieces, 32 bits each
    first: int  # the hash so far of a pair that it begins
    raw: bytes  # what it adds to a pair that it ends


@lru_cache(KEPT)
def word(text: str) -> Word:
    """What is hashed of a word, its ends marked by spaces."""
    marked = f" {text[:LONGEST]} "
    whole = marked.encode() if marked.isascii() else marked
    parts = [whole[at : at + length] for length in PIECES for at in range(len(whole) - length + 1)]
    keys = np.array([hashed(f"w{text}"), *map(hashed, parts)], np.uint32)
    return Word(keys.tobytes(), hashed(f"b{text} "), text.encode("utf-8", "replace"))


def hashed(text: str | bytes) -> int:
    """32 bits that any process computes alike."""
    return zlib.crc32(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))


START, STOP = word("^"), word("$")


def counts(text: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The distinct hashes of a text, ascending, and how often each occurs."""
    words = list(map(word, WORD.findall(text[:CHARACTERS].lower())))
    # The hash of a pair goes on from that of its first word.
    pairs = [zlib.crc32(two.raw, one.first) for one, two in zip([START, *words], [*words, STOP], strict=True)]
    told = b"".join([each.keys for each in words]) + np.array(pairs, np.uint32).tobytes()
    keys = np.sort(np.frombuffer(told, np.uint32))
    other = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=other[1:])
    begins = np.flatnonzero(other)
    times = np.empty(len(begins), np.int64)
    np.subtract(begins[1:], begins[:-1], out=times[:-1])
    times[-1] = len(keys) - begins[-1]
    return keys[begins], times


def ngrams(texts: Sequence[str], buckets: int) -> Floats:
    """Signed logarithms of counts by bucket, float32, shape (texts, buckets)."""
    out = np.zeros((len(texts), buckets), np.float32)
    for row, text in zip(out, texts, strict=True):
        keys, times = counts(text)
        signed = np.where(keys >> 31, np.float32(1), np.float32(-1)) * (1 + np.log(times.astype(np.float32)))
        np.add.at(row, keys % buckets, signed)
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
