"""Every test of the router: on the loop of production, and nothing may end up in that loop's error handler."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvloop

from tests.router.routers import Routers


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def no_logging(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert not [record.getMessage() for record in caplog.get_records("call")]


@pytest.fixture
async def routers() -> AsyncIterator[Routers]:
    """Starts gateways and fake replicas; at the end no load may be left and no exception may have reached the loop."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    made = Routers()
    yield made
    await made.stop()
    assert not told
