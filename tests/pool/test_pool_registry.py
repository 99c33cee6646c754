"""Both registries under the kit, and what each has of its own."""

import json
import logging
from collections.abc import AsyncIterator

import pytest

from pool.registry.failover import AGAIN_S, SAY_S, Failover
from pool.registry.memory import MemoryRegistry
from pool.registry.packing import pack, stamp_of, unpack
from pool.registry.port import Member, Registry, Unreachable
from pool.registry.redis import RedisRegistry
from tests.pool.registry_kit import A, B, RegistryKit, member, snapshot
from tests.pool.registry_kit import test_fields_that_are_no_snapshot_say_so as test_fields  # noqa: F401
from tests.pool.registry_kit import test_packing_loses_no_pair as test_packing  # noqa: F401
from tests.pool.valkey_server import Valkey


class TestMemoryRegistry(RegistryKit):
    @pytest.fixture
    def registry(self) -> Registry:
        return MemoryRegistry()

    async def test_a_lease_runs_out_by_the_clock_it_was_given(self) -> None:
        now = 0.0
        registry = MemoryRegistry(lambda: now)
        await registry.renew([member("a-0")], 10.0)
        now = 9.9
        assert list(await registry.members()) == ["a-0"]
        now = 10.0
        assert await registry.members() == {}


class TestRedisRegistry(RegistryKit):
    @pytest.fixture
    async def registry(self, valkey: Valkey) -> AsyncIterator[Registry]:
        made = RedisRegistry(valkey.url)
        yield made
        await made.close()

    async def test_what_somebody_else_wrote_is_no_member_and_no_snapshot(self, registry: RedisRegistry) -> None:
        redis = registry._redis
        await redis.sadd("weir:replicas", "forged")
        await redis.hset("weir:{forged}:replica", mapping={"described": b"\xff\xff", "report": b"", "started": b"x"})
        await redis.hset("weir:{forged}:kv", mapping={"stamp": b"{}", "hbm:0:own": b"123"})
        assert await registry.members() == {}
        assert await registry.load("forged") is None
        assert await registry.holders([A]) == {}
        assert registry._complaints.counts["forged"] >= 2

    @pytest.mark.parametrize("forged", [member("b-0"), member("a-0", epoch=1 << 60)], ids=["another's name", "epoch"])
    async def test_a_forged_replica_is_counted_and_named(
        self, registry: RedisRegistry, forged: Member, caplog: pytest.LogCaptureFixture
    ) -> None:
        await registry._redis.sadd("weir:replicas", "a-0")
        fields = {"described": forged.described.SerializeToString(), "report": b"", "started": b"0"}
        await registry._redis.hset("weir:{a-0}:replica", mapping=fields)
        for _ in range(3):
            assert await registry.members() == {}
        assert registry._complaints.counts["forged"] == 3
        assert ["a-0" in message for message in caplog.messages] == [True]

    async def test_every_key_is_one_that_the_layout_names(self, registry: RedisRegistry) -> None:
        await registry.renew([member("a-0")], 60.0)
        await registry.save("a-0", snapshot([A]))
        keys = {key.decode() for key in await registry._redis.keys("*")}
        assert keys == {"weir:replicas", "weir:{a-0}:replica", "weir:{a-0}:kv"}

    async def test_a_server_that_is_not_there_is_unreachable(self) -> None:
        registry = RedisRegistry("unix:///nowhere/at/all.sock")
        with pytest.raises(Unreachable):
            await registry.members()
        await registry.close()


class Flaky(MemoryRegistry):
    """A registry that can be switched off."""

    down = False
    calls = 0

    async def renew(self, members, lease_s) -> None:  # type: ignore[no-untyped-def]
        self.calls += 1
        if self.down:
            raise Unreachable("off")
        await super().renew(members, lease_s)


class TestFailover:
    async def test_loss_is_said_once_a_minute_and_memory_goes_on(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING)
        now, far = 0.0, Flaky()
        registry = Failover(far, MemoryRegistry(), lambda: now)
        far.down = True
        for now in (0.0, AGAIN_S + 1, 2 * AGAIN_S + 2):  # noqa: B007 (the clock reads it)
            await registry.renew([member("a-0")], 60.0)
        assert not registry.up
        assert (len(caplog.messages), registry.losses) == (1, 3)
        now = SAY_S
        await registry.renew([member("a-0")], 60.0)
        assert len(caplog.messages) == 2
        assert list(await registry._near.members()) == ["a-0"]
        far.down, now = False, 2 * SAY_S
        await registry.renew([member("a-0")], 60.0)
        assert registry.up
        assert caplog.messages[2] == "the registry is back"

    async def test_a_lost_registry_is_left_alone_for_a_while(self) -> None:
        now, far = 0.0, Flaky()
        registry = Failover(far, MemoryRegistry(), lambda: now)
        far.down = True
        for now in (0.0, 0.1, 0.2):  # noqa: B007 (the clock reads it)
            await registry.renew([member("a-0")], 60.0)
        assert far.calls == 1

    async def test_a_real_server_that_dies_and_comes_back_is_used_again(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        server, now = Valkey(tmp_path), 0.0
        server.start()
        registry = Failover(RedisRegistry(server.url), MemoryRegistry(), lambda: now)
        try:
            await registry.renew([member("a-0")], 60.0)
            server.stop()
            await registry.renew([member("a-0")], 60.0)
            assert not registry.up
            assert list(await registry.members()) == ["a-0"]
            server.start()
            now = 60.0
            await registry.renew([member("a-0")], 60.0)
            await registry.save("a-0", snapshot([A, B]))
            assert registry.up
            assert await registry.holders([A, B]) == {"a-0": 2}
        finally:
            await registry.close()
            server.stop()


def test_another_versions_hashes_are_not_taken_for_ours() -> None:
    fields = {name.encode(): value for name, value in pack(snapshot([A])).items()}
    stamp = json.loads(fields[b"stamp"])
    older = json.dumps(stamp | {"hashing": stamp["hashing"] - 1}).encode()
    assert stamp_of(fields[b"stamp"]) == (stamp["epoch"], list(stamp["tiers"]))
    assert stamp_of(older) == (-1, [])
    with pytest.raises(ValueError, match="hashes of version 1, not 2"):
        unpack(fields | {b"stamp": older})
    unmarked = json.dumps({name: value for name, value in stamp.items() if name != "hashing"}).encode()
    assert stamp_of(unmarked) == (-1, [])
