"""A replica lost in the middle of a stream: the client sees one stream, every token of it once."""

import asyncio
import json
from typing import Any

import pytest

from tests.router import fakes, speakers
from tests.router.caller import post
from tests.router.fakes import Trick
from tests.router.routers import Routers, Running
from tests.router.speakers import ANSWER, IDS, PROMPT, TEXT, each, speaks

GREEDY: dict[str, Any] = {"stream": True, "temperature": 0, "max_tokens": 40}
USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}
CHAT, TEXTS = "/v1/chat/completions", "/v1/completions"


def asked(path: str, **fields: Any) -> dict[str, Any]:
    """A request's fields on either path."""
    given = {"messages": None, "prompt": "hello"} if path == TEXTS else {}
    return {**GREEDY, **given, **fields}


async def told(running: Running, path: str = CHAT, **fields: Any) -> list[Any]:
    """What each event of one stream says, which has to be whole."""
    async with running.caller() as caller:
        reply = await caller.ask(path, **asked(path, **fields))
    assert reply.status == 200
    *events, end = reply.body.split(b"\n\n")
    assert end == b""
    assert events.pop() == b"data: [DONE]"
    return [json.loads(one.removeprefix(b"data: ")) for one in events]


def text(events: list[Any]) -> str:
    """What they say, put together."""
    choices = [one["choices"][0] for one in events if one["choices"]]
    return "".join(one["text"] if "text" in one else one["delta"]["content"] for one in choices)


@pytest.mark.parametrize("path", [CHAT, TEXTS])
@pytest.mark.parametrize("how", [speakers.reset, speakers.half, speakers.bad_chunk, speakers.engine_error])
@pytest.mark.parametrize("until", [1, 2, 3, 4, 8, 11, 12])
async def test_another_replica_goes_on_where_one_broke_off(
    routers: Routers, path: str, how: speakers.Break, until: int
) -> None:
    running = await routers.start(*[each(speaks(until, how), speaks())] * 2)
    events = await told(running, path, **USAGE)
    assert text(events) == TEXT
    assert events[-1]["usage"] | {"prompt_tokens_details": None} == {
        "prompt_tokens": 3, "completion_tokens": ANSWER, "total_tokens": 3 + ANSWER, "prompt_tokens_details": None,
    }  # fmt: skip
    assert [one["choices"][0]["finish_reason"] for one in events[:-1]][-1] == "stop"
    assert len({(one["id"], one["created"], one["model"]) for one in events}) == 1
    assert sum("role" in one["choices"][0].get("delta", {}) for one in events[:-1]) == (path == CHAT)
    assert sum(len(one.seen) for one in running.replicas) == (1 if until > ANSWER - (path == TEXTS) else 2)


async def test_a_stream_that_breaks_twice_is_continued_twice(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(4), speaks(3), speaks())] * 3)
    assert text(await told(running)) == TEXT
    assert [len(one.seen) for one in running.replicas] == [1, 1, 1]


async def test_a_stream_that_falls_silent_is_continued(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(5, speakers.stall), speaks())] * 2, stall_s=0.3)
    assert text(await told(running)) == TEXT
    assert "stall" in running.core.metrics.continuations


async def test_what_is_asked_of_the_next_replica_is_the_rest(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(6), speaks())] * 2)
    await told(running, min_tokens=9, seed=7, top_p=0.5, stop=[], ignore_eos=True, logit_bias={"5": 1}, user="me")
    (rest,) = [json.loads(seen.body) for one in running.replicas for seen in one.seen if b'"prompt"' in seen.body]
    said = len(rest["prompt"]) - len(PROMPT)
    assert rest["prompt"] == PROMPT + IDS[:said]
    assert (rest["max_tokens"], rest["min_tokens"]) == (40 - said, 9 - said)
    assert {key: rest[key] for key in ("seed", "top_p", "ignore_eos", "logit_bias", "user", "temperature")} == {
        "seed": 7, "top_p": 0.5, "ignore_eos": True, "logit_bias": {"5": 1}, "user": "me", "temperature": 0,
    }  # fmt: skip
    assert "messages" not in rest


async def test_the_clients_bound_holds_over_both_replicas(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(4), speaks())] * 2)
    events = await told(running, max_tokens=8, **USAGE)
    assert events[-1]["usage"]["completion_tokens"] == 8
    assert events[-2]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("together", [2, 3, 5])
@pytest.mark.parametrize("until", [1, 2, 3])
async def test_events_of_several_tokens_are_said_again_but_not_passed_on_twice(
    routers: Routers, together: int, until: int
) -> None:
    running = await routers.start(*[each(speaks(until, together=together), speaks(together=2))] * 2)
    assert text(await told(running)) == TEXT


@pytest.mark.parametrize("pieces", [2, 3, 20])
async def test_several_events_in_one_read_are_told_apart(routers: Routers, pieces: int) -> None:
    running = await routers.start(*[each(speaks(9, pieces=pieces, gap_s=0.01), speaks(pieces=4))] * 2)
    assert text(await told(running)) == TEXT


@pytest.mark.parametrize("path", [CHAT, TEXTS])
async def test_the_client_sees_no_token_ids_unless_it_asked_for_them(routers: Routers, path: str) -> None:
    running = await routers.start(*[each(speaks(5), speaks())] * 2)
    for one in await told(running, path):
        assert not one.get("prompt_token_ids")
        assert not [one for one in one["choices"] if one.get("token_ids") or one.get("prompt_token_ids")]


@pytest.mark.parametrize("path", [CHAT, TEXTS])
@pytest.mark.parametrize("together", [1, 2, 3])
@pytest.mark.parametrize("until", [2, 3, 4])
async def test_a_client_that_asked_for_token_ids_has_each_of_them_once(
    routers: Routers, path: str, together: int, until: int
) -> None:
    running = await routers.start(*[each(speaks(until, together=together), speaks(together=4 - together))] * 2)
    events = await told(running, path, return_token_ids=True)
    ids = [token for one in events for token in one["choices"][0].get("token_ids") or ()]
    first = events[0] if path == CHAT else events[0]["choices"][0]
    assert (ids, first["prompt_token_ids"]) == (IDS, PROMPT)


async def test_a_stop_strings_held_back_text_is_said_again_and_skipped(routers: Routers) -> None:
    running = await routers.start(*[each(held_back(6, 4), held_back(99, 4))] * 2)
    assert text(await told(running, stop=["never"])) == TEXT


def held_back(until: int, lag: int) -> Trick:
    """An engine that keeps the last `lag` characters back until it is through, as vLLM does for stop strings."""

    async def trick(replica: fakes.FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        given = json.loads(body)
        said = len(given["prompt"]) - 3 if "prompt" in given else 0
        head = {"id": "c", "object": "o", "created": 1, "model": "m"}
        writer.write(fakes.STREAM_HEAD)
        held = ""
        for number, position in enumerate(range(said, ANSWER)):
            if number == until:
                writer.transport.abort()
                return False
            held += speakers.word(position)
            last = position == ANSWER - 1
            sure = len(held) if last else max(len(held) - lag, 0)
            piece = {"delta": {"content": held[:sure]}} if "messages" in given else {"text": held[:sure]}
            finish = {"finish_reason": "stop" if last else None, "token_ids": [speakers.token(position)]}
            writer.write(fakes.event({**head, "choices": [{**piece, **finish}], "prompt_token_ids": PROMPT}))
            held = held[sure:]
            await asyncio.sleep(0.001)
        writer.write(fakes.event("[DONE]") + b"0\r\n\r\n")
        return True

    return trick


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2}, {"tools": [{"type": "function", "function": {"name": "f"}}]}, {"logprobs": True}, {"echo": True},
        {"response_format": {"type": "json_object"}}, {"structured_outputs": {"regex": "a"}}, {"guided_regex": "a"},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"return_token_ids": False},
    ],
    ids=str,
)  # fmt: skip
async def test_what_another_replica_could_not_go_on_with_is_sent_as_it_came_and_told_as_broken(
    routers: Routers, fields: dict[str, Any]
) -> None:
    running = await routers.start(speaks(5))
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT, **fields)))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b'"type":"upstream_error"' in data
    seen = running.replicas[0].seen
    assert len(seen) == 1
    assert b'"return_token_ids":true' not in seen[0].body


async def test_the_setting_turns_it_off(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(5), speaks())] * 2, continuation=False)
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT)))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b'"type":"upstream_error"' in data
    assert sum(len(one.seen) for one in running.replicas) == 1


async def test_an_engine_that_tells_no_ids_is_passed_through_and_not_continued(routers: Routers) -> None:
    running = await routers.start(each(speaks(ids=False), speaks(4, ids=False)))
    assert text(await told(running)) == TEXT
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT)))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b'"type":"upstream_error"' in data


async def test_an_engine_that_refuses_the_rest_is_made_up_for_by_another(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(5), fakes.refuse_400, fakes.fail_500, speaks())] * 3)
    assert text(await told(running)) == TEXT


async def test_when_nobody_can_go_on_the_client_is_told(routers: Routers) -> None:
    running = await routers.start(speakers.refuses_unless_chat(speaks(5)), retries=3)
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT)))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b'"type":"upstream_error"' in data
    assert not data.endswith(b"0\r\n\r\n")


async def test_an_empty_retry_budget_ends_the_stream(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(5), speaks())] * 2)
    running.gateway.budget = 0.0
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT)))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b'"type":"upstream_error"' in data


async def test_the_deadline_ends_a_continued_stream_as_any_other(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(5), speaks(3, speakers.stall))] * 2)
    async with running.caller() as caller:
        caller.send(post(CHAT, "X-Weir-Deadline-Ms: 500", **asked(CHAT)))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b"w4" in data
    assert not data.endswith(b"0\r\n\r\n")


async def test_a_replica_that_says_something_else_is_not_mixed_in(routers: Routers) -> None:
    async def lies(replica: fakes.FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        other = {"choices": [{"index": 0, "text": " other", "token_ids": [1]}]}
        writer.write(fakes.STREAM_HEAD + fakes.event(other))
        await replica.let_go.wait()
        return True

    running = await routers.start(*[each(speaks(2, together=5), lies)] * 2)
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT)))
        data = await asyncio.wait_for(caller.reader.read(), 30)
    assert b"other" not in data
    assert b'"type":"upstream_error"' in data


async def test_continuing_leaves_no_load_behind_and_is_counted(routers: Routers) -> None:
    running = await routers.start(*[each(speaks(5), speaks(), speaks(6), speaks())] * 2)
    for _ in range(2):
        await told(running)
    await running.idle()
    assert running.core.metrics.continuations == {"reset": 2}
    assert not running.core.metrics.broken
