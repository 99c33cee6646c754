"""vLLM's KV events: msgpack; events are maps with a `type` (0.32) or tagged arrays (older); so is the batch itself."""

from typing import Any

import msgspec

from pool.kv_events import MEDIA, REMOTE, UNREADABLE, Batch, Cleared, Event, Removed, Stored, block_hash, kv_source

Hash = int | bytes

LOST = Cleared()  # stands for something said that cannot be read; told from a real one by identity
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


class BlockRemoved(msgspec.Struct, gc=False, tag_field="type", tag="BlockRemoved"):
    """As published."""

    block_hashes: list[Hash]
    medium: str | None = None
    group_idx: int | None = None


class AllBlocksCleared(msgspec.Struct, gc=False, tag_field="type", tag="AllBlocksCleared"):
    """As published."""


KINDS: dict[Any, type[msgspec.Struct]] = {kind.__name__: kind for kind in (BlockStored, BlockRemoved, AllBlocksCleared)}


class Published(msgspec.Struct, array_like=True):
    """A batch as 0.32 publishes it."""

    ts: float
    events: list[BlockStored | BlockRemoved | AllBlocksCleared]


_fast = msgspec.msgpack.Decoder(Published).decode
_any = msgspec.msgpack.Decoder().decode


@kv_source
def decode(payload: bytes) -> Batch:
    """One payload as values; never raises."""
    try:
        batch = _fast(payload)
    except UNREADABLE_ERRORS:
        return _slow(payload)
    return Batch(batch.ts, tuple([_value(event) for event in batch.events]))


def _slow(payload: bytes) -> Batch:
    """Every shape that any version published, event by event, so that one bad event costs only itself."""
    try:
        ts, raw = _parts(_any(payload))
        read = [_read(event) for event in raw]
    except UNREADABLE_ERRORS:
        return UNREADABLE
    events = tuple(event for event in read if event is not None and event is not LOST)
    return Batch(ts, events, ignored=read.count(None), malformed=sum(event is LOST for event in read))


def _parts(batch: Any) -> tuple[float, list[Any]]:
    if isinstance(batch, dict):
        batch = [batch.get("ts"), batch.get("events")]
    ts, events = msgspec.convert(batch[:2] if isinstance(batch, list) else batch, tuple[float, list[Any]])
    return ts, events


def _read(event: Any) -> Event | None:
    """One event of either shape; None when its kind is not known, LOST when it cannot be read."""
    fields = _named(event)
    kind = str(fields["type"]) if "type" in fields else None
    if kind not in KINDS:
        return LOST if kind is None else None
    try:
        return _value(msgspec.convert(fields, KINDS[kind]))
    except UNREADABLE_ERRORS:
        return LOST


def _named(event: Any) -> dict[Any, Any]:
    """The fields of an event by name; a tagged array's by their order, those of later versions left out."""
    if isinstance(event, dict):
        return event
    if not isinstance(event, list) or not event or not isinstance(event[0], str):
        return {}
    names = KINDS[event[0]].__struct_fields__ if event[0] in KINDS else ()
    return {"type": event[0], **dict(zip(names, event[1:], strict=False))}


def _value(event: msgspec.Struct) -> Event:
    if isinstance(event, BlockStored):
        parent = event.parent_block_hash
        return Stored(
            [block_hash(each) for each in event.block_hashes],
            None if parent is None else block_hash(parent),
            event.token_ids,
            event.block_size,
            MEDIA.get(event.medium, REMOTE),
            event.lora_name or ("" if event.lora_id is None else str(event.lora_id)),
            event.extra_keys,
            event.group_idx or 0,
        )
    if isinstance(event, BlockRemoved):
        hashes = [block_hash(each) for each in event.block_hashes]
        return Removed(hashes, MEDIA.get(event.medium, REMOTE), event.group_idx or 0)
    return Cleared()
