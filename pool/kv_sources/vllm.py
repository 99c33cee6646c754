"""vLLM's KV events: msgpack; events are maps with a `type` (0.32) or tagged arrays (older); so is the batch itself."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pool.kv_events import UNREADABLE, WHOLE, Batch, Cleared, Event, Removed, Stored, block_hash, kv_source, tier

Hash = int | bytes

LOST = Cleared()  # stands for something said that cannot be read; told from a real one by identity
RANKS = ("data_parallel_rank", "attn_dp_rank")
Parts = tuple[float, list[Any], int | None]
UNREADABLE_ERRORS = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


class BlockStored(msgspec.Struct, gc=False, tag_field="type", tag="BlockStored"):
    """As published; the order of the fields is that of the older arrays."""

    block_hashes: list[Hash]
    parent_block_hash: Hash | None
    token_ids: list[int]
    block_size: int
    lora_id: int | None = None
    medium: str | None = None
    lora_name: str | None = None
    extra_keys: list[Any] | None = None
    group_idx: int | None = None
    kv_cache_spec_kind: str | None = None
    kv_cache_spec_sliding_window: int | None = None
    locality: str | None = None
    ownership: str | None = None  # which offloading tier said it
    session_id: str | None = None


class BlockRemoved(msgspec.Struct, gc=False, tag_field="type", tag="BlockRemoved"):
    """As published."""

    block_hashes: list[Hash]
    medium: str | None = None
    group_idx: int | None = None
    locality: str | None = None
    ownership: str | None = None


class AllBlocksCleared(msgspec.Struct, gc=False, tag_field="type", tag="AllBlocksCleared"):
    """As published."""


KINDS: dict[str, type[msgspec.Struct]] = {kind.__name__: kind for kind in (BlockStored, BlockRemoved, AllBlocksCleared)}


class Published(msgspec.Struct, array_like=True):
    """A batch as 0.32 publishes it."""

    ts: float
    events: list[BlockStored | BlockRemoved | AllBlocksCleared]
    data_parallel_rank: int | None = None


_fast = msgspec.msgpack.Decoder(Published).decode
_any = msgspec.msgpack.Decoder().decode


@kv_source
def decode(payload: bytes) -> Batch:
    """One payload as values; never raises."""
    try:
        batch = _fast(payload)
    except UNREADABLE_ERRORS:
        return _slow(payload)
    return Batch(batch.ts, tuple([value(event) for event in batch.events]), rank=batch.data_parallel_rank or 0)


def _slow(payload: bytes) -> Batch:
    """Every shape that any version published, event by event, so that one bad event costs only itself."""
    return read_each(payload, KINDS, value)


def read_each(payload: bytes, kinds: Mapping[str, type[msgspec.Struct]], read: Callable[[Any], Event]) -> Batch:
    """A batch of tagged events of these kinds, maps or arrays; never raises."""
    try:
        ts, raw, rank = _parts(_any(payload))
        found = [_read(event, kinds, read) for event in raw]
    except UNREADABLE_ERRORS:
        return UNREADABLE
    events = tuple(event for event in found if event is not None and event is not LOST)
    return Batch(ts, events, found.count(None), sum(event is LOST for event in found), rank)


def _parts(batch: Any) -> tuple[float, list[Any], int]:
    if isinstance(batch, dict):
        rank = next((batch[name] for name in RANKS if name in batch), None)
        batch = [batch.get("ts"), batch.get("events"), rank]
    ts, events, rank = msgspec.convert([*batch, None][:3] if isinstance(batch, list) else batch, Parts)
    return ts, events, rank or 0


def _read(event: Any, kinds: Mapping[str, type[msgspec.Struct]], read: Callable[[Any], Event]) -> Event | None:
    """One event of either shape; None when its kind is not known, LOST when it cannot be read."""
    fields = _named(event, kinds)
    kind = str(fields["type"]) if "type" in fields else ""
    if kind not in kinds:
        return None if "type" in fields else LOST
    try:
        return read(msgspec.convert(fields, kinds[kind]))
    except UNREADABLE_ERRORS:
        return LOST


def _named(event: Any, kinds: Mapping[str, type[msgspec.Struct]]) -> dict[Any, Any]:
    """The fields of an event by name; a tagged array's by their order, those of later versions left out."""
    if isinstance(event, dict):
        return event
    if not isinstance(event, list) or not event or not isinstance(event[0], str):
        return {}
    names = kinds[event[0]].__struct_fields__ if event[0] in kinds else ()
    return {"type": event[0], **dict(zip(names, event[1:], strict=False))}


def value(event: BlockStored | BlockRemoved | AllBlocksCleared) -> Event:
    """One published event as Weir says it."""
    if isinstance(event, BlockStored):
        parent = event.parent_block_hash
        return Stored(
            [block_hash(each) for each in event.block_hashes],
            None if parent is None else block_hash(parent),
            event.token_ids,
            event.block_size,
            tier(event.medium, event.locality),
            event.lora_name or ("" if event.lora_id is None else str(event.lora_id)),
            event.extra_keys,
            event.group_idx or 0,
            None if event.kv_cache_spec_kind is None else event.kv_cache_spec_kind in WHOLE,
        )
    if isinstance(event, BlockRemoved):
        hashes = [block_hash(each) for each in event.block_hashes]
        return Removed(hashes, tier(event.medium, event.locality), event.group_idx or 0)
    return Cleared()
