"""Requests that wait, run out of time, or whose client goes away; routers that stop."""

import asyncio

import pytest

from tests.router import fakes
from tests.router.caller import chat, post
from tests.router.fakes import FakeReplica
from tests.router.routers import Routers, described, load, update
from weir.v1 import fleet_pb2


async def test_a_request_waits_for_a_replica_and_is_served_when_one_appears(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    running.told(update(described("r0", running.replicas[0].address), ready=False))
    async with running.caller() as caller:
        caller.send(post())
        await running.until(lambda: running.core.metrics.held == 1)
        running.told(update(described("r0", running.replicas[0].address)))
        assert (await caller.reply()).status == 200
    assert running.core.metrics.held == 0


async def test_requests_that_wait_are_served_in_the_order_they_came(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    running.told(update(described("r0", running.replicas[0].address), ready=False))
    callers = [running.caller() for _ in range(5)]
    for i, caller in enumerate(callers):
        await caller.__aenter__()
        caller.send(post(user=f"user-{i}"))
        await running.until(lambda wanted=i + 1: running.core.metrics.held == wanted)
    running.told(update(described("r0", running.replicas[0].address)))
    for i, caller in enumerate(callers):
        assert f"user-{i}" in (await caller.reply()).body.decode()
        caller.writer.close()


async def test_a_request_that_waited_too_long_is_told_when_to_come_back(routers: Routers) -> None:
    running = await routers.start(fakes.answer, hold_s=0.1)
    running.told(update(described("r0", running.replicas[0].address), ready=False))
    async with running.caller() as caller:
        reply = await caller.ask()
        assert (reply.status, reply.json["error"]["code"]) == (503, "no-replica")
        assert int(reply.headers["retry-after"]) >= 1
        running.told(update(described("r0", running.replicas[0].address)))
        assert (await caller.ask()).status == 200


async def test_of_too_many_that_wait_the_next_is_turned_away(routers: Routers) -> None:
    running = await routers.start(fakes.answer, most_held=1)
    running.told(update(described("r0", running.replicas[0].address), ready=False))
    async with running.caller() as first, running.caller() as second:
        first.send(post())
        await running.until(lambda: running.core.metrics.held == 1)
        assert (await second.ask()).json["error"]["code"] == "no-replica"
        running.told(update(described("r0", running.replicas[0].address)))
        assert (await first.reply()).status == 200
    assert running.core.metrics.held == 0


async def test_a_client_that_went_away_is_forgotten_by_the_queue(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    running.told(update(described("r0", running.replicas[0].address), ready=False))
    async with running.caller() as caller:
        caller.send(post())
        await running.until(lambda: running.core.metrics.held == 1)
    await running.until(lambda: running.core.metrics.held == 0)


@pytest.mark.parametrize("waits", ["held", "served"])
async def test_a_deadline_that_passes_before_the_answer_begins_is_a_504(routers: Routers, waits: str) -> None:
    running = await routers.start(fakes.slow)
    running.told(update(described("r0", running.replicas[0].address), ready=waits == "served"))
    async with running.caller() as caller:
        reply = await caller.ask("/v1/chat/completions", "X-Weir-Deadline-Ms: 100")
        assert (reply.status, reply.json["error"]["code"]) == (504, "deadline")
        caller.send(b"GET /live HTTP/1.1\r\n\r\n")
        assert (await caller.reply()).status == 200
    if waits == "served":
        await running.until(lambda: running.replicas[0].broken_off == 1)


async def test_a_deadline_that_passes_in_mid_stream_breaks_the_stream_off(routers: Routers) -> None:
    running = await routers.start(fakes.slow_stream, deadline_s=0.1)
    async with running.caller() as caller:
        caller.send(post(stream=True))
        await caller.reader.readuntil(b"first")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(caller.reader.readexactly(10_000), 30)
    await running.until(lambda: running.replicas[0].broken_off == 1)


@pytest.mark.parametrize("goodbye", ["close", "vanish"])
@pytest.mark.parametrize("trick", [fakes.slow, fakes.slow_stream])
async def test_a_client_that_goes_away_takes_its_request_along(
    routers: Routers, trick: fakes.Trick, goodbye: str
) -> None:
    running = await routers.start(trick)
    caller = await running.caller().__aenter__()
    caller.send(post(stream=trick is fakes.slow_stream))
    await running.until(lambda: bool(running.replicas[0].seen))
    await asyncio.sleep(0.02)
    caller.vanish() if goodbye == "vanish" else caller.writer.close()
    await running.until(lambda: running.replicas[0].broken_off == 1)
    await running.idle()


async def test_a_client_that_goes_away_while_it_waits_is_forgotten(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    running.told(update(described("r0", running.replicas[0].address), ready=False))
    async with running.caller() as caller:
        caller.send(post())
        await running.until(lambda: running.core.metrics.held == 1)
    await running.until(lambda: running.core.metrics.held == 0)
    running.told(update(described("r0", running.replicas[0].address)))
    await asyncio.sleep(0.02)
    assert not running.replicas[0].seen


async def test_a_draining_router_finishes_what_it_began_and_takes_nothing_new(routers: Routers) -> None:
    running = await routers.start(fakes.slow)
    async with running.caller() as busy, running.caller() as idle:
        busy.send(post())
        idle.send(b"GET /live HTTP/1.1\r\n\r\n")
        await idle.reply()
        await running.until(lambda: bool(running.replicas[0].seen))
        draining = asyncio.create_task(running.gateway.drain())
        assert await idle.closed()
        with pytest.raises(OSError):
            await running.caller().__aenter__()
        running.replicas[0].let_go.set()
        assert (await busy.reply()).status == 200
        await draining
        assert await busy.closed()


async def test_what_was_on_its_way_when_the_router_was_told_to_stop_is_answered(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as kept:
        assert (await kept.ask()).status == 200
        draining = asyncio.create_task(running.gateway.drain())
        await asyncio.sleep(0)
        assert (await kept.ask()).status == 200
        assert await kept.closed()
        await draining


async def test_a_request_that_a_draining_router_refuses_is_counted(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    running.gateway.draining = True
    async with running.caller() as caller:
        reply = await caller.ask()
    assert (reply.status, reply.headers["x-weir-refused"], reply.headers["retry-after"]) == (503, "draining", "1")
    assert running.core.metrics.snapshot().refused == {"draining": 1}
    assert not running.replicas[0].seen


async def test_a_router_without_clients_stops_at_once(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with asyncio.timeout(0.3):
        await running.gateway.drain()


async def test_a_drain_has_a_bound(routers: Routers) -> None:
    running = await routers.start(fakes.slow, drain_s=0.1)
    async with running.caller() as caller:
        caller.send(post())
        await running.until(lambda: bool(running.replicas[0].seen))
        await asyncio.wait_for(running.gateway.drain(), 2)
        assert await caller.closed()


async def test_a_client_that_reads_slowly_slows_the_replica_and_misses_nothing(routers: Routers) -> None:
    size, sent = 8_000_000, 0

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000
        return True

    running = await routers.start([trick, fakes.answer], buffers=65536)
    caller = running.caller()
    caller.reader, caller.writer = await asyncio.open_connection("127.0.0.1", running.port, limit=4096)
    caller.send(post())
    await asyncio.sleep(0.3)
    assert sent < size
    assert len((await caller.reply(10)).body) == size
    assert (await caller.ask()).status == 200
    caller.writer.close()


@pytest.mark.parametrize("size", [200_000, 1_000_000, 3_000_000])
async def test_a_reply_that_fills_the_clients_buffer_does_not_stall_the_next_request(
    routers: Routers, size: int
) -> None:
    running = await routers.start([fakes.large(size), fakes.answer], buffers=16384)
    async with running.caller() as slow, running.caller() as other:
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        slow.send(post())
        await running.until(lambda: bool(running.replicas[0].seen))
        await asyncio.sleep(0.1)
        assert (await other.ask()).status == 200
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len((await slow.reply()).body) == size
        assert (await slow.ask()).status == 200


async def test_a_replica_that_is_removed_in_mid_request_leaves_no_load_behind(routers: Routers) -> None:
    running = await routers.start(fakes.slow, fakes.answer)
    async with running.caller() as caller:
        running.told(update(described("r1", running.replicas[1].address), ready=False))
        caller.send(post())
        await running.until(lambda: bool(running.replicas[0].seen))
        running.told(fleet_pb2.FleetUpdate(removed=["r0"]))
        running.told(update(described("new", running.replicas[1].address)))
        assert max(load(running.core)) == 0.0
        running.replicas[0].let_go.set()
        assert (await caller.reply()).status == 200
        await running.idle()
        assert (await caller.ask()).headers["x-weir-replica"] == "new"


async def test_a_replica_whose_facts_change_in_mid_request_keeps_its_load(routers: Routers) -> None:
    running = await routers.start(fakes.slow)
    async with running.caller() as caller:
        caller.send(post())
        await running.until(lambda: bool(running.replicas[0].seen))
        before = load(running.core)
        running.told(update(described("r0", running.replicas[0].address, epoch=2)))
        assert load(running.core) == before
        assert before[1] == 1.0
        running.replicas[0].let_go.set()
        assert (await caller.reply()).status == 200


async def test_every_outcome_gives_back_the_load_it_took(routers: Routers) -> None:
    tricks = [fakes.answer, fakes.stream, fakes.fail_500, fakes.die_before_head, fakes.die_after_head, fakes.refuse_400]
    running = await routers.start(*[tricks * 3] * 3, retries=2)

    async def ask(streamed: bool) -> None:
        async with running.caller() as caller:
            for _ in range(6):
                await caller.ask(stream=streamed, messages=[{"role": "user", "content": "x" * 900}])

    await asyncio.gather(*[ask(i % 2 == 0) for i in range(8)])
    await running.idle()
    assert sum(load(running.core)) == pytest.approx(0.0, abs=1e-6)
    assert chat() is not None
