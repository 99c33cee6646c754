"""Weir's own hashes of the blocks an engine stored: its tokens chained, its salts folded in. Pure.

A router hashes a prompt the same way from the request alone. A chain starts at ROOT, or, when the engine hashed
anything beside the tokens into the first block (adapter, cache salt, image), at `salted(*those)` in the engine's
order: adapter, images, salt. A later block with keys of its own, the adapter apart, starts at `salted(parent, *those)`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from policies.kv.blocks import ROOT, salted
from pool.kv_events import Stored

Hasher = Callable[[list[int], int, int], list[int]]
"""(token ids, block tokens, parent) → the chained hashes of every whole block; raises on what is no 32-bit id."""

MOST_BLOCK_TOKENS = 1 << 16


class BadEvent(ValueError):
    """A stored event whose numbers contradict one another."""


def own_hashes(event: Stored, parent: int | None, hasher: Hasher) -> list[int]:
    """The own hashes of a stored event's blocks, `parent` being the own hash of the one before; raises `BadEvent`."""
    size, blocks = event.block_tokens, len(event.hashes)
    if not 0 < size <= MOST_BLOCK_TOKENS or len(event.tokens) != size * blocks:
        raise BadEvent(f"{len(event.tokens)} tokens for {blocks} blocks of {size}")
    try:
        if _keyed(event, parent):
            return _salted_chain(event, parent, hasher)
        return hasher(event.tokens, size, ROOT if parent is None else parent)
    except (OverflowError, ValueError, TypeError):
        raise BadEvent("a token that is no token") from None


def _keyed(event: Stored, parent: int | None) -> bool:
    if parent is None and event.adapter:
        return True
    return event.keys is not None and any(event.keys)


def _salted_chain(event: Stored, parent: int | None, hasher: Hasher) -> list[int]:
    own: list[int] = []
    for block in range(len(event.hashes)):
        start = _start(event, block, parent)
        of_block = event.tokens[block * event.block_tokens : (block + 1) * event.block_tokens]
        parent = hasher(of_block, event.block_tokens, start)[0]
        own.append(parent)
    return own


def _start(event: Stored, block: int, parent: int | None) -> int:
    keys = _flat(event.keys[block]) if event.keys is not None and block < len(event.keys) else []
    if parent is None:
        keys = keys or ([event.adapter] if event.adapter else [])
        return salted(*keys) if keys else ROOT
    keys = [key for key in keys if key != event.adapter]
    return salted(parent, *keys) if keys else parent


def _flat(keys: Any) -> list[str | int | bytes]:
    """Keys as scalars: an image's is a pair of its hash and its place."""
    if isinstance(keys, str | int | bytes):
        return [keys]
    if isinstance(keys, Sequence):
        return [scalar for key in keys for scalar in _flat(key)]
    return [] if keys is None else [repr(keys)]
