"""Prompt text with an exact number of tokens, the same for the same blocks, so that prefix caches really hit.

Every word has three letters and a leading space and is one token: four bytes a token, so text is sliced by arithmetic.
A block's text starts with its id written in words, thus differs from every other block's, and goes on with a slice of
a large pool that the id picks.
"""

from math import ceil, log2

import numpy as np
import numpy.typing as npt

from sims.arrival import Arrival
from sims.load.words import WORDS
from weir.tokenizer import tokenizer

Words = npt.NDArray[np.uint32]  # one word of four bytes a place

BYTES = 4  # of a word with its space
POOL = 1 << 20  # words; 4 MB
LONGEST = POOL // 2  # words of one slice
LEAST_WORDS = 64  # fewer make ids too long for a block of 16 tokens
REST = 1 << 63  # ids of text that belongs to no block start here: block ids lie below
SPREAD = 0x9E3779B97F4A7C15


class Prompts:
    """Makes text for one vocabulary; `salt` makes text that shares nothing with that of another salt."""

    def __init__(self, vocabulary: str = "", salt: int = 0) -> None:
        words = single_tokens(vocabulary) if vocabulary else WORDS
        self._words: Words = np.frombuffer("".join(f" {word}" for word in words).encode(), dtype=np.uint32)
        rng = np.random.Generator(np.random.PCG64(len(words)))
        self._pool = self._words[rng.integers(0, len(words), POOL)]
        self._plain = [f" {word}".encode() for word in words]
        self._pool_text = self._pool.tobytes()
        self._id_words = ceil(64 / log2(len(words)))
        self._salt = salt * SPREAD % REST

    def text(self, arrival: Arrival, index: int) -> bytes:
        """The prompt of the `index`th arrival, ASCII; what its blocks do not cover is like no other prompt's."""
        covered = min(len(arrival.blocks) * arrival.block_tokens, arrival.prompt_tokens)
        rest = arrival.prompt_tokens - covered
        parts = []
        if covered:
            ids = (np.array(arrival.blocks, dtype=np.uint64) + np.uint64(self._salt)) % np.uint64(REST)
            parts.append(self._blocks(ids, arrival.block_tokens)[: BYTES * covered])
        if rest:
            parts.append(self._one(REST + (index + self._salt) % REST, rest))
        return b"".join(parts)

    def _blocks(self, ids: npt.NDArray[np.uint64], tokens: int) -> bytes:
        """The text of blocks of `tokens` tokens each."""
        named = min(self._id_words, tokens)
        out = np.empty((len(ids), tokens), dtype=np.uint32)
        rest, base = ids.copy(), np.uint64(len(self._words))
        for place in range(named):
            out[:, place] = self._words[rest % base]
            rest //= base
        for start in range(named, tokens, LONGEST):
            width = min(LONGEST, tokens - start)
            picks = (ids * np.uint64(SPREAD) + np.uint64(start)) % np.uint64(POOL - width)
            windows = np.lib.stride_tricks.sliding_window_view(self._pool, width)
            out[:, start : start + width] = windows[picks.astype(np.int64)]
        return out.tobytes()

    def _one(self, number: int, tokens: int) -> bytes:
        """The text of `tokens` tokens that belong to no block: as above, for one id without numpy's fixed costs."""
        parts, rest = [], number
        for _ in range(min(self._id_words, tokens)):
            rest, word = divmod(rest, len(self._words))
            parts.append(self._plain[word])
        for start in range(len(parts), tokens, LONGEST):
            width = min(LONGEST, tokens - start)
            pick = BYTES * ((number * SPREAD + start) % (1 << 64) % (POOL - width))
            parts.append(self._pool_text[pick : pick + BYTES * width])
        return b"".join(parts)


def single_tokens(vocabulary: str) -> tuple[str, ...]:
    """The words that are one token each in that vocabulary; raises ValueError when they are too few."""
    encode = tokenizer(vocabulary).encode
    words = tuple(word for word in WORDS if len(encode(f" {word}")) == 1)
    if len(words) < LEAST_WORDS or len(encode("".join(f" {word}" for word in words))) != len(words):
        raise ValueError(f"{vocabulary} splits short words: give no vocabulary, then prompts have 4 bytes a token")
    return words
