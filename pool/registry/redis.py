"""The registry in Redis or Valkey; the layout is `weir.keys`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError
from redis.exceptions import RedisError

from policies.kv.blocks import Hashes
from pool.complaints import Complaints
from pool.registry.packing import pack, stamp_of, unpack
from pool.registry.port import Member, Snapshot, Unreachable
from pool.sources import MOST_RANKS
from weir import keys
from weir.redis_url import connected
from weir.v1 import fleet_pb2

MOST_EPOCH = 1 << 53  # a larger one is nobody's count of restarts


class RedisRegistry:
    """A `Registry` behind a URL, see `weir.redis_url`."""

    def __init__(
        self,
        url: str,
        timeout_s: float = 2.0,
        snapshot_ttl_s: float = keys.SNAPSHOT_TTL_S,
        complaints: Complaints | None = None,
    ) -> None:
        self._redis: Any = connected(url, timeout_s)
        self._ttl_ms = int(1000 * snapshot_ttl_s)
        self._complaints = complaints or Complaints()

    async def renew(self, members: Sequence[Member], lease_s: float) -> None:
        """See `Registry`."""
        if not members:
            return
        async with self._pipeline() as pipe:
            pipe.sadd(keys.REPLICAS, *(member.described.name for member in members))
            for member in members:
                key = keys.replica(member.described.name)
                pipe.hset(key, mapping=_fields(member))
                pipe.pexpire(key, int(1000 * lease_s))
            await pipe.execute()

    async def leave(self, name: str) -> None:
        """See `Registry`."""
        async with self._pipeline() as pipe:
            ranks = _count(await self._redis.hget(keys.replica(name), "ranks"))
            pipe.srem(keys.REPLICAS, name)
            pipe.delete(keys.replica(name), *(keys.blocks(name, rank) for rank in range(ranks)))
            await pipe.execute()

    async def members(self) -> dict[str, Member]:
        """See `Registry`; an entry that is not what Weir writes, or is not about its own name, is nobody's."""
        async with self._pipeline() as pipe:
            names = sorted(name.decode("utf-8", "replace") for name in await self._redis.smembers(keys.REPLICAS))
            for name in names:
                pipe.hgetall(keys.replica(name))
            found = dict(zip(names, await pipe.execute() if names else [], strict=True))
            dead = [name for name, fields in found.items() if not fields]
            if dead:
                await self._redis.srem(keys.REPLICAS, *dead)
            read = {name: self._member(name, fields) for name, fields in found.items() if fields}
            return {name: member for name, member in read.items() if member is not None}

    async def save(self, name: str, snapshot: Snapshot, rank: int = 0) -> None:
        """See `Registry`."""
        fields = await asyncio.to_thread(pack, snapshot)  # sorts every block
        async with self._pipeline(transaction=True) as pipe:
            key = keys.blocks(name, rank)
            pipe.delete(key)
            pipe.hset(key, mapping=fields)
            pipe.pexpire(key, self._ttl_ms)
            await pipe.execute()

    async def load(self, name: str, rank: int = 0) -> Snapshot | None:
        """See `Registry`; a snapshot that cannot be read is none."""
        async with self._pipeline() as pipe:
            pipe.hgetall(keys.blocks(name, rank))
            fields = (await pipe.execute())[0]
        try:
            found = await asyncio.to_thread(unpack, fields) if fields else None
        except ValueError as bad:
            self._complaints.say("forged", name, f"its snapshot in the registry is left alone: {bad}")
            return None
        return found if found is None or 0 <= found.epoch < MOST_EPOCH else None

    async def holders(self, blocks: Sequence[int]) -> dict[str, int]:
        """See `Registry`."""
        members = await self.members()
        snapshots = [(name, rank) for name, member in members.items() for rank in range(member.ranks)]
        if not snapshots:
            return {}
        async with self._pipeline() as pipe:
            for name, rank in snapshots:
                pipe.hget(keys.blocks(name, rank), keys.STAMP)
            stamps = zip(snapshots, map(stamp_of, await pipe.execute()), strict=True)
        alive = [(where, tiers) for where, (epoch, tiers) in stamps if epoch == members[where[0]].described.epoch]
        wanted = np.array(blocks, dtype=np.uint64)
        held = {name: np.zeros(len(wanted), dtype=np.bool_) for (name, _), _ in alive}
        for (name, rank), tiers in alive:
            held[name] |= await self._held(name, rank, tiers, wanted)
        found = {name: len(blocks) if mine.all() else int(mine.argmin()) for name, mine in held.items()}
        return {name: leading for name, leading in found.items() if leading}

    async def close(self) -> None:
        """See `Registry`."""
        await self._redis.aclose()

    async def _held(self, name: str, rank: int, tiers: list[str], blocks: Hashes) -> npt.NDArray[np.bool_]:
        fields = [keys.own_bucket(tier, bucket) for tier in tiers for bucket in {*map(keys.bucket_of, blocks.tolist())}]
        if not fields:
            return np.zeros(len(blocks), dtype=np.bool_)
        async with self._pipeline() as pipe:
            pipe.hmget(keys.blocks(name, rank), fields)
            packed = b"".join(part for part in (await pipe.execute())[0] if part)
        return np.isin(blocks, np.frombuffer(packed[: len(packed) // 8 * 8], dtype="<u8"))

    def _member(self, name: str, fields: dict[bytes, bytes]) -> Member | None:
        """The member; None, counted and named, when the fields are not what Weir writes of that name."""
        member = _member(fields)
        if member is not None and member.described.name == name and member.described.epoch < MOST_EPOCH:
            return member
        self._complaints.say("forged", f"{name!r:.80}", "its entry in the registry is not one that Weir wrote")
        return None

    @asynccontextmanager
    async def _pipeline(self, *, transaction: bool = False) -> AsyncIterator[Any]:
        """A pipeline whose failures are `Unreachable`."""
        try:
            async with self._redis.pipeline(transaction=transaction) as pipe:
                yield pipe
        except (RedisError, OSError, RuntimeError) as error:  # RuntimeError: a cluster's client that found no node
            raise Unreachable(f"Redis: {error}") from None


def _fields(member: Member) -> dict[str, Any]:
    return {
        "described": member.described.SerializeToString(),
        "report": member.report.SerializeToString(),
        "started": repr(member.started),
        "ranks": member.ranks,
    }


def _member(fields: dict[bytes, bytes]) -> Member | None:
    """The member; None when the fields are not what Weir writes."""
    try:
        return Member(
            described=fleet_pb2.Replica.FromString(fields[b"described"]),
            report=fleet_pb2.ReplicaReport.FromString(fields[b"report"]),
            started=float(fields[b"started"]),
            ranks=_count(fields.get(b"ranks")),
        )
    except (KeyError, ValueError, DecodeError):
        return None


def _count(field: bytes | None) -> int:
    """Ranks, as far as that can be true."""
    return min(max(int(field), 1), MOST_RANKS) if field and field.isdigit() else 1
