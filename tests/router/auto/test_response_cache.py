"""Answers given again: to the same tenant, to the same question, in the form asked for, and never for tools."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.record import Recorder
from tests.router import fakes
from tests.router.auto.ruled import Clock, FakeClassifier, ruled, ruler
from tests.router.caller import Caller, Reply
from tests.router.fakes import FakeReplica, event, whole
from tests.router.routers import Routers, Running
from weir.rulesfile import rules_of

CACHED = """\
fallback: {models: [small], effects: {cache: {threshold: 0.9, ttl_s: 60}}}
rules:
  - name: long
    when: {signal: context_tokens, at_least: 5000}
    then: {models: [large]}
"""
EXACT = "fallback: {models: [small], effects: {cache: {semantic: false}}}"
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
SAID = "Because short waves scatter more."
TENANT = "x-weir-tenant: acme"


def answered(text: str = SAID, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion as engines have it."""
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "small", "choices": [choice], "usage": USAGE}


def says(told: dict[str, Any]) -> fakes.Trick:
    """Answers every request so, as a stream to whoever asks for one."""

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        if not json.loads(body).get("stream"):
            writer.write(whole(json.dumps(told).encode()))
            return True
        choice = told["choices"][0]
        writer.write(fakes.STREAM_HEAD)
        for word in choice["message"]["content"].split(" "):
            writer.write(event({"model": "small", "choices": [{"index": 0, "delta": {"content": f"{word} "}}]}))
            await asyncio.sleep(0)
        writer.write(event({"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}))
        writer.write(event({"choices": [], "usage": USAGE}) + event("[DONE]") + b"0\r\n\r\n")
        return True

    return trick


async def ask(caller: Caller, text: str = "why is the sky blue", *lines: str, **fields: Any) -> Reply:
    said = [{"role": "user", "content": text}]
    asked = {"model": "auto", "messages": said, **fields}
    return await caller.ask("/v1/chat/completions", *(lines or (TENANT,)), **asked)


async def running_on(routers: Routers, rules: str = CACHED, told: dict[str, Any] | None = None, **more: Any) -> Running:
    return await ruled(routers, rules, trick=says(told or answered()), **more)


def text_of(reply: Reply) -> str:
    """What a reply says, whole or streamed."""
    if not reply.body.startswith(b"data:"):
        return str(reply.json["choices"][0]["message"]["content"])
    events = [line.removeprefix(b"data: ") for line in reply.body.split(b"\n\n") if line]
    assert events.pop() == b"[DONE]"
    deltas = [choice["delta"] for one in events for choice in json.loads(one)["choices"]]
    return "".join(delta.get("content", "") for delta in deltas)


def counts(running: Running) -> dict[str, int]:
    return running.core.metrics.snapshot().cached


async def test_the_same_question_is_answered_again_without_a_replica(routers: Routers) -> None:
    running = await running_on(routers)
    async with running.caller() as caller:
        first, again = await ask(caller), await ask(caller)
    assert (first.headers["x-weir-cache"], again.headers["x-weir-cache"]) == ("miss", "hit")
    assert text_of(again) == text_of(first) == SAID
    assert again.json["usage"] == USAGE | {"cached": True}
    assert again.json["id"] != first.json["id"]
    assert again.headers["x-weir-decision"] != first.headers["x-weir-decision"]
    assert len(running.replicas[0].seen) == 1
    assert counts(running) == {"absent": 1, "kept": 1, "hit": 1}


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False), (True, True)])
async def test_a_hit_comes_in_the_form_asked_for(routers: Routers, before: bool, after: bool) -> None:
    running = await running_on(routers)
    async with running.caller() as caller:
        await ask(caller, stream=before)
        again = await ask(caller, stream=after, stream_options={"include_usage": True} if after else None)
        third = await ask(caller)
    assert again.headers["x-weir-cache"] == "hit"
    assert text_of(again).strip() == SAID
    assert again.headers["content-type"].startswith("text/event-stream" if after else "application/json")
    assert b'"cached":true' in again.body
    assert third.headers["x-weir-cache"] == "hit"


async def test_a_question_of_the_same_meaning_is_answered_again(routers: Routers) -> None:
    classifier = FakeClassifier()
    classifier.vectors = {
        "why is the sky blue": np.array([1.0, 0.0], np.float32),
        "what makes the sky blue": np.array([0.98, 0.199], np.float32),
        "what makes the grass green": np.array([0.7, 0.714], np.float32),
    }
    running = await running_on(routers, classifier=classifier)
    async with running.caller() as caller:
        for text, result in zip(classifier.vectors, ("miss", "hit", "miss"), strict=True):
            assert (await ask(caller, text)).headers["x-weir-cache"] == result
    assert counts(running) == {"miss": 2, "kept": 2, "alike": 1}


async def test_the_very_words_are_not_embedded_again(routers: Routers) -> None:
    classifier = FakeClassifier()
    classifier.vectors = {"why is the sky blue": np.array([1.0, 0.0], np.float32)}
    running = await running_on(routers, classifier=classifier)
    async with running.caller() as caller:
        await ask(caller)
        await ask(caller)
    assert len(classifier.embedded) == 1


async def test_a_classifier_that_is_late_costs_the_meaning_not_the_answer(routers: Routers) -> None:
    running = await running_on(routers, classifier=FakeClassifier())
    async with running.caller() as caller:
        assert (await ask(caller)).status == 200
        assert (await ask(caller)).headers["x-weir-cache"] == "hit"
    assert counts(running) == {"unread": 1, "kept": 1, "hit": 1}


async def test_nobody_gets_another_tenants_answer(routers: Routers) -> None:
    running = await running_on(routers, EXACT)
    async with running.caller() as caller:
        for tenant in ("acme", "other"):
            assert (await ask(caller, "secret", f"x-weir-tenant: {tenant}")).headers["x-weir-cache"] == "miss"
        assert "x-weir-cache" not in (await ask(caller, "secret", "x-other: a")).headers
    assert counts(running)["unfit"] == 1


TOOL = {"type": "function", "function": {"name": "read"}}


@pytest.mark.parametrize(
    "fields", [{"tools": [TOOL]}, {"n": 2}, {"logprobs": True}, {"temperature": 2.0}, {"functions": [{"name": "read"}]}]
)
async def test_what_may_not_be_given_again_is_not_looked_up(routers: Routers, fields: dict[str, Any]) -> None:
    running = await running_on(routers, EXACT)
    async with running.caller() as caller:
        for _ in range(2):
            assert "x-weir-cache" not in (await ask(caller, **fields)).headers
    assert len(running.replicas[0].seen) == 2
    assert counts(running) == {"unfit": 2}


CALL = {"id": "1", "type": "function", "function": {"name": "read", "arguments": "{}"}}


@pytest.mark.parametrize("told", [answered(finish="length"), answered(tool_calls=[CALL]), answered("")])
async def test_a_reply_that_was_cut_or_calls_a_tool_is_not_kept(routers: Routers, told: dict[str, Any]) -> None:
    running = await running_on(routers, EXACT, told)
    async with running.caller() as caller:
        for _ in range(2):
            assert (await ask(caller)).headers["x-weir-cache"] == "miss"
    assert counts(running) == {"miss": 2, "not kept": 2}


async def test_a_stream_that_broke_off_is_not_kept(routers: Routers) -> None:
    running = await ruled(routers, EXACT, trick=fakes.die_mid_stream)
    async with running.caller() as caller:
        reply = asyncio.ensure_future(ask(caller, stream=True))
        with pytest.raises(asyncio.IncompleteReadError):
            await reply
    await running.idle()
    assert "kept" not in counts(running)


async def test_an_error_is_not_kept(routers: Routers) -> None:
    running = await ruled(routers, EXACT, trick=fakes.refuse_400)
    async with running.caller() as caller:
        for _ in range(2):
            assert (await ask(caller)).status == 400
    assert counts(running) == {"miss": 2}


async def test_an_answer_grows_too_old(routers: Routers) -> None:
    running = await running_on(routers)
    clock = ruler(running).clock
    assert isinstance(clock, Clock)
    async with running.caller() as caller:
        await ask(caller)
        clock.now += 59.0
        assert (await ask(caller)).headers["x-weir-cache"] == "hit"
        clock.now += 2.0
        assert (await ask(caller)).headers["x-weir-cache"] == "miss"


async def test_rules_that_cache_no_more_give_nothing_again(routers: Routers) -> None:
    running = await running_on(routers, EXACT)
    async with running.caller() as caller:
        await ask(caller)
        ruler(running).take(rules_of("fallback: {models: [small]}", "r.yaml")[0])
        assert "x-weir-cache" not in (await ask(caller)).headers
        ruler(running).take(rules_of(EXACT, "r.yaml")[0])
        assert (await ask(caller)).headers["x-weir-cache"] == "hit"


async def test_the_record_of_a_hit_says_that_no_replica_was_asked(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running = await running_on(routers, EXACT, recorder=recorder)
    async with running.caller() as caller:
        await ask(caller)
        again = await ask(caller)
    recorder.close()
    miss, hit = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert "cache" not in miss["choice"]
    assert hit["choice"]["cache"] == {"how": "hit", "similarity": 1.0, "age_s": 0.0}
    assert hit["choice"]["decision"] == again.headers["x-weir-decision"]
    assert (hit["candidates"], hit["outcome"]["cost_usd"], hit["outcome"]["output_tokens"]) == ([], 0.0, 4)


async def test_a_long_reply_passes_and_is_not_remembered(routers: Routers) -> None:
    running = await running_on(routers, EXACT, answered("word " * 300_000))
    async with running.caller() as caller:
        for _ in range(2):
            assert (await ask(caller)).headers["x-weir-cache"] == "miss"
    assert counts(running) == {"miss": 2}


async def test_another_model_or_system_prompt_is_another_answer(routers: Routers) -> None:
    running = await running_on(routers, EXACT)
    said = [{"role": "system", "content": "be long"}, {"role": "user", "content": "why is the sky blue"}]
    async with running.caller() as caller:
        await ask(caller)
        assert (await ask(caller, messages=said)).headers["x-weir-cache"] == "miss"
        ruler(running).take(rules_of(EXACT.replace("small", "large"), "r.yaml")[0])
        assert (await ask(caller)).headers["x-weir-cache"] == "miss"


async def test_of_a_long_question_only_the_same_words_are_the_same(routers: Routers) -> None:
    long = "word " * 200
    classifier = FakeClassifier()
    classifier.vectors = {f"{long}{end}": np.array([1.0, 0.0], np.float32) for end in "ab"}
    running = await running_on(routers, classifier=classifier)
    async with running.caller() as caller:
        found = [(await ask(caller, f"{long}{end}")).headers["x-weir-cache"] for end in "aba"]
    assert found == ["miss", "miss", "hit"]
    assert not classifier.embedded
