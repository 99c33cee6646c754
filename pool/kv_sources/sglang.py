"""SGLang's KV events: vLLM's tagged arrays with slots of its own at the end, or maps; a block is a page of its tree.

What differs from vLLM: the page (1 token unless configured) is no block of the replica, so `Stored.paged` is set;
hashes are signed; under EAGLE a token is a pair of it and the next; a cache salt comes with every page, under a name of
its own, and may stand in `extra_keys`, in `cache_salt` or in a map behind the last slot.
"""

from typing import Any

import msgspec

from pool.kv_events import Batch, Cleared, Event, Removed, Stored, block_hash, kv_source, tier
from pool.kv_sources.vllm import Hash, read_each

SALT = "dynamo-cache-salt:"


class BlockStored(msgspec.Struct, gc=False):
    """As published; the order of the fields is that of the arrays."""

    block_hashes: list[Hash]
    parent_block_hash: Hash | None
    token_ids: list[Any]
    block_size: int
    lora_id: int | None = None
    medium: str | None = None
    lora_name: str | dict[str, Any] | None = None  # one version put the salt's map here
    extra_keys: list[Any] | None = None
    group_idx: int | None = None
    kv_cache_spec_kind: str | None = None
    kv_cache_spec_sliding_window: int | None = None
    locality: str | None = None
    ownership: str | None = None
    metadata: dict[str, Any] | None = None
    cache_salt: str | None = None


class BlockRemoved(msgspec.Struct, gc=False):
    """As published."""

    block_hashes: list[Hash]
    medium: str | None = None


class AllBlocksCleared(msgspec.Struct, gc=False):
    """As published."""


KINDS: dict[str, type[msgspec.Struct]] = {kind.__name__: kind for kind in (BlockStored, BlockRemoved, AllBlocksCleared)}


@kv_source
def decode(payload: bytes) -> Batch:
    """One payload as values; never raises. Signed hashes become the same 64 bits as everybody's."""
    return read_each(payload, KINDS, value)


def value(event: BlockStored | BlockRemoved | AllBlocksCleared) -> Event:
    """One published event as Weir says it; raises `ValueError` for a token that is none."""
    if isinstance(event, BlockStored):
        parent = event.parent_block_hash
        return Stored(
            [block_hash(each) for each in event.block_hashes],
            None if parent is None else block_hash(parent),
            [_token(token) for token in event.token_ids],
            event.block_size,
            tier(event.medium, event.locality),
            _adapter(event),
            _keys(event) if parent is None else None,  # a salt belongs to the first block; the others are chained to it
            paged=True,
        )
    if isinstance(event, BlockRemoved):
        return Removed([block_hash(each) for each in event.block_hashes], tier(event.medium))
    return Cleared()


def _token(token: Any) -> int:
    first = token[0] if isinstance(token, list) and len(token) == 2 else token
    if not isinstance(first, int):
        raise ValueError(f"no token: {token!r}")
    return first


def _adapter(event: BlockStored) -> str:
    if isinstance(event.lora_name, str):
        return event.lora_name
    return "" if event.lora_id is None else str(event.lora_id)


def _keys(event: BlockStored) -> list[Any] | None:
    """What the first block is hashed with beside its tokens, in vLLM's order: adapter, then salt."""
    adapter, salt = _adapter(event), _salt(event)
    keys = [key for key in (adapter, salt) if key]
    return [keys] if keys else None


def _salt(event: BlockStored) -> str:
    places = (event.metadata, event.lora_name)
    named = [str(place["cache_salt"]) for place in places if isinstance(place, dict) and place.get("cache_salt")]
    keys = event.extra_keys[0] if event.extra_keys and isinstance(event.extra_keys[0], list) else None
    listed = [str(key).removeprefix(SALT) for key in keys or () if str(key).startswith(SALT)]
    return next((salt for salt in (event.cache_salt, *named, *listed) if salt), "")
