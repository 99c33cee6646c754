"""Whatever a client sends, it gets a sentence and a 4xx, and nobody else notices."""

import asyncio
import json
import random
from typing import Any

import pytest

from tests.router import fakes
from tests.router.caller import PATIENCE_S, Caller, chat, post, post_chunked
from tests.router.routers import HASTY, Routers, Running

HELLO = [{"role": "user", "content": "hello"}]
DEEP = b"[" * 50_000

BODIES: dict[str, bytes] = {
    "empty": b"",
    "not json": b"hello",
    "cut short": chat()[:-7],
    "two documents": chat() + chat(),
    "null": b"null",
    "list": b"[]",
    "string": b'"model"',
    "nothing in it": b"{}",
    "deep": DEEP,
    "deep in messages": b'{"model":"m","messages":' + DEEP + b"}",
    "deep in content": b'{"model":"m","messages":[{"role":"user","content":' + DEEP + b"}]}",
    "deep in an unknown field": b'{"model":"m","x":' + DEEP + b',"messages":[{"role":"user","content":"a"}]}',
    "byte order mark": b"\xef\xbb\xbf" + chat(),
    "utf-16": chat().decode().encode("utf-16"),
    "nul bytes": b"\0" * 100,
    "nan": chat().replace(b"8}", b"NaN}"),
    "huge number": chat().replace(b"8}", b"1e999}"),
    "long number": chat().replace(b"8}", b"9" * 6000 + b"}"),
    "invalid utf-8 in the model": chat().replace(b'"m"', b'"\xff"'),
    "invalid utf-8 in content": chat().replace(b"hello", b"\xff\xfe"),
    "overlong utf-8 in content": chat().replace(b"hello", b"\xc0\xaf"),
    "encoded surrogate in content": chat().replace(b"hello", b"\xed\xa0\x80"),
    "invalid utf-8 in a part": chat(messages=[{"role": "u", "content": [{"type": "text", "text": "hello"}]}]).replace(
        b"hello", b"\xff"
    ),
    "invalid utf-8 in an unknown field": chat(x="hello", messages=HELLO).replace(b'"x": "hello"', b'"x": "\xff"'),
    "lone surrogate in content": chat().replace(b"hello", b"\\ud800"),
    "lone low surrogate in content": chat().replace(b"hello", b"\\udc00"),
    "lone surrogate in the role": chat().replace(b'"role": "user"', b'"role": "\\ud800"'),
    "lone surrogate in the user": chat(user="x").replace(b'"x"', b'"\\ud800"'),
    "control character in content": chat().replace(b"hello", b"\x01"),
}
FIELDS: dict[str, dict[str, Any]] = {
    "no model": {"model": None},
    "model of another type": {"model": 5},
    "no messages": {"messages": None},
    "empty messages": {"messages": []},
    "messages of another type": {"messages": "hello"},
    "message of another type": {"messages": ["hello"]},
    "message without a role": {"messages": [{"content": "a"}]},
    "role of another type": {"messages": [{"role": 1, "content": "a"}]},
    "content of another type": {"messages": [{"role": "user", "content": 7}]},
    "content an object": {"messages": [{"role": "user", "content": {}}]},
    "content true": {"messages": [{"role": "user", "content": True}]},
    "parts of another type": {"messages": [{"role": "user", "content": ["a"]}]},
    "stream of another type": {"stream": "yes"},
    "max_tokens zero": {"max_tokens": 0},
    "max_tokens negative": {"max_tokens": -1},
    "max_tokens absurd": {"max_tokens": 10**15},
    "max_tokens a fraction": {"max_tokens": 1.5},
    "max_tokens text": {"max_tokens": "8"},
    "max_tokens beyond the context": {"max_tokens": 500_000},
    "max_completion_tokens absurd": {"max_completion_tokens": 10**12},
    "n zero": {"n": 0},
    "n absurd": {"n": 10**9},
    "n of another type": {"n": []},
    "user of another type": {"user": 5},
    "over-long prompt": {"messages": [{"role": "user", "content": "word " * 60_000}]},
}
PROMPTS: dict[str, Any] = {
    "empty": "",
    "no tokens": [],
    "a number": 5,
    "null": None,
    "mixed": [1, "a"],
    "negative ids": [-1],
    "huge ids": [10**25],
    "an empty list in it": [[]],
    "objects": [{}],
    "negative ids within": [[-1]],
    "fractions": [1.5],
    "long": "word " * 60_000,
}
UNKNOWN: dict[str, Any] = {
    "plain": "nobody",
    "empty": "",
    "braces": "{model}",
    "quotes": "a\"b'c",
    "long": "x" * 10_000,
    "line break": "a\r\nset-cookie: x",
    "snowman": "☃",
    "nul": "\0",
}

tokenizers = pytest.mark.parametrize("tokenizer", ["", "llama3"], ids=["text", "tokens"])


async def refused(running: Running, request: bytes, statuses: tuple[int, ...] = (400,)) -> str:
    """Send it; check the refusal's shape, and that the same connection (where it stays) and a new one still work."""
    async with running.caller() as caller:
        caller.send(request)
        reply = await caller.reply()
        assert reply.status in statuses, reply
        said = json.loads(reply.body)["error"]
        assert set(said) == {"message", "type", "param", "code"}
        assert said["message"][0].isupper() or said["message"].startswith(("`", "'", "x-weir-"))
        assert said["message"].endswith(".")
        assert "Traceback" not in said["message"]
        if reply.headers.get("connection") == "close":
            assert await caller.closed()
        else:
            await served(caller)
    async with running.caller() as other:
        await served(other)
    assert not [seen for replica in running.replicas for seen in replica.seen if b"CHECK" not in seen.body]
    return str(said["message"])


async def served(caller: Caller) -> None:
    """A good request is answered with its own words."""
    word = f"CHECK-{random.random()}"
    reply = await caller.ask(messages=[{"role": "user", "content": word}])
    assert reply.status == 200
    assert word in reply.body.decode()


@tokenizers
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_that_is_not_a_request_is_refused(routers: Routers, body: bytes, tokenizer: str) -> None:
    running = await routers.start(fakes.answer, facts={"tokenizer": tokenizer})
    await refused(running, post(body=body))


@tokenizers
@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
async def test_a_field_that_makes_no_sense_is_refused(routers: Routers, fields: dict[str, Any], tokenizer: str) -> None:
    running = await routers.start(fakes.answer, facts={"tokenizer": tokenizer})
    await refused(running, post(**fields))


@tokenizers
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
async def test_a_prompt_that_makes_no_sense_is_refused(routers: Routers, prompt: object, tokenizer: str) -> None:
    running = await routers.start(fakes.answer, facts={"tokenizer": tokenizer})
    body = json.dumps({"model": "m", "prompt": prompt}).encode()
    await refused(running, post("/v1/completions", body=body))


@pytest.mark.parametrize("model", UNKNOWN.values(), ids=UNKNOWN)
async def test_an_unknown_model_is_a_404_that_names_it(routers: Routers, model: str) -> None:
    running = await routers.start(fakes.answer)
    assert "/v1/models" in await refused(running, post(model=model), (404,))


@pytest.mark.parametrize("path", ["/v1/embeddings", "/tokenize", "/v1/responses"])
async def test_other_paths_check_their_bodies_too(routers: Routers, path: str) -> None:
    running = await routers.start(fakes.answer)
    for body in (b"", b"{}", b'{"model":5}', b'{"model":"m","stream":3}', DEEP, b'{"model":"m","input":"\xff"}'):
        await refused(running, post(path, body=body))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"body": b""}, "is empty; send a JSON object"),
        ({"messages": []}, "`messages`"),
        ({"model": None}, "`model`"),
        ({"max_tokens": 0}, "`max_tokens`"),
        ({"n": 0}, "`n`"),
        ({"messages": [{"role": "user", "content": "word " * 60_000}]}, "8192"),
    ],
)
async def test_a_refusal_names_what_to_change(routers: Routers, fields: dict[str, Any], words: str) -> None:
    running = await routers.start(fakes.answer)
    assert words in await refused(running, post(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": None, "stream": None, "n": None, "user": None},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "x"}]}, *HELLO]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}],
                }
            ]
        },
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": "\ud83d\ude00 ☃ é"}]},
        {"max_tokens": None, "max_completion_tokens": 20},
        {"unknown": {"deep": [[[1]]]}},
        {"n": 3},
        {"messages": [{"role": "user", "content": "<|eot_id|><|begin_of_text|>"}]},
        {"messages": [{"role": "tool", "content": "x"}]},
    ],
)
@tokenizers
async def test_what_is_unusual_and_allowed_is_served(routers: Routers, fields: dict[str, Any], tokenizer: str) -> None:
    running = await routers.start(fakes.answer, facts={"tokenizer": tokenizer, "chat_template": "llama3"})
    async with running.caller() as caller:
        assert (await caller.ask(**fields)).status == 200
    assert running.replicas[0].seen[0].body == post(**fields).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "prompt", ["text", ["text"], ["one", "two"], [1, 2, 3], [[1, 2, 3]], [[1], [2]], "\ud83d\ude00"]
)
@tokenizers
async def test_prompts_of_every_shape_are_served(routers: Routers, prompt: object, tokenizer: str) -> None:
    running = await routers.start(fakes.answer, facts={"tokenizer": tokenizer})
    async with running.caller() as caller:
        caller.send(post("/v1/completions", body=json.dumps({"model": "m", "prompt": prompt}).encode()))
        assert (await caller.reply()).status == 200


START = "POST /v1/chat/completions HTTP/1.1\r\n"
BODY = chat().decode()
HEADS: dict[str, str] = {
    "no request line": "hello\r\n\r\n",
    "tls": "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "tls without an end": "\x16\x03\x01\x02\x00\x01\x00",
    "gzip body": f"{START}Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "http/1.0": "GET /live HTTP/1.0\r\n\r\n",
    "http/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/0.9": "GET /live\r\n\r\n",
    "bare line feed after the request line": "GET /live HTTP/1.1\nHost: x\r\n\r\n",
    "bare line feed between headers": "GET /live HTTP/1.1\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n",
    "bare carriage return": "GET /live HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
    "nul in a header": "GET /live HTTP/1.1\r\nA: b\0c\r\n\r\n",
    "nul in the path": "GET /li\0ve HTTP/1.1\r\n\r\n",
    "space in the path": "GET /live now HTTP/1.1\r\n\r\n",
    "tab for a space": "GET\t/live\tHTTP/1.1\r\n\r\n",
    "folded header": "GET /live HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    "space before the colon": f"{START}Content-Length : 5\r\n\r\nhello",
    "no colon": "GET /live HTTP/1.1\r\nhello\r\n\r\n",
    "no name": "GET /live HTTP/1.1\r\n: b\r\n\r\n",
    "two lengths": f"{START}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "two equal lengths": f"{START}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": f"{START}Content-Length: 5, 5\r\n\r\nhello",
    "negative length": f"{START}Content-Length: -5\r\n\r\nhello",
    "signed length": f"{START}Content-Length: +5\r\n\r\nhello",
    "hex length": f"{START}Content-Length: 0x5\r\n\r\nhello",
    "empty length": f"{START}Content-Length:\r\n\r\nhello",
    "length and chunks": f"{START}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": f"{START}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "gzip coding": f"{START}Transfer-Encoding: gzip\r\n\r\n",
    "two codings": f"{START}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": f"{START}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "odd chunked": f"{START}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": f"{START}Transfer-Encoding: identity\r\n\r\n",
    "two hosts": "GET /live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "odd expectation": f"{START}Expect: wonders\r\nContent-Length: 5\r\n\r\nhello",
    "odd deadline": f"{START}X-Weir-Deadline-Ms: soon\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}",
    "zero deadline": f"{START}X-Weir-Deadline-Ms: 0\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}",
    "many headers": "GET /live HTTP/1.1\r\n" + "A: b\r\n" * 500 + "\r\n",
    "long header": "GET /live HTTP/1.1\r\nA: " + "b" * 100_000 + "\r\n\r\n",
    "endless header": "GET /live HTTP/1.1\r\nA: " + "b" * 1_000_000,
    "endless line": "x" * 1_000_000,
    "length beyond the limit": f"{START}Content-Length: 99999999999\r\n\r\n",
    "length beyond all limits": f"{START}Content-Length: {10**30}\r\n\r\n",
}
CHUNKS: dict[str, bytes] = {
    "not hexadecimal": b"zz\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "prefixed": b"0x5\r\nhello\r\n0\r\n\r\n",
    "signed": b"+5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\nhello\r\n0\r\n\r\n",
    "empty": b"\r\nhello\r\n0\r\n\r\n",
    "too large": b"f" * 16 + b"\r\nhello\r\n0\r\n\r\n",
    "shorter than its data": b"3\r\nhello\r\n0\r\n\r\n",
    "space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "bare line feed in an extension": b"5;\nx\r\nhello\r\n0\r\n\r\n",
    "nul in an extension": b"5;\0\r\nhello\r\n0\r\n\r\n",
    "endless size": b"0" * 20_000,
    "endless extension": b"5;" + b"x" * 20_000,
    "endless trailer": b"0\r\n" + b"a: b\r\n" * 4000,
    "bare line feeds": b"5\nhello\n0\n\n" + b"\r\n" * 2,
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_a_head_that_two_parsers_could_read_differently_is_refused(routers: Routers, head: str) -> None:
    running = await routers.start(fakes.answer, **HASTY)
    await refused(running, head.encode("latin-1"), (400, 408, 413, 415, 417, 426, 431))


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
async def test_chunks_that_are_not_chunks_are_refused(routers: Routers, chunks: bytes) -> None:
    running = await routers.start(fakes.answer)
    await refused(running, f"{START}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)


@pytest.mark.parametrize("hidden", ["GET /hidden HTTP/1.1\r\n\r\n", f"{START}Content-Length: 0\r\n\r\n"])
async def test_a_request_hidden_behind_a_refused_one_is_never_read(routers: Routers, hidden: str) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(f"{START}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}".encode())
        assert (await caller.reply()).status == 400
        assert await caller.closed()


async def test_a_body_over_the_limit_is_a_413_however_it_comes(routers: Routers) -> None:
    running = await routers.start(fakes.answer, max_body_bytes=1000)
    body = chat(messages=[{"role": "user", "content": "x" * 2000}])
    for request in (post(body=body), post_chunked(body), post_chunked(body, 1500), post(body=body)[:200]):
        assert "1000 bytes" in await refused(running, request, (413,))


async def test_a_client_that_sends_a_huge_body_in_one_go_still_reads_the_413(routers: Routers) -> None:
    running = await routers.start(fakes.answer, max_body_bytes=100_000)
    assert "100000 bytes" in await refused(running, post(body=b"x" * 20_000_000), (413,))


@pytest.mark.parametrize(
    "start", [b"P", b"POST /v1/chat/completions HTTP/1.1\r\nHost: x", post()[:-5], post_chunked(chat())[:-9]]
)
async def test_a_client_that_does_not_finish_its_request_is_given_up(routers: Routers, start: bytes) -> None:
    running = await routers.start(fakes.answer, **HASTY)
    async with running.caller() as caller:
        caller.send(start)
        reply = await caller.reply()
        assert (reply.status, reply.json["error"]["type"]) == (408, "invalid_request_error")
        assert await caller.closed()


async def test_a_client_that_sends_a_byte_now_and_then_is_given_up_all_the_same(routers: Routers) -> None:
    running = await routers.start(fakes.answer, **HASTY)
    async with running.caller() as caller, asyncio.timeout(PATIENCE_S):
        caller.send(b"GET /live HTTP/1.1\r\nA: ")
        reading = asyncio.create_task(caller.reply())
        while not reading.done():
            caller.send(b"b")
            await asyncio.sleep(0.05)
        assert reading.result().status == 408


async def test_a_connection_on_which_nothing_is_asked_is_closed(routers: Routers) -> None:
    running = await routers.start(fakes.answer, idle_timeout_s=0.1)
    async with running.caller() as caller:
        assert await caller.closed()


async def test_refused_requests_leak_into_no_other_connections_answers(routers: Routers) -> None:
    running = await routers.start(fakes.answer, fakes.answer)
    bad = [*(post(body=body) for body in BODIES.values()), *(head.encode("latin-1") for head in HEADS.values())]

    async def offend(request: bytes) -> None:
        async with running.caller() as caller:
            caller.send(request)
            await asyncio.sleep(0.01)

    async def behave() -> None:
        async with running.caller() as caller:
            for _ in range(25):
                await served(caller)

    await asyncio.gather(*map(offend, bad), *[behave() for _ in range(4)])


async def test_good_requests_around_a_bad_one_on_one_connection_are_answered_in_order(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(post(user="one"), post(body=b"{"), post(user="two"), post(model="nobody"), post(user="three"))
        replies = [await caller.reply() for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 400, 200, 404, 200]
    assert [word in reply.body.decode() for word, reply in zip(("one", "two", "three"), replies[::2], strict=True)] == [
        True
    ] * 3
