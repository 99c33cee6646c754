"""Words, word pairs and pieces of words as hashed numbers: what embeddings lose, at no model's cost."""

import re
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from router.classify.native.grams import MARKED, STARTS, crc_table
from router.classify.native.library import function

Floats = npt.NDArray[np.float32]

WORD = re.compile(r"\w+|[^\w\s]")
CHARACTERS = 4_000  # read of a text
TABLE = crc_table()
TABLE_AT = int(TABLE.ctypes.data)


def hashed(text: str | bytes) -> int:
    """32 bits that any process computes alike."""
    return zlib.crc32(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))


def ngrams(texts: Sequence[str], buckets: int) -> Floats:
    """Signed logarithms of counts by bucket, float32, shape (texts, buckets)."""
    out = np.zeros((len(texts), buckets), np.float32)
    for row, text in zip(out, texts, strict=True):
        words = "\n".join([*WORD.findall(text[:CHARACTERS].lower()), ""]).encode("utf-8", "replace")
        size = 1 << (4 * len(words) + 8).bit_length()  # a byte begins three hashes at most
        slots = np.zeros(2 * size + STARTS + MARKED // 8, np.int64)  # and what the loop needs beside
        function("ngrams")(words, len(words), TABLE_AT, slots.ctypes.data, size, row.ctypes.data, buckets)
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
