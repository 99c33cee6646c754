"""What an engine says of its KV cache, whatever its wire format; and the registry of the decoders."""

from collections.abc import Callable
from typing import Any, NamedTuple

from policies.registry import Registry

BITS64 = (1 << 64) - 1

HBM, HOST, DISK, REMOTE = "hbm", "host", "disk", "remote"
MEDIA = {
    None: HBM, "GPU": HBM, "HBM": HBM, "DEVICE": HBM,
    "CPU": HOST, "CPU_PINNED": HOST, "CPU_TIER1": HOST, "CPU_TIER2": HOST, "HOST": HOST,
    "DISK": DISK, "NVME": DISK, "SSD": DISK,
}  # fmt: skip
"""Weir's tier of an engine's medium; one that is not here is outside the machine."""


class Stored(NamedTuple):
    """Blocks entered the cache: one chain, each block the child of the one before."""

    hashes: list[int]  # the engine's own, low 64 bits
    parent: int | None  # engine hash of the block before the first one
    tokens: list[int]  # empty when the engine only moves known blocks between tiers
    block_tokens: int
    tier: str = HBM
    adapter: str = ""  # LoRA adapter
    keys: list[Any] | None = None  # per block, what else the engine hashed: adapter, salt, image hashes ...
    group: int = 0  # attention group


class Removed(NamedTuple):
    """Blocks left one tier of the cache."""

    hashes: list[int]
    tier: str = HBM
    group: int = 0


class Cleared(NamedTuple):
    """The whole cache was emptied."""


Event = Stored | Removed | Cleared


class Batch(NamedTuple):
    """One frame's payload."""

    at: float = 0.0  # the engine's wall clock; 0 when it did not say
    events: tuple[Event, ...] = ()
    ignored: int = 0  # events of a kind that is not known here
    malformed: int = 0  # events that say something which cannot be read: knowledge is lost


KvSource = Callable[[bytes], Batch]
"""Decodes one payload. Total: what cannot be read is counted in the batch, never raised."""

KV_SOURCES: Registry[KvSource] = Registry("KV event source", "pool.kv_sources")
kv_source = KV_SOURCES.register

UNREADABLE = Batch(malformed=1)


def block_hash(value: int | bytes) -> int:
    """An engine's block hash as 64 bits: engines that publish bytes mean the same number by the last eight."""
    return (int.from_bytes(value[-8:], "big") if isinstance(value, bytes) else value) & BITS64
