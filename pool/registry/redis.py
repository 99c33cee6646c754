"""The registry in Redis or Valkey; the layout is `weir.keys`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from pool.registry.packing import pack, stamp_of, unpack
from pool.registry.port import Member, Snapshot, Unreachable
from weir import keys
from weir.v1 import fleet_pb2


class RedisRegistry:
    """A `Registry` behind a URL (redis://, rediss://, unix://)."""

    def __init__(self, url: str, timeout_s: float = 2.0, snapshot_ttl_s: float = keys.SNAPSHOT_TTL_S) -> None:
        self._redis: Any = Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
        self._ttl_ms = int(1000 * snapshot_ttl_s)

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
            pipe.srem(keys.REPLICAS, name).delete(keys.replica(name)).delete(keys.blocks(name))
            await pipe.execute()

    async def members(self) -> dict[str, Member]:
        """See `Registry`."""
        async with self._pipeline() as pipe:
            names = sorted(name.decode() for name in await self._redis.smembers(keys.REPLICAS))
            for name in names:
                pipe.hgetall(keys.replica(name))
            found = dict(zip(names, await pipe.execute(), strict=True))
            dead = [name for name, fields in found.items() if not fields]
            if dead:
                await self._redis.srem(keys.REPLICAS, *dead)
            read = {name: _member(fields) for name, fields in found.items()}
            return {name: member for name, member in read.items() if member is not None}

    async def save(self, name: str, snapshot: Snapshot) -> None:
        """See `Registry`."""
        fields = await asyncio.to_thread(pack, snapshot)  # sorts every block
        async with self._pipeline(transaction=True) as pipe:
            key = keys.blocks(name)
            pipe.delete(key).hset(key, mapping=fields).pexpire(key, self._ttl_ms)
            await pipe.execute()

    async def load(self, name: str) -> Snapshot | None:
        """See `Registry`; a snapshot that cannot be read is none."""
        async with self._pipeline() as pipe:
            pipe.hgetall(keys.blocks(name))
            fields = (await pipe.execute())[0]
        try:
            return await asyncio.to_thread(unpack, fields) if fields else None
        except ValueError:
            return None

    async def holders(self, blocks: Sequence[int]) -> dict[str, int]:
        """See `Registry`."""
        members = await self.members()
        async with self._pipeline() as pipe:
            for name in members:
                pipe.hget(keys.blocks(name), keys.STAMP)
            stamps = dict(zip(members, map(stamp_of, await pipe.execute()), strict=True))
        alive = {name: tiers for name, (epoch, tiers) in stamps.items() if epoch == members[name].described.epoch}
        wanted = np.array(blocks, dtype=np.uint64)
        found = {name: await self._leading(name, tiers, wanted) for name, tiers in alive.items()}
        return {name: leading for name, leading in found.items() if leading}

    async def close(self) -> None:
        """See `Registry`."""
        await self._redis.aclose()

    async def _leading(self, name: str, tiers: list[str], blocks: np.ndarray[Any, np.dtype[np.uint64]]) -> int:
        fields = [keys.own_bucket(tier, bucket) for tier in tiers for bucket in {*map(keys.bucket_of, blocks.tolist())}]
        if not fields:
            return 0
        async with self._pipeline() as pipe:
            pipe.hmget(keys.blocks(name), fields)
            packed = b"".join(part for part in (await pipe.execute())[0] if part)
        held = np.isin(blocks, np.frombuffer(packed, dtype="<u8"))
        return len(blocks) if held.all() else int(held.argmin())

    @asynccontextmanager
    async def _pipeline(self, *, transaction: bool = False) -> AsyncIterator[Any]:
        """A pipeline whose failures are `Unreachable`."""
        try:
            async with self._redis.pipeline(transaction=transaction) as pipe:
                yield pipe
        except (RedisError, OSError) as error:
            raise Unreachable(f"Redis: {error}") from None


def _fields(member: Member) -> dict[str, Any]:
    return {
        "described": member.described.SerializeToString(),
        "report": member.report.SerializeToString(),
        "started": repr(member.started),
    }


def _member(fields: dict[bytes, bytes]) -> Member | None:
    """The member; None when the fields are not what Weir writes."""
    try:
        return Member(
            described=fleet_pb2.Replica.FromString(fields[b"described"]),
            report=fleet_pb2.ReplicaReport.FromString(fields[b"report"]),
            started=float(fields[b"started"]),
        )
    except (KeyError, ValueError, DecodeError):
        return None
