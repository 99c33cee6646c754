import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import zmq

from tests.pool.valkey_server import Valkey

# Where a sync test comes first, pytest-asyncio would else have the policy make a loop that nobody closes.
asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def valkey_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_process: Valkey) -> Valkey:
    valkey_process.empty()
    return valkey_process


@pytest.fixture
async def context() -> "AsyncIterator[zmq.Context[Any]]":
    made: zmq.Context[Any] = zmq.Context()
    yield made
    made.destroy(linger=0)
