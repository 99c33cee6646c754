"""Large bodies: read by a process beside the gateway, and answered as if they had been read here."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from policies.signals.reading import Reading
from router.apart.answer import HEAD, SHORT, TAIL, Ask, Digest, Wrong, shortened
from router.apart.reader import Reader
from router.auto.facts import told
from router.auto.schema import places
from router.gateway.body import Limits, parse, tokenise
from router.gateway.server import MOST_AT_ONCE
from router.order import Order
from tests.router import fakes
from tests.router.auto.ruled import FakeClassifier, ruled
from tests.router.caller import chat, post
from tests.router.routers import Routers
from weir.tokenizer import tokenizer

LONG = "word " * 40_000
CHAT = b"/v1/chat/completions"
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("read", "rm")]
TURNS = [{"role": role, "content": f"turn {at} {LONG[:at]}"} for at in range(700) for role in ("user", "assistant")]


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()
    made._stop()


def ask(**more: Any) -> Ask:
    return Ask(CHAT, "id", 1 << 20, 128, **more)


def noted(order: Order) -> dict[str, object]:
    beside = {"text", "chat", "digest", "tokens", "messages", "prompt"}
    return {name: getattr(order, name) for name in dir(order) if name[0] != "_" and name not in beside}


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": LONG}]},
        {"messages": TURNS, "tools": TOOLS, "user": "u", "stream": True, "cache_salt": "salt"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "what is it"}, {"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": "日本語 \u200b" * 999}], "stream": True, "stop": ["end"]},
    ],
)
def test_a_body_read_apart_is_the_order_that_it_is_here(reader: Reader, fields: dict[str, Any]) -> None:
    body = chat(**fields)
    here, found = parse(CHAT, body, "id", Limits(1 << 20, 128)), reader.ask(ask(ruled=True), body)
    assert isinstance(found, Order)
    assert noted(found) == noted(here)
    assert found.text is body
    assert found.tokens is None
    assert isinstance(found.digest, Digest)
    assert found.digest.places_of(body) == places(body)
    assert found.digest.places_of(body + b" ") is None
    said = told(body)
    assert found.digest.told == said._replace(messages=tuple(shortened(said.messages)))


def test_tokens_are_counted_apart_too(reader: Reader) -> None:
    body = chat(messages=[{"role": "user", "content": "bread and butter " * 99}])
    here = parse(CHAT, body, "id", Limits(1 << 20, 128))
    tokenise(here, "", tokenizer("qwen3"))
    found = reader.ask(ask(vocabulary="qwen3"), body)
    assert isinstance(found, Order)
    assert found.tokens is not None
    assert here.tokens is not None
    assert list(found.tokens) == list(here.tokens)
    unknown = reader.ask(ask(vocabulary="no-such-vocabulary"), body)
    assert isinstance(unknown, Order)
    assert unknown.tokens is None


def test_what_is_refused_here_is_refused_apart(reader: Reader) -> None:
    assert reader.ask(ask(), b"{") == Wrong(
        "The body is not valid JSON (Input data was truncated); send a JSON object in UTF-8.", "", False
    )
    foreign = reader.ask(ask(), chat(kv_transfer_params={"remote_host": "x"}))
    assert isinstance(foreign, Wrong)
    assert foreign.foreign
    assert foreign.param == "kv_transfer_params"


def test_a_process_that_ended_is_started_again(reader: Reader) -> None:
    assert isinstance(reader.ask(ask(), chat()), Order)
    first = reader._process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert reader.ask(ask(), chat()) is None
    assert isinstance(reader.ask(ask(), chat()), Order)
    assert reader._process is not first


def test_a_process_that_takes_too_long_is_ended(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.apart.reader.PATIENCE_S", 0.0)
    assert reader.ask(ask(), chat()) is None
    assert reader._process is None
    monkeypatch.undo()
    assert isinstance(reader.ask(ask(), chat()), Order)


def test_only_what_signals_look_at_is_kept_at_length() -> None:
    many = [{"role": "user", "content": "a" * 100_000}, {"role": "system", "content": "b" * 1000}]
    many += [{"role": "user", "content": "c" * 50_000}, {"role": "tool", "content": "d" * 1000}]
    many += [{"role": "user", "content": "e" * 50_000 + "f" * 50_000}]
    lengths = [len(message.text) for message in shortened(told(chat(messages=many)).messages)]
    assert lengths == [SHORT, 1000, 50_000, SHORT, HEAD + TAIL + 1]


async def test_a_large_request_is_served_like_any_other(routers: Routers) -> None:
    running = await routers.start(fakes.answer, tokens="estimate", facts={"context_limit": 1 << 25})
    async with running.caller() as caller:
        body = chat(messages=[{"role": "user", "content": LONG * 2}])
        caller.send(post(body=body), post(body=body), post(body=chat()))  # one behind another: each waits for its own
        for _ in range(3):
            assert (await caller.reply()).status == 200
    assert [len(one.body) for one in running.replicas[0].seen] == [len(body), len(body), len(chat())]
    assert running.replicas[0].seen[0].body == body


async def test_a_large_body_that_is_wrong_is_refused_and_the_connection_kept(routers: Routers) -> None:
    running = await routers.start(fakes.answer, tokens="estimate", facts={"context_limit": 1 << 25})
    async with running.caller() as caller:
        caller.send(post(body=chat(messages=[], user="u" * 300_000)))
        reply = await caller.reply()
        assert reply.status == 400
        assert "`messages` is empty" in reply.json["error"]["message"]
        assert reply.headers["x-request-id"]
        assert (await caller.ask()).status == 200


async def test_a_large_prompt_is_counted_where_prompts_are(routers: Routers) -> None:
    facts = {"tokenizer": "qwen3", "context_limit": 1 << 20}
    running = await routers.start(fakes.answer, facts=facts)
    async with running.caller() as caller:
        body = chat(messages=[{"role": "user", "content": LONG}])
        assert len(body) > MOST_AT_ONCE
        caller.send(post(body=body))
        assert (await caller.reply(10.0)).status == 200
    assert running.replicas[0].seen[0].body == body


async def test_rules_choose_for_a_large_body_and_change_nothing_else(routers: Routers) -> None:
    classifier = FakeClassifier({"difficulty": Reading(0.9)})
    running = await ruled(routers, classifier=classifier)
    messages = [{"role": "user", "content": "before"}, *TURNS[:20], {"role": "user", "content": LONG}]
    async with running.caller() as caller:
        caller.send(post(body=chat(model="auto", messages=messages)))
        reply = await caller.reply(10.0)
    assert (reply.status, reply.headers["x-weir-model"], reply.headers["x-weir-rule"]) == (200, "large", "hard")
    seen = json.loads(running.replicas[1].seen[0].body)
    assert seen["messages"] == [{"role": "system", "content": "Think."}, *messages]
    assert seen["chat_template_kwargs"] == {"enable_thinking": True}
    (_, question, before), *_ = classifier.asked
    assert question == f"{LONG[:HEAD]}\n{LONG[-TAIL:]}"
    assert before == TURNS[18]["content"]


async def test_a_large_body_is_renamed_where_a_rewrite_says_so(routers: Routers) -> None:
    facts = {"context_limit": 1 << 25}
    running = await routers.start(fakes.answer, tokens="estimate", facts=facts, rewrites=(("alias", (("m", 1),)),))
    body = chat(model="alias", messages=[{"role": "user", "content": LONG * 2}])
    async with running.caller() as caller:
        caller.send(post(body=body))
        assert (await caller.reply()).status == 200
    assert json.loads(running.replicas[0].seen[0].body) == {**json.loads(body), "model": "m"}


async def test_a_client_that_leaves_meanwhile_is_forgotten(routers: Routers) -> None:
    running = await routers.start(fakes.answer, tokens="estimate")
    caller = running.caller()
    await caller.__aenter__()
    caller.send(post(body=chat(messages=[{"role": "user", "content": LONG * 2}])))
    await running.until(lambda: any(client.exchange for client in running.gateway.clients))
    caller.vanish()
    await running.until(lambda: not running.gateway.clients)
    assert not running.replicas[0].seen


async def test_where_the_process_ends_the_body_is_read_here_and_that_is_said(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    running = await routers.start(fakes.answer, tokens="estimate", facts={"context_limit": 1 << 25})
    running.core.complaints._tell = said.append
    monkeypatch.setattr(Reader, "ask", lambda *_: None)
    async with running.caller() as caller:
        caller.send(post(body=chat(messages=[{"role": "user", "content": LONG * 2}])))
        assert (await caller.reply()).status == 200
        caller.send(post(body=chat(messages=[], user="u" * 300_000)))
        assert (await caller.reply()).status == 400
    assert said == ["the process that reads large bodies ended: one is read on the loop"]


async def test_where_reading_apart_fails_in_any_way_the_body_is_read_here(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("the pipe says what nobody understands")

    running = await routers.start(fakes.answer, tokens="estimate", facts={"context_limit": 1 << 25})
    running.core.complaints._tell = lambda _: None
    monkeypatch.setattr(Reader, "ask", fails)
    async with running.caller() as caller:
        caller.send(post(body=chat(messages=[{"role": "user", "content": LONG * 2}])))
        assert (await caller.reply()).status == 200


async def test_small_bodies_start_no_process(routers: Routers) -> None:
    running = await routers.start(fakes.answer, tokens="estimate")
    async with running.caller() as caller:
        assert (await caller.ask()).status == 200
    assert running.gateway._large is None
