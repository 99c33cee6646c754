"""Weir's own hashes of the blocks an engine stored: its tokens chained, its salts folded in. Pure.

A router hashes a prompt the same way from the request alone: `weir.block_roots` says where a chain starts. Whatever
the engine hashed beside the tokens, in its order adapter, images, salt, is told apart by kind. A later block with keys
of its own, the adapter apart, starts at `salted(parent, *those)`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from policies.kv.blocks import ROOT, salted
from pool.kv_events import Stored
from weir.block_roots import ADAPTER, ITEM, OTHER, SALT

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
    """The chain in runs, each begun by a block that has keys of its own."""
    own: list[int] = []
    block, size, blocks = 0, event.block_tokens, len(event.hashes)
    while block < blocks:
        end = block + 1
        while end < blocks and not _parts(event, end):
            end += 1
        own += hasher(event.tokens[block * size : end * size], size, _start(event, block, parent))
        parent, block = own[-1], end
    return own


def _start(event: Stored, block: int, parent: int | None) -> int:
    parts = _parts(event, block)
    if parent is not None:
        return salted(parent, *parts) if parts else parent
    if event.adapter:
        parts = [ADAPTER, event.adapter, *parts]
    return salted(*parts) if parts else ROOT


def _parts(event: Stored, block: int) -> list[str | int | bytes]:
    """A block's keys but its adapter, each with its kind: a pair is an image, its hash and place, a text the salt."""
    keys: Any = event.keys[block] if event.keys is not None and block < len(event.keys) else None
    adapter = event.adapter
    if isinstance(keys, str | bytes) or not isinstance(keys, Sequence):
        keys = [] if keys is None else [keys]
    parts: list[str | int | bytes] = []
    at_adapter = bool(adapter)
    for key in keys:
        if at_adapter and key == adapter:
            at_adapter = False  # it stands first, and once: a salt that reads the same is a salt
        elif isinstance(key, str):
            parts += (SALT, key)
        elif isinstance(key, Sequence) and not isinstance(key, bytes):
            parts += (ITEM, *_flat(key))
        else:
            parts += (OTHER, *_flat(key))
    return parts


def _flat(keys: Any) -> list[str | int | bytes]:
    """Keys as scalars."""
    if isinstance(keys, str | int | bytes):
        return [keys]
    if isinstance(keys, Sequence):
        return [scalar for key in keys for scalar in _flat(key)]
    return [] if keys is None else [repr(keys)]
