"""Weir's own chained 64-bit block hashes: a router needs only tokens, never an engine's seed.

A block's words of eight bytes (two token ids each) are stirred into four lanes that do not wait for one another; the
lanes are joined, and only that one word passes through the chain from block to block.
"""

import numpy as np
import numpy.typing as npt

from policies.compilable import compilable

Hashes = npt.NDArray[np.uint64]
Tokens = npt.NDArray[np.uint32]

HASHING = 2  # rises when the same tokens get other hashes, so that what another version stored is not mixed in
ROOT = 0x9AE16A3B2F90404F  # the parent of a first block; any odd constant would do
RESERVED = 2  # hashes 0 and 1 are never given: 0 means "free" in the index


@compilable
def stir(lane: np.uint64, word: np.uint64) -> np.uint64:
    """A lane after one more word; for either operand fixed, one to one in the other."""
    lane = (lane ^ word) * np.uint64(0x9FB21C651E98DF25)
    return lane ^ (lane >> np.uint64(29))


@compilable
def join(state: np.uint64, a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> np.uint64:
    """The hash of a block from its parent's and its four lanes; never a reserved one."""
    told = a * np.uint64(0xD6E8FEB86659FD93) + b * np.uint64(0xC2B2AE3D27D4EB4F)
    told += c * np.uint64(0x165667B19E3779F9) + d * np.uint64(0x27D4EB2F165667C5)
    state = (state ^ told ^ (told >> np.uint64(32))) * np.uint64(0xA0761D6478BD642F)
    state = state ^ (state >> np.uint64(32))
    return state if state >= np.uint64(2) else state + np.uint64(2)


@compilable
def pair(tokens: Tokens, at: int) -> np.uint64:
    """Two token ids as one word."""
    return np.uint64(tokens[at]) | (np.uint64(tokens[at + 1]) << np.uint64(32))


@compilable
def chain(tokens: Tokens, block_tokens: int, parent: np.uint64, out: Hashes) -> int:
    """Hash every whole block of `tokens` into `out`, each over its parent's hash and its tokens; return how many."""
    n, state = len(tokens) // block_tokens, parent
    for block in range(n):
        a, b = np.uint64(0x2D358DCCAA6C78A5), np.uint64(0x8BB84B93962EACC9)
        c, d = np.uint64(0x4B33A62ED433D4A3), np.uint64(0x4D5A2DA51DE1AA47)
        at, end = block * block_tokens, (block + 1) * block_tokens
        while at + 8 <= end:
            a, b = stir(a, pair(tokens, at)), stir(b, pair(tokens, at + 2))
            c, d = stir(c, pair(tokens, at + 4)), stir(d, pair(tokens, at + 6))
            at += 8
        while at < end:
            a = stir(a, np.uint64(tokens[at]))
            at += 1
        state = join(state, a, b, c, d)
        out[block] = state
    return n


@compilable
def chain_words(words: Hashes, block_words: int, parent: np.uint64, out: Hashes) -> int:
    """Hash every whole block of a text, read as words of eight bytes, into `out`, chained as tokens are."""
    n, state = len(words) // block_words, parent
    for block in range(n):
        a, b = np.uint64(0x2D358DCCAA6C78A5), np.uint64(0x8BB84B93962EACC9)
        c, d = np.uint64(0x4B33A62ED433D4A3), np.uint64(0x4D5A2DA51DE1AA47)
        at, end = block * block_words, (block + 1) * block_words
        while at + 4 <= end:
            a, b = stir(a, words[at]), stir(b, words[at + 1])
            c, d = stir(c, words[at + 2]), stir(d, words[at + 3])
            at += 4
        while at < end:
            a = stir(a, words[at])
            at += 1
        state = join(state, a, b, c, d)
        out[block] = state
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
