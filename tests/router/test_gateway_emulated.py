"""The gateway in front of emulated replicas that die in mid-stream: every token of the uninterrupted answer, once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sims.emulator.host import Listening
from sims.emulator.serve import serving
from tests.router.caller import Caller, post
from tests.router.routers import Routers, Running, described, update
from tests.sims.emulator.emulation import replica

BODY: dict[str, Any] = {
    "model": "tiny", "temperature": 0, "stream": True, "max_tokens": 60, "stream_options": {"include_usage": True},
    "messages": [{"role": "user", "content": "How deep is the water over the weir? " * 20}], "ignore_eos": True,
}  # fmt: skip


@asynccontextmanager
async def emulated(
    routers: Routers, roles: dict[str, str], **settings: Any
) -> AsyncIterator[tuple[Running, list[Listening]]]:
    """A gateway in front of emulated replicas of these names and roles; an answer takes a good half second."""
    async with serving([replica(name=name) for name in roles], time_scale=1.0, chaos=True) as up:
        running = await routers.start(tokens="estimate", **settings)
        facts = {"model": "tiny", "context_limit": 4096}
        running.told(update(*[described(one.name, one.address, role=roles[one.name], **facts) for one in up]))
        yield running, up


async def stream(port: int, **fields: Any) -> tuple[str, list[Any]]:
    """Who began to answer, and what each event said."""
    async with Caller(port) as caller:
        caller.send(post(**{**BODY, **fields}))
        reply = await caller.reply(within=20.0)
    events = [
        json.loads(one.removeprefix(b"data: ")) for one in reply.body.split(b"\n\n") if one.startswith(b"data: {")
    ]
    assert reply.body.endswith(b"data: [DONE]\n\n")
    return reply.headers.get("x-weir-replica", ""), events


def said(events: list[Any]) -> list[int]:
    """The token ids of an answer."""
    return [token for one in events for choice in one["choices"] for token in choice.get("token_ids") or ()]


async def kill(address: str) -> None:
    """A replica is gone, for good."""
    async with Caller(int(address.rpartition(":")[2])) as caller:
        caller.send(post("/emulator/die", body=b'{"seconds": 60}'))
        await asyncio.sleep(0.05)


async def killed_while_it_speaks(running: Running, up: list[Listening], after_s: float, **fields: Any) -> list[Any]:
    """The events of a stream whose replica dies so long after it was asked."""
    task = asyncio.create_task(stream(running.port, **fields))
    await asyncio.sleep(after_s)
    busy = [one for one in running.core.fleet.replicas if one and running.core.fleet.columns.running[row(running, one)]]
    await asyncio.gather(*[kill(one.address) for one in busy])
    return (await task)[1]


def row(running: Running, one: Any) -> int:
    """Where a replica stands."""
    return running.core.fleet.rows[one.name]


@pytest.mark.parametrize("after_s", [0.1, 0.25])
async def test_a_killed_replicas_stream_goes_on_token_for_token(routers: Routers, after_s: float) -> None:
    async with emulated(routers, {"a": "mixed", "b": "mixed"}) as (running, up):
        _, whole = await stream(running.port, return_token_ids=True)
        events = await killed_while_it_speaks(running, up, after_s, return_token_ids=True)
        assert running.core.metrics.continuations
    assert said(events) == said(whole)
    assert len(said(events)) == 60
    assert events[-1]["usage"]["completion_tokens"] == 60
    assert events[-1]["usage"]["prompt_tokens"] == whole[-1]["usage"]["prompt_tokens"]
