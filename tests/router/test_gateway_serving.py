"""Requests that go well, on connections that stay."""

import asyncio
import json
from typing import Any

import pytest

from tests.router import fakes
from tests.router.caller import chat, post, post_chunked
from tests.router.routers import Routers, described, update


async def test_a_request_is_passed_on_and_its_answer_passed_back(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        reply = await caller.ask(temperature=0.25)
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"] == "r0 " + running.replicas[0].seen[0].body.decode()
    assert running.replicas[0].seen[0].body == chat(temperature=0.25)


async def test_the_reply_names_the_replica_and_echoes_the_request_id(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        reply = await caller.ask("/v1/chat/completions", "X-Request-Id: abc-1")
    assert reply.headers["x-request-id"] == "abc-1"
    assert reply.headers["x-weir-replica"] == "r0"
    assert running.replicas[0].seen[0].header("x-request-id") == "abc-1"


async def test_a_request_without_an_id_is_given_one_of_its_own(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        ids = [(await caller.ask()).headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert [seen.header("x-request-id") for seen in running.replicas[0].seen] == ids


async def test_connections_are_kept_on_both_sides(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        for _ in range(5):
            assert (await caller.ask()).status == 200
    assert running.replicas[0].connections == 1


@pytest.mark.parametrize("trick", [fakes.answer, fakes.stream], ids=["whole", "stream"])
async def test_requests_sent_at_once_are_answered_in_order(routers: Routers, trick: fakes.Trick) -> None:
    running = await routers.start(trick)
    async with running.caller() as caller:
        caller.send(
            *(post("/v1/chat/completions", f"X-Request-Id: id-{i}", stream=trick is fakes.stream) for i in range(6))
        )
        assert [(await caller.reply()).headers["x-request-id"] for _ in range(6)] == [f"id-{i}" for i in range(6)]


async def test_local_answers_and_refusals_keep_their_place_among_proxied_ones(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(b"GET /live HTTP/1.1\r\n\r\n", post(), post(model="nobody"), post(), b"GET /live HTTP/1.1\r\n\r\n")
        assert [(await caller.reply()).status for _ in range(5)] == [200, 200, 404, 200, 200]


async def test_a_stream_passes_through_as_it_came(routers: Routers) -> None:
    running = await routers.start(fakes.stream)
    async with running.caller() as caller:
        reply = await caller.ask(stream=True)
    events = [json.loads(line[6:]) for line in reply.body.split(b"\n\n")[:-2]]
    assert [one["choices"][0]["delta"]["content"] for one in events[:5]] == [f"r0 {i}" for i in range(5)]
    assert reply.body.endswith(b"data: [DONE]\n\n")


async def test_the_first_token_is_passed_on_before_the_second_is_there(routers: Routers) -> None:
    running = await routers.start(fakes.slow_stream)
    async with running.caller() as caller:
        caller.send(post(stream=True))
        head = await asyncio.wait_for(caller.reader.readuntil(b"first"), 30)
        assert b"200 OK" in head
        running.replicas[0].let_go.set()
        assert b"[DONE]" in await caller.reader.readuntil(b"0\r\n\r\n")


async def test_a_body_in_chunks_goes_on_with_its_length(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(post_chunked(chat()))
        assert (await caller.reply()).status == 200
    assert running.replicas[0].seen[0].body == chat()
    assert running.replicas[0].seen[0].header("transfer-encoding") is None


async def test_whatever_follows_a_body_in_chunks_is_the_next_request(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(post_chunked(chat(user="one")), post(user="two"), post_chunked(chat(user="three")))
        for _ in range(3):
            assert (await caller.reply()).status == 200
    assert [json.loads(seen.body)["user"] for seen in running.replicas[0].seen] == ["one", "two", "three"]


async def test_whatever_follows_a_body_that_came_in_pieces_is_the_next_request(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    first = post(user="one")
    async with running.caller() as caller:
        caller.send(first[:-5])
        await asyncio.sleep(0.02)
        caller.send(first[-5:], post(user="two"))
        assert [(await caller.reply()).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("size", [1, 3, 50, 151])
async def test_requests_may_come_in_pieces_of_any_size(routers: Routers, size: int) -> None:
    running = await routers.start(fakes.answer)
    data = post(user="one") + post_chunked(chat(user="two")) + post(user="three")
    async with running.caller() as caller:
        for at in range(0, len(data), size):
            caller.send(data[at : at + size])
            if at % 20 < size:
                await asyncio.sleep(0.0005)
        assert [(await caller.reply()).status for _ in range(3)] == [200, 200, 200]


async def test_a_client_that_waits_for_it_is_told_to_continue(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    asked = post("/v1/chat/completions", "Expect: 100-continue")
    head, body = asked.split(b"\r\n\r\n", 1)
    async with running.caller() as caller:
        caller.send(head, b"\r\n\r\n")
        assert (await caller.reply()).status == 100
        caller.send(body)
        assert (await caller.reply()).status == 200
    assert running.replicas[0].seen[0].header("expect") is None


async def test_a_client_that_expects_and_does_not_wait_is_answered_all_the_same(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(post("/v1/chat/completions", "Expect: 100-continue"))
        assert (await caller.reply()).status == 200


@pytest.mark.parametrize("trick", [fakes.continue_first, fakes.byte_by_byte, fakes.closes_politely, fakes.no_content])
async def test_replies_of_every_framing_arrive_whole_again_and_again(routers: Routers, trick: fakes.Trick) -> None:
    running = await routers.start(trick)
    async with running.caller() as caller:
        assert [(await caller.ask()).status for _ in range(3)] == [200, 200, 200]


async def test_a_reply_that_ends_with_its_connection_ends_the_clients_too(routers: Routers) -> None:
    running = await routers.start(fakes.until_close)
    async with running.caller() as caller:
        assert (await caller.ask()).body == b"up to the end"
        assert await caller.closed()


async def test_an_empty_reply_that_ends_with_its_connection_is_still_a_reply(routers: Routers) -> None:
    running = await routers.start(fakes.empty_until_close)
    async with running.caller() as caller:
        reply = await caller.ask()
        assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("fields", [{}, {"model": "nobody"}, {"messages": []}], ids=["served", "shed", "refused"])
async def test_a_client_that_says_close_finds_the_connection_closed(routers: Routers, fields: dict[str, Any]) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        await caller.ask("/v1/chat/completions", "Connection: close", **fields)
        assert await caller.closed(1.0)


async def test_an_engines_own_refusal_is_passed_on(routers: Routers) -> None:
    running = await routers.start(fakes.refuse_400)
    async with running.caller() as caller:
        assert (await caller.ask()).json == {"error": {"message": "no"}}
    assert len(running.replicas[0].seen) == 1


async def test_headers_go_on_except_those_of_the_connection_and_the_routers_own(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    lines = [
        "Authorization: Bearer k",
        "X-Weir-Session: s",
        "Connection: keep-alive, X-Hop",
        "X-Hop: 1",
        "TE: trailers",
    ]
    async with running.caller() as caller:
        await caller.ask("/v1/chat/completions?beta=1", *lines)
    seen = running.replicas[0].seen[0]
    assert seen.head.startswith(b"POST /v1/chat/completions?beta=1 HTTP/1.1\r\n")
    assert seen.header("authorization") == "Bearer k"
    assert seen.header("host") == running.replicas[0].address
    assert not [name for name in ("x-weir-session", "connection", "x-hop", "te") if seen.header(name)]


async def test_the_models_of_the_fleet_are_listed(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    running.told(update(described("other", "h:1", model="a"), ready=False))
    async with running.caller() as caller:
        caller.send(b"GET /v1/models HTTP/1.1\r\nHost: weir\r\n\r\n")
        listed = (await caller.reply()).json
    assert listed["object"] == "list"
    assert [one["id"] for one in listed["data"]] == ["a", "m"]
    assert {(one["object"], one["owned_by"], type(one["created"])) for one in listed["data"]} == {
        ("model", "weir", int)
    }


async def test_health_says_whether_any_replica_is_ready(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(b"GET /health HTTP/1.1\r\n\r\n")
        assert (await caller.reply()).status == 200
        running.told(update(described("r0", running.replicas[0].address), ready=False))
        caller.send(b"GET /health HTTP/1.1\r\n\r\nGET /live HTTP/1.1\r\n\r\n")
        assert [(await caller.reply()).status for _ in range(2)] == [503, 200]


async def test_a_head_request_is_answered_without_a_body(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(b"HEAD /health HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.05)
        caller.send(b"GET /live HTTP/1.1\r\n\r\n")
        data = await asyncio.wait_for(caller.reader.readuntil(b'{"status":"ok"}'), 30)
        assert data.count(b"{") == 1


@pytest.mark.parametrize(("request_line", "status"), [
    ("GET /v2/nothing", 404), ("POST /v2/nothing", 404), ("DELETE /v1/chat/completions", 405), ("PUT /health", 405),
    ("GET /v1/chat/completions", 405), ("OPTIONS /v1/completions", 405), ("POST /v1/models", 405),
])  # fmt: skip
async def test_other_paths_and_methods_are_refused_and_the_connection_stays(
    routers: Routers, request_line: str, status: int
) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(f"{request_line} HTTP/1.1\r\n\r\n".encode())
        reply = await caller.reply()
        assert (reply.status, reply.json["error"]["type"]) == (status, "invalid_request_error")
        assert (await caller.ask()).status == 200


async def test_load_spreads_over_replicas_while_requests_are_in_flight(routers: Routers) -> None:
    running = await routers.start(fakes.slow, fakes.slow, fakes.slow)
    callers = [running.caller() for _ in range(9)]
    for caller in callers:
        await caller.__aenter__()
        caller.send(post())
    await running.until(lambda: sum(len(one.seen) for one in running.replicas) == 9)
    assert [len(one.seen) for one in running.replicas] == [3, 3, 3]
    for replica in running.replicas:
        replica.let_go.set()
    assert [(await caller.reply()).status for caller in callers] == [200] * 9
    for caller in callers:
        caller.writer.close()


async def test_a_large_body_and_a_large_reply_arrive_whole(routers: Routers) -> None:
    running = await routers.start(fakes.large(3_000_000), facts={"context_limit": 10_000_000})
    content = "x" * 2_000_000
    async with running.caller() as caller:
        reply = await caller.ask(messages=[{"role": "user", "content": content}])
    assert len(reply.body) == 3_000_000
    assert content.encode() in running.replicas[0].seen[0].body
