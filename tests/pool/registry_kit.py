"""What every registry must do."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool.holdings import TierBlocks
from pool.registry.packing import pack, unpack
from pool.registry.port import Member, Registry, Snapshot
from tests.pool.fakes import described
from weir.v1 import fleet_pb2


def member(name: str, epoch: int = 1, started: float = 5.5) -> Member:
    report = fleet_pb2.ReplicaReport(name=name, ready=True, running=3)
    return Member(described=described(name, epoch=epoch), report=report, started=started)


def snapshot(own: list[int], epoch: int = 1, sequence: int = 7, host: tuple[int, ...] = ()) -> Snapshot:
    tiers = {"hbm": columns(own)} | ({"host": columns(list(host))} if host else {})
    return Snapshot(epoch=epoch, sequence=sequence, at=2.5, block_tokens=16, started=5.5, tiers=tiers)


def columns(own: list[int]) -> TierBlocks:
    mine = np.array(own, dtype=np.uint64)
    return TierBlocks(mine ^ np.uint64(1), mine)


def pairs(kept: Snapshot) -> dict[str, set[tuple[int, int]]]:
    return {tier: set(zip(c.engine.tolist(), c.own.tolist(), strict=True)) for tier, c in kept.tiers.items()}


A, B, C, TOP = 2, 3 << 60, 1 << 63, (1 << 64) - 1


class RegistryKit:
    """Tests; a subclass gives the `registry` fixture."""

    async def test_a_renewed_replica_is_a_member_as_it_was_described(self, registry: Registry) -> None:
        await registry.renew([member("a-0"), member("a-1", epoch=4)], 60.0)
        assert await registry.members() == {"a-0": member("a-0"), "a-1": member("a-1", epoch=4)}

    async def test_the_last_renewal_is_what_counts(self, registry: Registry) -> None:
        await registry.renew([member("a-0")], 60.0)
        await registry.renew([member("a-0", epoch=2, started=9.0)], 60.0)
        assert (await registry.members())["a-0"] == member("a-0", epoch=2, started=9.0)

    async def test_a_lease_that_is_not_renewed_runs_out(self, registry: Registry) -> None:
        await registry.renew([member("a-0")], 0.05)
        await registry.renew([member("a-1")], 60.0)
        async with asyncio.timeout(10.0):
            while list(await registry.members()) != ["a-1"]:  # noqa: ASYNC110 (a server's clock)
                await asyncio.sleep(0.005)

    async def test_renewing_nobody_is_nothing(self, registry: Registry) -> None:
        await registry.renew([], 60.0)
        assert await registry.members() == {}

    async def test_one_who_leaves_takes_its_snapshot_along(self, registry: Registry) -> None:
        await registry.renew([member("a-0")], 60.0)
        await registry.save("a-0", snapshot([A]))
        await registry.leave("a-0")
        assert await registry.members() == {}
        assert await registry.load("a-0") is None

    async def test_a_snapshot_comes_back_as_it_was(self, registry: Registry) -> None:
        kept = snapshot([TOP, A, C, B], host=(C, 77))
        await registry.save("a-0", kept)
        back = await registry.load("a-0")
        assert back is not None
        assert pairs(back) == pairs(kept)
        assert (back.epoch, back.sequence, back.at, back.block_tokens, back.started) == (1, 7, 2.5, 16, 5.5)

    async def test_a_snapshot_takes_the_place_of_the_one_before(self, registry: Registry) -> None:
        await registry.save("a-0", snapshot([A, B, C]))
        await registry.save("a-0", snapshot([B], sequence=8))
        back = await registry.load("a-0")
        assert back is not None
        assert (back.sequence, back.tiers["hbm"].own.tolist()) == (8, [B])

    async def test_an_empty_cache_is_a_snapshot_too(self, registry: Registry) -> None:
        await registry.save("a-0", snapshot([]))
        back = await registry.load("a-0")
        assert back is not None
        assert sum(len(c.own) for c in back.tiers.values()) == 0

    async def test_where_there_is_no_snapshot_there_is_none(self, registry: Registry) -> None:
        assert await registry.load("nobody") is None

    async def test_holders_are_told_with_the_leading_blocks_they_hold(self, registry: Registry) -> None:
        await registry.renew([member("a-0"), member("a-1"), member("a-2")], 60.0)
        await registry.save("a-0", snapshot([A, B, C]))
        await registry.save("a-1", snapshot([C, A]))
        await registry.save("a-2", snapshot([B, C]))
        assert await registry.holders([A, B, C]) == {"a-0": 3, "a-1": 1}

    async def test_a_block_held_in_any_tier_is_held(self, registry: Registry) -> None:
        await registry.renew([member("a-0")], 60.0)
        await registry.save("a-0", snapshot([A], host=(B,)))
        assert await registry.holders([A, B, C]) == {"a-0": 2}

    async def test_a_dead_process_holds_nothing(self, registry: Registry) -> None:
        await registry.renew([member("a-0", epoch=2)], 60.0)
        await registry.save("a-0", snapshot([A], epoch=1))
        await registry.save("unleased", snapshot([A]))
        assert await registry.holders([A]) == {}

    async def test_every_rank_has_a_snapshot_and_any_of_them_holds_for_the_replica(self, registry: Registry) -> None:
        two = Member(described=described("a-0", epoch=1), report=fleet_pb2.ReplicaReport(name="a-0"), ranks=2)
        await registry.renew([two], 60.0)
        await registry.save("a-0", snapshot([A]))
        await registry.save("a-0", snapshot([B]), rank=1)
        assert (await registry.members())["a-0"].ranks == 2
        assert await registry.holders([A, B, C]) == {"a-0": 2}
        await registry.leave("a-0")
        assert [await registry.load("a-0", rank) for rank in (0, 1)] == [None, None]

    async def test_a_member_without_a_snapshot_holds_nothing(self, registry: Registry) -> None:
        await registry.renew([member("a-0")], 60.0)
        assert await registry.holders([A]) == {}


@given(st.sets(st.integers(2, (1 << 64) - 1)))
@settings(deadline=None)
def test_packing_loses_no_pair(own: set[int]) -> None:
    kept = snapshot(list(own))
    back = unpack({name.encode(): value for name, value in pack(kept).items()})
    assert pairs(back) == pairs(kept)


@given(st.dictionaries(st.binary(max_size=12) | st.just(b"stamp"), st.binary(max_size=40)))
def test_fields_that_are_no_snapshot_say_so(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(ValueError):
        unpack(fields)
