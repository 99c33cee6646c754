"""A snapshot as the fields of one Redis hash, and back; see `weir.keys`."""

import json
from collections.abc import Iterable, Mapping

import numpy as np

from policies.kv.blocks import HASHING
from pool.holdings import TierBlocks
from pool.registry.port import Snapshot
from weir import keys

BUCKETS = 1 << keys.BUCKET_BITS
_STARTS = (np.arange(1, BUCKETS, dtype=np.uint64)) << np.uint64(64 - keys.BUCKET_BITS)


def pack(snapshot: Snapshot) -> dict[str, bytes]:
    """The fields; empty buckets are left out."""
    stamp = {
        "epoch": snapshot.epoch,
        "sequence": snapshot.sequence,
        "at": snapshot.at,
        "block_tokens": snapshot.block_tokens,
        "started": snapshot.started,
        "hashing": HASHING,
        "tiers": {tier: len(columns.own) for tier, columns in snapshot.tiers.items()},
    }
    fields = {keys.STAMP: json.dumps(stamp).encode()}
    for tier, columns in snapshot.tiers.items():
        fields.update(_buckets(tier, columns))
    return fields


def _buckets(tier: str, columns: TierBlocks) -> Iterable[tuple[str, bytes]]:
    order = np.argsort(columns.own)
    cuts = np.searchsorted(columns.own, _STARTS, sorter=order)
    for bucket, places in enumerate(np.split(order, cuts)):
        if len(places):
            yield keys.own_bucket(tier, bucket), columns.own[places].astype("<u8").tobytes()
            yield keys.engine_bucket(tier, bucket), columns.engine[places].astype("<u8").tobytes()


def unpack(fields: Mapping[bytes, bytes]) -> Snapshot:
    """The snapshot; raises `ValueError` when the fields do not make one."""
    try:
        stamp = json.loads(fields[keys.STAMP.encode()])
        if stamp["hashing"] != HASHING:
            raise ValueError(f"hashes of version {stamp['hashing']}, not {HASHING}")
        tiers = {tier: _joined(fields, tier, int(blocks)) for tier, blocks in stamp["tiers"].items()}
        return Snapshot(
            epoch=int(stamp["epoch"]),
            sequence=int(stamp["sequence"]),
            at=float(stamp["at"]),
            block_tokens=int(stamp["block_tokens"]),
            started=float(stamp["started"]),
            tiers=tiers,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no snapshot: {error!r}") from None


def _joined(fields: Mapping[bytes, bytes], tier: str, blocks: int) -> TierBlocks:
    own = b"".join(fields.get(keys.own_bucket(tier, bucket).encode(), b"") for bucket in range(BUCKETS))
    engine = b"".join(fields.get(keys.engine_bucket(tier, bucket).encode(), b"") for bucket in range(BUCKETS))
    if len(own) != 8 * blocks or len(engine) != 8 * blocks:
        raise ValueError(f"{tier}: {len(own)} and {len(engine)} bytes for {blocks} blocks")
    return TierBlocks(np.frombuffer(engine, dtype="<u8"), np.frombuffer(own, dtype="<u8"))


def stamp_of(field: bytes | None) -> tuple[int, list[str]]:
    """(epoch, tiers) of a stamp; (-1, none) when there is none that can be read and is of this hashing."""
    try:
        stamp = json.loads(field or b"")
        return (int(stamp["epoch"]), list(stamp["tiers"])) if stamp["hashing"] == HASHING else (-1, [])
    except (ValueError, KeyError, TypeError):
        return -1, []
