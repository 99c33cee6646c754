"""Block hashes in the emulated engine's own space: chained SHA-256, of which events carry the low 64 bits."""

from array import array
from collections.abc import Sequence
from hashlib import sha256

NONE_HASH = sha256(b"vllm-none").digest()


def block_hashes(tokens: Sequence[int], block_tokens: int, extra: bytes = b"") -> tuple[int, ...]:
    """The hash of every full block of `tokens`; `extra` keeps apart what must not share blocks."""
    data, size = array("I", tokens).tobytes(), 4 * block_tokens
    parent, hashes = NONE_HASH, []
    for end in range(size, len(data) + 1, size):
        parent = sha256(parent + data[end - size : end] + extra).digest()
        hashes.append(int.from_bytes(parent[-8:], "big"))
    return tuple(hashes)
