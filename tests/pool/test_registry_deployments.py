"""The registry where Redis really runs: a cluster, TLS, an ACL; what it takes, and that what it holds dies."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from pool.holdings import TierBlocks
from pool.registry.port import Registry, Snapshot, Unreachable
from pool.registry.redis import RedisRegistry
from tests.pool.fakes import until
from tests.pool.redis_kinds import PASSWORD, USER, Server, Terminator, agreed, certificate, cluster_node, join, with_acl
from tests.pool.registry_kit import A, B, RegistryKit, member, snapshot
from tests.pool.valkey_server import Valkey
from weir import keys
from weir.redis_url import BadRedisUrl


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as ended:
        made = [cluster_node(folder, number) for number in range(3)]
        for node in made:
            node.start()
            ended.callback(node.stop)
        join(made)
        yield made


class TestCluster(RegistryKit):
    """All that a registry must do, over three nodes."""

    @pytest.fixture
    async def registry(self, nodes: list[Server]) -> AsyncIterator[Registry]:
        await until(lambda: agreed(nodes))
        for node in nodes:
            with node.client() as client:
                client.flushall()
        made = RedisRegistry(f"redis+cluster://127.0.0.1:{nodes[0].port}")
        yield made
        await made.close()

    async def test_replicas_are_spread_over_the_nodes(self, registry: Registry, nodes: list[Server]) -> None:
        names = [f"a-{i}" for i in range(24)]
        await registry.renew([member(name) for name in names], 60.0)
        for name in names:
            await registry.save(name, snapshot([A, B]))
        sizes = []
        for node in nodes:
            with node.client() as client:
                sizes.append(client.dbsize())
        assert min(sizes) > 0
        assert sum(sizes) == 1 + 2 * len(names)


async def works(registry: RedisRegistry) -> None:
    await registry.renew([member("a-0")], 60.0)
    await registry.save("a-0", snapshot([A, B]))
    assert await registry.holders([A, B]) == {"a-0": 2}
    await registry.leave("a-0")
    await registry.close()


async def refused(url: str) -> None:
    registry = RedisRegistry(url)
    with pytest.raises(Unreachable):
        await registry.members()
    await registry.close()


async def test_a_user_with_a_password_may_do_what_is_needed_and_no_other(tmp_path: Path) -> None:
    server = with_acl(tmp_path)
    try:
        await works(RedisRegistry(f"redis://{USER}:{PASSWORD}@127.0.0.1:{server.port}"))
        await refused(f"redis://{USER}:wrong@127.0.0.1:{server.port}")
        await refused(f"redis://127.0.0.1:{server.port}")
    finally:
        server.stop()


async def test_tls_is_spoken_and_a_stranger_with_another_certificate_is_not_believed(
    valkey: Valkey, tmp_path: Path
) -> None:
    ours, key = certificate(tmp_path, "ours")
    strangers, _ = certificate(tmp_path, "stranger")
    async with Terminator(valkey.socket, ours, key) as port:
        await works(RedisRegistry(f"rediss://127.0.0.1:{port}?ssl_ca_certs={ours}"))
        await refused(f"rediss://127.0.0.1:{port}?ssl_ca_certs={strangers}")
        await refused(f"redis://127.0.0.1:{port}")


@pytest.mark.parametrize("url", ["http://h", "nonsense", "redis+cluster://h:port", "redis://h:x"])
def test_a_url_that_names_no_redis_says_so_without_what_may_be_a_password(url: str) -> None:
    with pytest.raises(BadRedisUrl) as told:
        RedisRegistry(url.replace("://h", "://me:s3cret@h"))
    assert "s3cret" not in str(told.value)


async def test_a_block_takes_no_more_than_what_the_layout_states(valkey: Valkey) -> None:
    registry, blocks = RedisRegistry(valkey.url), 60_000
    own = np.random.default_rng(1).integers(2, 1 << 63, blocks, dtype=np.uint64)
    columns = TierBlocks(own ^ np.uint64(1), own)
    kept = Snapshot(epoch=1, sequence=1, at=1.0, block_tokens=16, started=0.0, tiers={"hbm": columns})
    await registry.save("a-0", kept)
    taken = await registry._redis.memory_usage(keys.blocks("a-0"), samples=0)
    await registry.close()
    assert 16 * blocks < taken < keys.BYTES_PER_BLOCK * blocks


async def test_what_a_dead_replica_left_expires(valkey: Valkey) -> None:
    registry = RedisRegistry(valkey.url, snapshot_ttl_s=0.05)
    await registry.renew([member("a-0")], 0.05)
    await registry.save("a-0", snapshot([A]))
    await registry.save("a-0", snapshot([A]), rank=1)
    with valkey_client(valkey) as client:
        await until(lambda: client.keys("weir:{*") == [])
    assert await registry.members() == {}
    await registry.close()


def valkey_client(valkey: Valkey):  # type: ignore[no-untyped-def]
    from redis import Redis

    return Redis(unix_socket_path=str(valkey.socket))
