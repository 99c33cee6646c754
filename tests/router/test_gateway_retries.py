"""Replicas that fail: another one answers while the client has no byte, and never after."""

import asyncio
from typing import Any

import pytest

from policies.fleet import KV_USED, RUNNING
from tests.router import fakes
from tests.router.caller import post
from tests.router.fakes import refused_port
from tests.router.routers import Routers, Running, described, update

BEFORE_THE_FIRST_BYTE = [
    fakes.die_before_head, fakes.die_in_head, fakes.die_after_head, fakes.fail_500, fakes.fail_503, fakes.garbage,
]  # fmt: skip


async def ask_often(running: Running, times: int = 8, **fields: Any) -> set[str]:
    """Names of the replicas that answered, every request answered well."""
    async with running.caller() as caller:
        replies = [await caller.ask("/v1/chat/completions", f"X-Request-Id: try-{i}", **fields) for i in range(times)]
    assert {reply.status for reply in replies} == {200}
    return {reply.headers["x-weir-replica"] for reply in replies}


@pytest.mark.parametrize("trick", BEFORE_THE_FIRST_BYTE)
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
async def test_a_replica_that_fails_before_its_first_byte_is_made_up_for_by_another(
    routers: Routers, trick: fakes.Trick, streamed: bool
) -> None:
    running = await routers.start(trick, fakes.answer)
    assert await ask_often(running, stream=streamed) == {"r1"}
    assert running.core.metrics.retries


async def test_a_replica_that_refuses_connections_is_left_out_for_a_while(routers: Routers) -> None:
    running = await routers.start(fakes.answer, suspend_s=30.0)
    running.told(update(described("gone", f"127.0.0.1:{refused_port()}")))
    assert await ask_often(running, times=12) == {"r0"}
    assert running.core.metrics.retries == {"connect": 1}


async def test_a_replica_whose_name_no_host_can_have_is_one_that_cannot_be_reached(routers: Routers) -> None:
    running = await routers.start(fakes.answer, suspend_s=30.0)
    running.told(update(described("odd", "a..b:80")))
    assert await ask_often(running, times=12) == {"r0"}
    assert running.core.metrics.retries == {"connect": 1}


async def test_a_replica_that_is_back_serves_again(routers: Routers) -> None:
    running = await routers.start(fakes.answer, suspend_s=0.05)
    replica = running.replicas[0]
    await replica.stop()
    async with running.caller() as caller:
        caller.send(post())
        await asyncio.sleep(0.1)
        await replica.start()
        assert (await caller.reply()).status == 200


async def test_a_kept_connection_that_has_died_is_replaced_without_a_failure(routers: Routers) -> None:
    running = await routers.start(fakes.closes_unannounced)
    async with running.caller() as caller:
        for _ in range(3):
            assert (await caller.ask()).status == 200
            await asyncio.sleep(0.04)


async def test_when_every_replica_fails_the_client_is_told_so(routers: Routers) -> None:
    running = await routers.start(fakes.die_before_head, fakes.die_before_head, retries=3)
    async with running.caller() as caller:
        reply = await caller.ask()
        assert (reply.status, reply.json["error"]["type"]) == (502, "upstream_error")
        assert reply.headers["x-weir-refused"] == "retries-exhausted"
    assert sum(len(one.seen) for one in running.replicas) == 4


async def test_each_attempt_avoids_the_replicas_that_failed_before(routers: Routers) -> None:
    running = await routers.start(*[fakes.die_before_head] * 4, retries=3)
    async with running.caller() as caller:
        await caller.ask()
    assert [len(one.seen) for one in running.replicas] == [1, 1, 1, 1]


async def test_when_every_replica_says_5xx_the_last_ones_words_are_passed_on(routers: Routers) -> None:
    running = await routers.start(fakes.fail_503, retries=2)
    async with running.caller() as caller:
        reply = await caller.ask()
    assert (reply.status, reply.json) == (503, {"error": {"message": "starting"}})
    assert len(running.replicas[0].seen) == 3


async def test_retries_stop_when_the_budget_over_all_requests_is_spent(routers: Routers) -> None:
    running = await routers.start(fakes.die_before_head, retries=5)
    running.gateway.budget = 2.0
    async with running.caller() as caller:
        assert [(await caller.ask()).status for _ in range(3)] == [502, 502, 502]
    assert len(running.replicas[0].seen) == 3 + 2


async def test_answers_earn_back_the_budget(routers: Routers) -> None:
    running = await routers.start(fakes.answer, retry_share=0.25)
    running.gateway.budget = 0.0
    await ask_often(running, times=4)
    assert running.gateway.budget == pytest.approx(1.0)


async def test_a_stream_that_breaks_is_not_repeated_but_told_as_broken(routers: Routers) -> None:
    running = await routers.start(fakes.die_mid_stream)
    async with running.caller() as caller:
        caller.send(post(stream=True))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b"first" in data
    assert b'"type":"upstream_error"' in data
    assert not data.endswith(b"0\r\n\r\n")
    assert len(running.replicas[0].seen) == 1


async def test_a_reply_that_breaks_off_half_way_ends_the_clients_connection(routers: Routers) -> None:
    running = await routers.start(fakes.die_mid_body)
    async with running.caller() as caller:
        caller.send(post())
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert data.startswith(b"HTTP/1.1 200 OK")
    assert len(running.replicas[0].seen) == 1


async def test_an_engines_4xx_is_an_answer_and_not_repeated(routers: Routers) -> None:
    running = await routers.start(fakes.refuse_400, fakes.refuse_400)
    async with running.caller() as caller:
        assert (await caller.ask()).status == 400
    assert sum(len(one.seen) for one in running.replicas) == 1


async def test_no_request_is_lost_before_its_first_byte_while_replicas_come_and_go(routers: Routers) -> None:
    running = await routers.start(*[[fakes.die_before_head, fakes.stream, fakes.fail_503, fakes.stream]] * 3)
    statuses: list[int] = []

    async def ask() -> None:
        async with running.caller() as caller:
            statuses.extend([(await caller.ask(stream=True)).status for _ in range(10)])

    await asyncio.gather(*[ask() for _ in range(8)])
    assert statuses == [200] * 80


async def test_a_replica_that_says_nothing_at_all_is_made_up_for_by_another(routers: Routers) -> None:
    running = await routers.start(fakes.slow, fakes.answer, stall_s=0.2)
    assert await ask_often(running, times=4, stream=True) == {"r1"}
    assert "silence" in running.core.metrics.retries
    assert not running.core.fleet.table[:, RUNNING : KV_USED + 1].any()


@pytest.mark.parametrize(("stream", "retries"), [(False, 5), (True, 0)], ids=["whole", "nobody else may"])
async def test_a_silent_replica_is_waited_for_where_nothing_else_is_better(
    routers: Routers, stream: bool, retries: int
) -> None:
    running = await routers.start(fakes.slow, stall_s=0.1, retries=retries)
    asyncio.get_running_loop().call_later(0.7, running.replicas[0].let_go.set)
    assert await ask_often(running, times=1, stream=stream) == {"r0"}
    assert not running.core.metrics.retries
