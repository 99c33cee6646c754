"""Weir's own chained 64-bit block hashes: a router needs only tokens, never an engine's seed."""

import numpy as np
import numpy.typing as npt

from policies.compilable import compilable

Hashes = npt.NDArray[np.uint64]
Tokens = npt.NDArray[np.uint32]

ROOT = 0x9AE16A3B2F90404F  # the parent of a first block; any odd constant would do
RESERVED = 2  # hashes 0 and 1 mean "empty" and "removed" in the index


@compilable
def chain(tokens: Tokens, block_tokens: int, parent: np.uint64, out: Hashes) -> int:
    """Hash every whole block of `tokens` into `out`, each over its parent's hash and its tokens; return how many."""
    n = len(tokens) // block_tokens
    multiply, fold = np.uint64(0x9FB21C651E98DF25), np.uint64(0xD6E8FEB86659FD93)
    state = parent
    for block in range(n):
        for place in range(block * block_tokens, (block + 1) * block_tokens):
            state = (state ^ np.uint64(tokens[place])) * multiply
            state = state ^ (state >> np.uint64(29))
        state = (state ^ (state >> np.uint64(32))) * fold
        state = state ^ (state >> np.uint64(31))
        out[block] = state if state >= np.uint64(2) else state + np.uint64(2)
    return n


@compilable
def chain_words(words: Hashes, block_words: int, parent: np.uint64, out: Hashes) -> int:
    """Hash every whole block of a text, read as words of eight bytes, into `out`, chained as tokens are."""
    n = len(words) // block_words
    multiply, fold = np.uint64(0x9FB21C651E98DF25), np.uint64(0xD6E8FEB86659FD93)
    state = parent
    for block in range(n):
        for place in range(block * block_words, (block + 1) * block_words):
            state = (state ^ words[place]) * multiply
            state = state ^ (state >> np.uint64(29))
        state = (state ^ (state >> np.uint64(32))) * fold
        state = state ^ (state >> np.uint64(31))
        out[block] = state if state >= np.uint64(2) else state + np.uint64(2)
    return n


def hash_text(text: bytes, block_bytes: int, parent: int = ROOT) -> Hashes:
    """The chained hashes of every whole block of a text; block_bytes is a multiple of 8."""
    out = np.empty(len(text) // block_bytes, dtype=np.uint64)
    words = np.frombuffer(text[: len(text) // 8 * 8], dtype=np.uint64)
    with np.errstate(over="ignore"):
        chain_words(words, block_bytes // 8, np.uint64(parent), out)
    return out


def salted(*parts: str | int | bytes) -> int:
    """The parent hash for prompts that must not share blocks with others: model, adapter, tenant salt ..."""
    state = ROOT
    for part in parts:
        for byte in repr(part).encode():
            state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 29
    return max(state, RESERVED)


def hash_tokens(tokens: "npt.ArrayLike", block_tokens: int, parent: int = ROOT) -> Hashes:
    """The chained hashes of every whole block, as plain Python; `policies.native` has the compiled twin."""
    array = np.ascontiguousarray(tokens, dtype=np.uint32)
    out = np.empty(len(array) // block_tokens, dtype=np.uint64)
    with np.errstate(over="ignore"):
        chain(array, block_tokens, np.uint64(parent), out)
    return out
