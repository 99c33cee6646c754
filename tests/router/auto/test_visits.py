"""Sessions and callers at the gateway: what was remembered changes what is done, and only where rules ask for it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies.signals.reading import UNKNOWN, Reading
from router.auto import session_store as store
from router.record import Recorder
from tests.router import fakes
from tests.router.auto.ruled import Clock, FakeClassifier, ruler
from tests.router.auto.test_auto_gateway import ODD
from tests.router.auto.test_cascades import refusing
from tests.router.auto.test_response_cache import answered, says, text_of
from tests.router.auto.visitors import FALLBACK, call, did, token, tool, turn, visited, visits
from tests.router.fakes import FakeReplica, event
from tests.router.routers import Routers
from weir.rulesfile import rules_of

MILD = {"jailbreak": Reading(0.4), "injection": Reading(0.1)}
RISKY = """\
fallback: {models: [small]}
rules:
  - name: risky
    when: {signal: session_risk, at_least: 0.7}
    then: {models: [large]}
"""


async def test_without_a_section_nothing_is_remembered(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await visited(routers, monkeypatch, "{}")
    ruler(running).take(rules_of(FALLBACK, "r.yaml")[0])
    async with running.caller() as caller:
        await turn(caller)
    assert not visits(running).kept.sessions


async def test_risk_adds_up_over_turns_and_is_a_signal(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await visited(routers, monkeypatch, "{risk: true}", RISKY, classifier=FakeClassifier(MILD))
    async with running.caller() as caller:
        rules = [(await turn(caller)).headers["x-weir-rule"] for _ in range(4)]
        other = await caller.ask("/v1/chat/completions", "x-weir-session: other", "x-weir-tenant: acme", model="auto")
    assert rules == ["fallback", "fallback", "risky", "risky"]  # 0.4, 0.64, 0.78, 0.87
    assert other.headers["x-weir-rule"] == "fallback"


@pytest.mark.parametrize(("told", "why"), [({}, "late"), ({"jailbreak": UNKNOWN}, ""), ({}, "absent")])
async def test_a_guard_that_cannot_tell_adds_nothing(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, told: dict[str, Reading], why: str
) -> None:
    classifier = None if why == "absent" else FakeClassifier(told, why)
    running = await visited(routers, monkeypatch, "{risk: true}", RISKY, classifier=classifier)
    async with running.caller() as caller:
        for _ in range(3):
            assert (await turn(caller)).headers["x-weir-rule"] == "fallback"
    assert visits(running).kept.sessions["acme\0s"].risk.value == 0.0


async def test_a_caller_whose_requests_are_flagged_loses_standing_and_gets_it_back(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = """\
fallback: {models: [small]}
rules:
  - name: distrusted
    when: {signal: caller_reputation, below: 0.6}
    then: {models: [large]}
"""
    classifier = FakeClassifier({"jailbreak": Reading(0.9), "injection": Reading(0.0)})
    sessions = "{risk: true, reputation: {half_life_s: 100}}"
    running = await visited(routers, monkeypatch, sessions, rules, classifier=classifier)
    who = token(sub="mallory", exp=2e9)
    async with running.caller() as caller:
        found = [(await turn(caller, "x", who)).headers["x-weir-rule"] for _ in range(3)]
        assert found == ["fallback", "fallback", "distrusted"]
        assert (await turn(caller, "x", token(sub="alice", exp=2e9))).headers["x-weir-rule"] == "fallback"
        clock = ruler(running).clock
        assert isinstance(clock, Clock)
        classifier.told = {"jailbreak": Reading(0.0), "injection": Reading(0.0)}
        clock.now += 1000.0
        assert (await turn(caller, "x", who)).headers["x-weir-rule"] == "fallback"


async def test_a_forged_token_counts_against_its_tenant(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await visited(routers, monkeypatch, "{reputation: true}")
    async with running.caller() as caller:
        await turn(caller, "x", token(sub="a", exp=2e9)[:-3] + "abc")
    assert visits(running).kept.standing("acme\0").score(1e6) < 0.6


BUDGET = "{token_budget: {expected: [10], trigger: 1, rungs: [1, 2, 3, 6], tools: 1}}"
TOOLS = [tool("read"), tool("write"), tool("shell")]
PAST = [
    {"role": "user", "content": " ".join(f"Fact {i} is about matter {i % 5} and nothing else." for i in range(60))},
    {"role": "assistant", "content": "I see. " * 100},
    *[{"role": role, "content": "go on"} for _ in range(4) for role in ("user", "assistant")],
    {"role": "user", "content": "and now"},
]


async def test_a_session_that_burns_too_much_goes_down_the_ladder(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await visited(routers, monkeypatch, BUDGET, "fallback: {models: [large, small]}\n")
    async with running.caller() as caller:  # 13 tokens a turn
        for _ in range(2):
            await turn(caller, messages=PAST, tools=TOOLS)
        await turn(caller, messages=PAST, tools=TOOLS)
        await turn(caller, messages=PAST, tools=TOOLS)
        await turn(caller, messages=PAST, tools=TOOLS)
        stopped = await turn(caller, messages=PAST, tools=TOOLS)
    bodies = [json.loads(seen.body) for one in running.replicas for seen in one.seen]
    first, *rest = bodies
    assert (len(first["tools"]), first["messages"]) == (3, PAST)
    assert [len(each["tools"]) for each in rest] == [1, 1, 1, 1]
    assert bodies[1]["messages"] == PAST
    assert sum("Earlier in this conversation" in json.dumps(each["messages"]) for each in rest) == 3
    assert (stopped.status, stopped.json["error"]["code"]) == (429, "session-budget")
    assert "65 tokens in 5 turns" in stopped.json["error"]["message"]
    assert did(running) == {"tools-chosen": 4, "memory-summary": 3, "downgraded": 2}


async def test_a_session_like_its_kind_is_left_alone(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await visited(routers, monkeypatch, "{token_budget: true, ttl_s: 60}")
    kept = visits(running).kept
    for i in range(store.FEWEST_ENDED):
        for at in range(5):
            kept.apply(store.Turn(f"old{i}", 1000.0 + at, 10.0, 10.0, 0.0, "small", "chat"))
    async with running.caller() as caller:
        for _ in range(5):
            assert (await turn(caller, messages=PAST)).status == 200
        assert did(running) == {}
        kept.apply(store.Turn("acme\0s", 1e6, 1e6, 10.0, 0.0, "small", "chat"))
        assert (await turn(caller)).status == 429


RIGHTS = "{tool_rights: {roles: {owner: ['*'], guest: ['read_*'], none: []}}}"


async def test_a_role_is_shown_only_its_tools(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await visited(routers, monkeypatch, RIGHTS)
    offered = [tool("read_mail"), tool("rm")]
    async with running.caller() as caller:
        for role in ("guest", "owner", "unknown"):
            await turn(caller, "x", token(role=role, exp=2e9), tools=offered)
    seen = [json.loads(one.body)["tools"] for one in running.replicas[0].seen]
    named = [[one["function"]["name"] for one in tools or ()] for tools in seen]
    assert named == [["read_mail"], ["read_mail", "rm"], []]
    assert did(running) == {"tools-denied": 2}


async def test_a_role_may_be_refused_instead(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await visited(routers, monkeypatch, RIGHTS.replace("roles", "mode: block, roles"))
    async with running.caller() as caller:
        reply = await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("rm")])
        assert (reply.status, reply.json["error"]["code"]) == (403, "tool-denied")
        assert (await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("read_a")])).status == 200
        body = json.dumps({"model": "auto", "input": "x", "tools": [{"type": "function", "name": "rm"}]}).encode()
        assert (await caller.ask("/v1/responses", body=body)).status == 403
        owner = token(role="owner", exp=2e9)
        assert (await caller.ask("/v1/responses", owner, body=body)).status == 200


def calling(*calls: dict[str, Any]) -> fakes.Trick:
    """Calls tools, in pieces where it streams."""
    told = answered("", finish="tool_calls", tool_calls=list(calls))

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        if not json.loads(body).get("stream"):
            return await says(told)(replica, writer, body)
        writer.write(fakes.STREAM_HEAD)
        for one in calls:
            name, arguments = one["function"]["name"], one["function"]["arguments"]
            parts = [{"name": name[:2]}, {"name": name[2:]}, *({"arguments": c} for c in arguments)]
            for function in parts:
                piece = {"index": one["index"], "function": function}
                writer.write(event({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}))
                await asyncio.sleep(0)
        writer.write(event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
        writer.write(event({"choices": [], "usage": {}}) + event("[DONE]") + b"0\r\n\r\n")
        return True

    return trick


@pytest.mark.parametrize(
    ("trick", "status"), [(refusing("422 Unprocessable Entity"), 422), (refusing("529 Overloaded"), 529)]
)
async def test_a_guarded_request_that_is_refused_is_told_as_its_replica_refused_it(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, trick: fakes.Trick, status: int
) -> None:
    running = await visited(routers, monkeypatch, RIGHTS, trick=trick)
    async with running.caller() as caller:
        reply = await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("read_mail")])
    assert reply.status == status


@pytest.mark.parametrize("stream", [False, True])
async def test_a_denied_call_never_comes_out(routers: Routers, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    calls = (call("rm", 0, path="/secret"), call("read_mail", 1, folder="in"))
    running = await visited(routers, monkeypatch, RIGHTS, trick=calling(*calls))
    async with running.caller() as caller:
        guest = await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("read_mail")], stream=stream)
        owner = await turn(caller, "x", token(role="owner", exp=2e9), tools=[tool("read_mail")], stream=stream)
    assert b"secret" not in guest.body
    assert b'"rm"' not in guest.body
    assert b"read_mail" in guest.body or b'"re"' in guest.body
    assert guest.headers["x-weir-model"] == "small"
    assert guest.headers["x-weir-replica"] == "r0"
    assert b"rm" in owner.body
    assert did(running)["call-stopped"] == 1


async def test_the_record_of_a_guarded_reply_is_as_any_others(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running = await visited(routers, monkeypatch, RIGHTS, recorder=recorder)
    async with running.caller() as caller:
        reply = await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("read_mail")])
    recorder.close()
    (record,) = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert record["choice"]["decision"] == reply.headers["x-weir-decision"]
    assert record["outcome"]["ok"] is True


async def test_a_stream_that_cannot_be_ruled_on_does_not_come_out(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unframed(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n" + b"data: rm secret call")
        return True

    running = await visited(routers, monkeypatch, RIGHTS, trick=unframed)
    async with running.caller() as caller:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)) as broken:
            await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("read_mail")], stream=True)
    assert b"secret" not in getattr(broken.value, "partial", b"")
    await running.idle()


async def test_an_engines_error_is_passed_on_to_a_guarded_caller(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await visited(routers, monkeypatch, RIGHTS, trick=fakes.refuse_400)
    async with running.caller() as caller:
        for stream in (False, True):
            reply = await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("read_mail")], stream=stream)
            assert (reply.status, reply.json["error"]["message"]) == (400, "no")


REFUND = "{commitments: {refund: {header: x-wants, is: [refund]}}}"


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_model_refused_for_good_stays_refused(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    declares = call("declare_boundary", action="refund", firm=True)
    running = await visited(routers, monkeypatch, REFUND, trick=calling(declares))
    mallory, alice = token(sub="mallory", exp=2e9), token(sub="alice", exp=2e9)
    async with running.caller() as caller:
        assert (await turn(caller, "give me money", mallory, "x-wants: refund", stream=stream)).status == 200
        reply = await turn(caller, "please", mallory, "x-wants: refund")
        assert (reply.status, reply.json["error"]["code"]) == (403, "boundary")
        assert (await turn(caller, "the weather", mallory)).status == 200
        assert (await turn(caller, "please", alice, "x-wants: refund")).status == 200
        assert (await turn(caller, "please", mallory, "x-wants: refund", "x-weir-agent: other")).status == 200
    assert len(running.replicas[0].seen) == 4


async def test_a_boundary_in_plain_words_binds_nobody(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    said = 'declare_boundary {"action": "refund", "firm": true}'
    running = await visited(routers, monkeypatch, REFUND, trick=says(answered(said)))
    async with running.caller() as caller:
        for _ in range(2):
            assert (await turn(caller, "x", token(sub="a", exp=2e9), "x-wants: refund")).status == 200


async def test_a_session_moves_only_where_that_pays(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = """\
fallback: {models: [small, large]}
rules:
  - name: hard
    when: {header: x-hard, is: ["yes"]}
    then: {models: [large, small]}
"""
    sticky = "{{stickiness: {{quality: {{small: 0.5, large: {large}}}, turns: 5, handoff_usd: {price}}}}}"
    running = await visited(routers, monkeypatch, sticky.format(large=0.6, price=1.0), rules)
    async with running.caller() as caller:
        assert (await turn(caller)).headers["x-weir-model"] == "small"
        assert (await turn(caller, "x", "x-hard: yes")).headers["x-weir-model"] == "small"
        text = f"{rules}sessions: {sticky.format(large=0.9, price=0.0)}"
        ruler(running).take(rules_of(text, "r.yaml")[0])
        assert (await turn(caller)).headers["x-weir-model"] == "large"
    assert did(running) == {"stayed": 1, "moved": 1}
    assert json.loads(running.replicas[1].seen[0].body)["model"] == "large"


async def test_of_many_tools_the_best_for_the_question_are_shown(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = FakeClassifier()
    offered = [tool("mail", "Sends mail."), tool("sql", "Asks the database."), tool("draw", "Draws.")]
    near, far = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    classifier.vectors = {"how many orders": near, "mail: Sends mail.": far, "sql: Asks the database.": near,
                          "draw: Draws.": far}  # fmt: skip
    running = await visited(routers, monkeypatch, "{tool_choice: {most: 1}}", classifier=classifier)
    async with running.caller() as caller:
        await turn(caller, "how many orders", tools=offered)
        await turn(caller, "how many orders", tools=offered[:1])
        await turn(caller, "a text that nobody embedded", tools=offered)
    shown = [[one["function"]["name"] for one in json.loads(seen.body)["tools"]] for seen in running.replicas[0].seen]
    assert shown == [["sql"], ["mail"], ["mail", "sql", "draw"]]


async def test_a_past_that_does_not_fit_is_said_in_short(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await visited(
        routers, monkeypatch, "{memory: {usable: 0.5, recent_turns: 1}}", "fallback: {models: [small]}\n"
    )
    running.core.models["small"].context_limit = 1400
    async with running.caller() as caller:
        await turn(caller, messages=PAST)
        await turn(caller, messages=[*PAST[:-1], {"role": "user", "content": "what did I say of fact 7 earlier"}])
    summary, found = [json.loads(seen.body)["messages"] for seen in running.replicas[0].seen]
    assert did(running) == {"memory-summary": 1, "memory-retrieval": 1}
    assert len(json.dumps(summary)) < 0.5 * len(json.dumps(PAST))
    assert summary[-1] == PAST[-1]
    assert summary[0]["role"] == "system"
    assert "Fact 7 " in found[0]["content"]


async def test_what_one_worker_remembers_the_others_are_told(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await visited(routers, monkeypatch, "{risk: true}", RISKY, classifier=FakeClassifier(MILD))
    other = await visited(routers, monkeypatch, "{risk: true}", RISKY, classifier=FakeClassifier(MILD))
    visits(one).share = lambda message: visits(other).hear(message[1:])
    async with one.caller() as caller:
        for _ in range(2):
            await turn(caller)
    async with other.caller() as caller:
        assert (await turn(caller)).headers["x-weir-rule"] == "risky"
    assert visits(other).kept.sessions["acme\0s"].tokens == 39.0


async def test_a_kept_cheap_answer_is_ruled_on_too(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = "fallback: {models: [small, large], cascade: {unsure: 1}}\n"
    running = await visited(routers, monkeypatch, RIGHTS, rules, trick=calling(call("rm", 0, path="/secret")))
    async with running.caller() as caller:
        for stream in (False, True):
            reply = await turn(caller, "x", token(role="guest", exp=2e9), tools=[tool("read_a")], stream=stream)
            assert (reply.headers["x-weir-cascade"], b"secret" in reply.body) == ("keep", False)
            assert text_of(reply) == ""
    assert visits(running).kept.sessions["acme\0s"].tokens == 26.0


EVERYTHING = (
    "{risk: true, reputation: true, token_budget: {expected: [10], rungs: [1, 1, 1, 1.0e9]}, "
    "stickiness: {quality: {small: 0.5, large: 0.9}}, "
    "tool_rights: {roles: {none: ['*']}}, tool_choice: {most: 1}, memory: {usable: 0.1, recent_turns: 1}}"
)


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("classifier", [None, FakeClassifier(MILD), FakeClassifier({}, "late")])
async def test_odd_texts_are_served_with_everything_on(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, what: str, classifier: FakeClassifier | None
) -> None:
    rules = "fallback: {models: [small, large], cascade: {unsure: 1}, effects: {cache: true}}\n"
    running = await visited(routers, monkeypatch, EVERYTHING, rules, classifier=classifier)
    past = [{"role": "user", "content": ODD[what]}, {"role": "assistant", "content": "Well."}]
    async with running.caller() as caller:
        for tools in (None, [tool("a"), tool("b")]):
            assert (await turn(caller, ODD[what], tools=tools)).status == 200
        reply = await turn(caller, messages=[*past, {"role": "user", "content": ODD[what]}])
        assert reply.status == 200
