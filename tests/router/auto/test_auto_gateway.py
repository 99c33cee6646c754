"""Requests for "auto": which model serves them, what their reply and record say, and what is passed on untouched."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from policies.signals.reading import UNKNOWN, Reading
from router.complaints import Complaints
from router.record import Recorder
from tests.router import fakes
from tests.router.auto.ruled import RULES, FakeClassifier, ruled, ruler
from tests.router.caller import chat, post
from tests.router.routers import Routers
from weir.rulesfile import rules_of

HARD = {"difficulty": Reading(0.9)}
EASY = {"difficulty": Reading(0.1)}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("read", "rm")]


async def test_a_request_for_auto_goes_to_the_fallback_where_no_rule_fires(routers: Routers) -> None:
    running = await ruled(routers, classifier=FakeClassifier(EASY))
    async with running.caller() as caller:
        reply = await caller.ask(model="auto", temperature=0.25)
    assert reply.status == 200
    assert (reply.headers["x-weir-model"], reply.headers["x-weir-rule"]) == ("small", "fallback")
    assert reply.headers["x-weir-replica"] == "r0"
    assert reply.headers["x-weir-decision"]
    assert running.replicas[0].seen[0].body == chat(model="small", temperature=0.25)


async def test_a_rule_that_fires_decides_the_model_and_what_is_done_to_the_request(routers: Routers) -> None:
    running = await ruled(routers, classifier=FakeClassifier(HARD))
    async with running.caller() as caller:
        reply = await caller.ask(model="auto")
    assert (reply.headers["x-weir-model"], reply.headers["x-weir-rule"]) == ("large", "hard")
    seen = json.loads(running.replicas[1].seen[0].body)
    assert seen["messages"][0] == {"role": "system", "content": "Think."}
    assert seen["messages"][1:] == json.loads(chat())["messages"]
    assert seen["chat_template_kwargs"] == {"enable_thinking": True}


async def test_tools_are_filtered_and_headers_set_by_a_rule(routers: Routers) -> None:
    running = await ruled(routers)
    async with running.caller() as caller:
        reply = await caller.ask("/v1/chat/completions", "x-tier: tin", model="auto", tools=TOOLS)
    assert reply.headers["x-weir-rule"] == "tools"
    seen = running.replicas[1].seen[0]
    assert [tool["function"]["name"] for tool in json.loads(seen.body)["tools"]] == ["read"]
    assert seen.header("x-tier") == "gold"
    assert seen.head.lower().count(b"x-tier") == 1


async def test_requests_that_name_a_model_are_as_they_were(routers: Routers) -> None:
    running = await ruled(routers, classifier=FakeClassifier(HARD))
    async with running.caller() as caller:
        reply = await caller.ask(model="small")
    assert "x-weir-rule" not in reply.headers
    assert running.replicas[0].seen[0].body == chat(model="small")


async def test_a_signal_is_read_only_where_a_rule_still_needs_it(routers: Routers) -> None:
    classifier = FakeClassifier(EASY)
    running = await ruled(routers, classifier=classifier)
    talk = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "two"},
    ]
    async with running.caller() as caller:
        await caller.ask(model="auto", tools=TOOLS)
        assert classifier.asked == []
        await caller.ask(model="auto", messages=talk)
    assert classifier.asked == [(frozenset({"difficulty"}), "two", "one")]


@pytest.mark.parametrize(
    ("told", "why"), [({}, "late"), ({}, "died"), ({"difficulty": UNKNOWN}, "unread"), ({}, "full")]
)
async def test_without_readings_the_request_goes_on_and_the_metric_says_why(
    routers: Routers, told: dict[str, Reading], why: str
) -> None:
    running = await ruled(routers, classifier=FakeClassifier(told, why))
    running.core.complaints = Complaints(lambda said: None)
    async with running.caller() as caller:
        reply = await caller.ask(model="auto")
    assert (reply.status, reply.headers["x-weir-rule"]) == (200, "fallback")
    assert running.core.metrics.snapshot().unread == {why: 1}


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("unread", "nothing here reads difficulty: what asks for it does not fire"),
        ("absent", "the classifier is not there: requests are decided without difficulty"),
        ("died", "the classifier has died: requests are decided without difficulty"),
        ("late", ""),
        ("light", ""),
    ],
)
async def test_readings_that_nobody_makes_are_named_once(routers: Routers, why: str, said: str) -> None:
    heard: list[str] = []
    running = await ruled(routers, classifier=FakeClassifier({}, why))
    running.core.complaints = Complaints(heard.append)
    async with running.caller() as caller:
        for _ in range(3):
            assert (await caller.ask(model="auto")).status == 200
    assert [one.startswith(said) for one in heard] == ([True] if said else [])


async def test_without_a_classifier_learned_rules_do_not_fire(routers: Routers) -> None:
    running = await ruled(routers)
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).headers["x-weir-rule"] == "fallback"
    assert running.core.metrics.snapshot().unread == {"absent": 1}
    assert running.core.metrics.snapshot().chosen == {"fallback": 1}


async def test_a_client_that_leaves_while_its_request_is_read_is_forgotten(routers: Routers) -> None:
    classifier = FakeClassifier(HARD, hold=True)
    running = await ruled(routers, classifier=classifier)
    async with running.caller() as caller:
        caller.send(post(model="auto"))
        await running.until(lambda: classifier.held)
        caller.vanish()
        await running.until(lambda: not running.gateway.clients)
    classifier.let_go()
    assert not running.replicas[1].seen


async def test_requests_behind_one_that_is_read_wait_their_turn(routers: Routers) -> None:
    classifier = FakeClassifier(EASY, hold=True)
    running = await ruled(routers, classifier=classifier)
    async with running.caller() as caller:
        caller.send(post(model="auto", user="first"), post(model="small", user="second"))
        await running.until(lambda: classifier.held)
        await asyncio.sleep(0.01)
        assert not running.replicas[0].seen
        classifier.let_go()
        assert [(await caller.reply()).status for _ in range(2)] == [200, 200]
    assert [json.loads(seen.body)["user"] for seen in running.replicas[0].seen] == ["first", "second"]


async def test_other_rules_are_in_place_between_two_requests(routers: Routers) -> None:
    classifier = FakeClassifier(EASY, hold=True)
    running = await ruled(routers, classifier=classifier)
    async with running.caller() as caller:
        caller.send(post(model="auto"))
        await running.until(lambda: classifier.held)
        ruler(running).take(rules_of("fallback: {models: [large]}\nnames: [auto, best]", "n.yaml")[0])
        classifier.let_go()
        assert (await caller.reply()).headers["x-weir-model"] == "small"
        assert (await caller.ask(model="best")).headers["x-weir-model"] == "large"
        caller.send(b"GET /v1/models HTTP/1.1\r\n\r\n")
        assert {"auto", "best", "small", "large"} == {one["id"] for one in (await caller.reply()).json["data"]}
    assert classifier.rules.names == {"auto", "best"}


async def test_the_record_says_the_rule_and_the_readings(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running = await ruled(routers, classifier=FakeClassifier(HARD), recorder=recorder)
    async with running.caller() as caller:
        reply = await caller.ask(model="auto")
        decision = reply.headers["x-weir-decision"]
        taken = await caller.ask("/v1/feedback", body=json.dumps({"decision": decision, "rating": 0.5}).encode())
    assert taken.status == 202
    recorder.close()
    record, verdict = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert record["choice"]["rule"] == "hard"
    assert record["choice"]["decision"] == decision
    assert record["choice"]["asked"] == "auto"
    assert record["choice"]["readings"]["difficulty"] == {"value": 0.9, "label": ""}
    assert record["request"]["model"] == "large"
    assert verdict == {"feedback": decision, "rating": 0.5}


POOLS = """\
fallback: {models: [small, large], pools: [q]}
roles: {owner: {}, guest: {deny_models: [large]}, none: {}}
"""


async def test_pools_fence_a_model_and_the_next_one_serves(routers: Routers) -> None:
    running = await ruled(routers, POOLS)
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "large"


async def test_a_role_to_which_nothing_is_open_is_refused(routers: Routers) -> None:
    running = await ruled(routers, POOLS.replace(", none: {}", ""))
    async with running.caller() as caller:
        reply = await caller.ask(model="auto")
        assert (reply.status, reply.json["error"]["code"]) == (403, "denied")
        assert (await caller.ask(model="small")).status == 200
    assert running.core.metrics.snapshot().refused == {"denied": 1}


async def test_a_model_without_a_ready_replica_is_passed_over(routers: Routers) -> None:
    running = await ruled(routers, "fallback: {models: [large, small]}")
    running.core.view.set_ready(running.core.fleet.rows["r1"], False)
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "small"


async def test_a_price_limit_leaves_the_dearer_model_out(routers: Routers) -> None:
    running = await ruled(
        routers,
        RULES.replace("models: [large], effects: {drop", "models: [large], at_most_usd: 1.0e-12, effects: {drop"),
    )
    async with running.caller() as caller:
        assert (await caller.ask(model="auto", tools=TOOLS)).headers["x-weir-rule"] == "fallback"


@pytest.mark.parametrize("trick", [fakes.stream, fakes.answer], ids=["stream", "whole"])
async def test_streams_and_whole_replies_both_say_who_chose(routers: Routers, trick: fakes.Trick) -> None:
    running = await ruled(routers, trick=trick)
    async with running.caller() as caller:
        reply = await caller.ask(model="auto", stream=trick is fakes.stream)
    assert (reply.status, reply.headers["x-weir-model"]) == (200, "small")


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "completion": ("/v1/completions", {"model": "auto", "prompt": "hello", "max_tokens": 4}),
    "responses": ("/v1/responses", {"model": "auto", "input": "hello", "previous_response_id": "r"}),
    "messages": ("/v1/messages", {"model": "auto", "system": "s", "messages": [{"role": "user", "content": "x"}]}),
    "embeddings": ("/v1/embeddings", {"model": "auto", "input": ["a", "b"]}),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_every_path_that_names_a_model_may_name_auto(routers: Routers, kind: str) -> None:
    path, body = BODIES[kind]
    running = await ruled(routers)
    async with running.caller() as caller:
        reply = await caller.ask(path, body=json.dumps(body).encode())
    assert (reply.status, reply.headers["x-weir-model"]) == (200, "small")
    assert json.loads(running.replicas[0].seen[0].body) == {**body, "model": "small"}


async def test_a_prompt_too_long_for_the_first_model_goes_to_one_that_takes_it(routers: Routers) -> None:
    running = await ruled(routers, "fallback: {models: [small, large]}")
    running.core.models["small"].context_limit = 100
    async with running.caller() as caller:
        said = [{"role": "user", "content": "word " * 200}]
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "small"
        assert (await caller.ask(model="auto", messages=said)).headers["x-weir-model"] == "large"


async def test_half_of_a_pair_is_no_text_for_auto_either(routers: Routers) -> None:
    running = await ruled(routers)
    async with running.caller() as caller:
        assert (await caller.ask(model="auto", messages=[{"role": "user", "content": "\ud800"}])).status == 400


async def test_a_body_that_is_wrong_is_refused_as_ever(routers: Routers) -> None:
    running = await ruled(routers)
    async with running.caller() as caller:
        assert (await caller.ask(model="auto", messages=[])).status == 400
        assert (await caller.ask(model="auto", max_tokens=-1)).status == 400


ODD = {
    "a line of ten megabytes": "x" * 10_000_000,
    "zero width": "\u200b\u200d\ufeff" * 1000,
    "base64": "QUJD" * 10_000,
    "mixed scripts": "hello привет 你好 שלום مرحبا " * 200,
    "nothing": "",
    "control characters": "\x00\x01\x1b[31m",
    "a million lines": "\n" * 1_000_000,
}
LOOKS = (
    RULES
    + """\
  - name: odd
    priority: 1
    when:
      any:
        - {signal: hidden_characters, at_least: 10}
        - {signal: encoded_run, at_least: 500}
        - {signal: script, is: [mixed]}
        - {signal: language, is: [mixed]}
        - {signal: code}
    then: {models: [large]}
"""
)


@pytest.mark.parametrize("what", ODD)
async def test_odd_texts_are_served(routers: Routers, what: str) -> None:
    running = await ruled(routers, LOOKS, classifier=FakeClassifier(EASY))
    async with running.caller() as caller:
        reply = await caller.ask(model="auto", messages=[{"role": "user", "content": ODD[what]}])
    assert reply.status == 200
    assert reply.headers["x-weir-rule"] in ("odd", "fallback")
    if what in ("zero width", "base64", "mixed scripts"):
        assert reply.headers["x-weir-rule"] == "odd"
