"""The hash chain over an event's tokens: compiled where it can be, plain Python elsewhere."""

import logging
from array import array
from typing import Any

from policies.kv import blocks
from pool.own_hashes import Hasher

log = logging.getLogger(__name__)

FIRST_ROOM = 4096  # blocks


class CompiledChain:
    """A `Hasher` over `policies.native`; it reuses its memory: numpy's addresses cost more than the hashing."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self._make_room(FIRST_ROOM)

    def __call__(self, tokens: list[int], block_tokens: int, parent: int) -> list[int]:
        """See `Hasher`."""
        count = len(tokens) // block_tokens
        if count > len(self._out):
            self._make_room(2 * count)
        packed = array("I", tokens)
        self._chain(packed.buffer_info()[0], len(packed), block_tokens, parent, self._address)
        return self._out[:count].tolist()

    def _make_room(self, blocks_: int) -> None:
        self._out = array("Q", bytes(8 * blocks_))
        self._address = self._out.buffer_info()[0]


def plain_chain(tokens: list[int], block_tokens: int, parent: int) -> list[int]:
    """The `Hasher` of `policies.kv.blocks`."""
    hashes: list[int] = blocks.hash_tokens(tokens, block_tokens, parent).tolist()
    return hashes


def fastest_chain() -> Hasher:
    """The compiled chain, built first if need be; plain Python, about 100 times slower, where it cannot be."""
    try:
        from policies.native.library import ensure_built, function

        ensure_built()
        return CompiledChain(function("chain"))
    except (ImportError, OSError, RuntimeError) as error:
        log.warning("hashing in plain Python: %s", error)
        return plain_chain
