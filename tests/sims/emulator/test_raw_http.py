"""The protocol below the clients: frames, pipelining, odd requests, clients that leave."""

import asyncio
import json

import pytest

from tests.sims.emulator.emulation import Answered, live


def post(path: str, body: object, *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()


async def ask(address: str, request: bytes) -> Answered:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = Answered(await reader.read())
    writer.close()
    await writer.wait_closed()
    return answer


async def metric(address: str, name: str) -> float:
    page = (await ask(address, get("/metrics"))).body.decode()
    return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith(f"vllm:{name}{{"))


async def test_a_stream_is_chunked_events_that_end_with_done() -> None:
    request = post("/v1/completions", {"prompt": "Once", "max_tokens": 2, "stream": True}, "connection: close")
    async with live() as up:
        answer = await ask(up.address, request)
    assert answer.complete
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["transfer-encoding"] == "chunked"
    *events, done, rest = answer.body.split(b"\n\n")
    assert all(json.loads(event.removeprefix(b"data: "))["object"] == "text_completion" for event in events)
    assert (done, rest) == (b"data: [DONE]", b"")


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    slow = post("/v1/completions", {"prompt": "Once", "max_tokens": 20, "ignore_eos": True})
    async with live() as up:
        reader, writer = await asyncio.open_connection(*up.address.split(":"))
        writer.write(slow + get("/version"))
        answered = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answered.count(b"HTTP/1.1 200 OK") == 2
    assert answered.index(b"text_completion") < answered.index(b'{"version"')


@pytest.mark.parametrize("path", ["/health", "/ping", "/version", "/load", "/v1/models", "/metrics"])
async def test_plain_pages_are_there(path: str) -> None:
    async with live() as up:
        assert (await ask(up.address, get(path))).status == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post("/v1/completions", b'{"prompt": ', "connection: close"), 400),
        (post("/v1/completions", {"prompt": []}, "connection: close"), 400),
        (post("/v1/chat/completions", {"messages": []}, "connection: close"), 400),
        (post("/tokenize", {}, "connection: close"), 400),
        (post("/detokenize", {"tokens": ["a"]}, "connection: close"), 400),
    ],
)
async def test_errors_have_openais_shape(request_: bytes, status: int) -> None:
    async with live() as up:
        answer = await ask(up.address, request_)
    error = json.loads(answer.body)["error"]
    assert answer.status == status == error["code"]
    assert error["message"]


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        (get("/nowhere"), 404, "Not Found"),
        (get("/emulator/die"), 404, "Not Found"),
        (get("/v1/completions"), 405, "Method Not Allowed"),
    ],
)
async def test_what_no_route_answers_is_told_in_the_web_frameworks_shape(
    request_: bytes, status: int, told: str
) -> None:
    async with live() as up:
        answer = await ask(up.address, request_)
    assert answer.status == status
    assert json.loads(answer.body) == {"detail": told}


async def test_what_is_no_http_is_refused_and_the_connection_closed() -> None:
    async with live() as up:
        assert (await ask(up.address, b"\x16\x03\x01 hello\r\n\r\n")).status == 400


async def test_tokens_become_text_again() -> None:
    text = "Water over the weir."
    async with live() as up:
        tokens = json.loads((await ask(up.address, post("/tokenize", {"prompt": text}, "connection: close"))).body)
        back = await ask(up.address, post("/detokenize", {"tokens": tokens["tokens"]}, "connection: close"))
    assert json.loads(back.body) == {"prompt": text}
    assert tokens["count"] == 5
    assert tokens["max_model_len"] == 4096


async def test_a_client_that_leaves_frees_its_place() -> None:
    request = post("/v1/completions", {"prompt": "Once", "max_tokens": 4000, "ignore_eos": True, "stream": True})
    async with live(time_scale=1.0) as up:
        reader, writer = await asyncio.open_connection(*up.address.split(":"))
        writer.write(request)
        await reader.readuntil(b"text_completion")
        assert await metric(up.address, "num_requests_running") == 1.0
        writer.close()
        await writer.wait_closed()
        while await metric(up.address, "num_requests_running"):
            pass
        assert await metric(up.address, "kv_cache_usage_perc") == 0.0
        assert await metric(up.address, "generation_tokens_total") >= 0.0
