"""Cheap first: which answer a client gets, in which form, what it is told, and what both legs cost."""

import asyncio
import json
from math import log
from pathlib import Path
from typing import Any

import pytest

from policies.fleet import MAX_SEQS, WAITING
from policies.select.cascade import Depth
from policies.select.port import Option
from policies.select.rules.deciding import Place
from policies.select.rules.rule import Cascading
from policies.signals.facts import Facts
from router.auto import cascading, leg_bodies
from router.auto.foreseen import foreseen
from router.gateway.body import Limits
from router.record import Recorder
from tests.router import fakes
from tests.router.auto.ruled import FakeClassifier, ruled
from tests.router.auto.test_response_cache import USAGE, says, text_of
from tests.router.caller import Caller, Reply
from tests.router.fakes import FakeReplica, Trick, whole
from tests.router.routers import PROMPT, Routers, Running, core_of, described

RULES = "fallback: {models: [small, large], cascade: {threshold: 0.6, ttft_s: 30}}"
LARGE = "The large model's answer."
SURE, DOUBTFUL = (0.98, 0.01), (0.4, 0.35)  # probabilities of a token and of the next likeliest


def logged(first: float, second: float) -> dict[str, Any]:
    tops = [{"token": "a", "logprob": log(first)}, {"token": "b", "logprob": log(second)}]
    return {"content": [{"token": "a", "logprob": log(first), "top_logprobs": tops}] * 3}


def completion(*texts: str, logprobs: Any = None, **message: Any) -> dict[str, Any]:
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop",
         "logprobs": logprobs}
        for i, text in enumerate(texts)
    ]  # fmt: skip
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "small", "choices": choices, "usage": USAGE}


def by_model(**told: Any) -> Trick:
    """Answers as each model is told to: with a completion, or by a trick of its own."""

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        answer = told[json.loads(body)["model"]]
        return await (says(answer) if isinstance(answer, dict) else answer)(replica, writer, body)

    return trick


async def cascading_on(routers: Routers, small: Any, rules: str = RULES, large: Any = None, **more: Any) -> Running:
    trick = by_model(small=small, large=large or completion(LARGE))
    return await ruled(routers, rules, trick=trick, **more)


async def ask(caller: Caller, **fields: Any) -> Reply:
    said = [{"role": "user", "content": "what is two and two"}]
    return await caller.ask(**{"model": "auto", "messages": said, **fields})


def refusing(status: str) -> Trick:
    """An engine that does not like the request, and says so under that status."""

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        writer.write(whole(b'{"error":{"message":"no"}}', status))
        return True

    return trick


def acts(running: Running) -> dict[str, int]:
    return running.core.metrics.snapshot().cascades


async def test_a_confident_cheap_answer_is_the_answer(routers: Routers) -> None:
    running = await cascading_on(routers, completion("four", logprobs=logged(*SURE)))
    async with running.caller() as caller:
        reply = await ask(caller)
    assert text_of(reply) == "four"
    assert (reply.headers["x-weir-model"], reply.headers["x-weir-cascade"]) == ("small", "keep")
    assert reply.headers["x-weir-replica"] == "r0"
    assert not running.replicas[1].seen
    assert acts(running) == {"keep": 1}


async def test_log_probabilities_are_asked_for_and_not_shown_to_who_did_not_ask(routers: Routers) -> None:
    running = await cascading_on(routers, completion("four", logprobs=logged(*SURE)))
    async with running.caller() as caller:
        plain, asked = await ask(caller), await ask(caller, logprobs=True, top_logprobs=1)
    seen = json.loads(running.replicas[0].seen[0].body)
    assert (seen["logprobs"], seen["top_logprobs"]) == (True, 2)
    assert plain.json["choices"][0]["logprobs"] is None
    tops = [entry["top_logprobs"] for entry in asked.json["choices"][0]["logprobs"]["content"]]
    assert [len(top) for top in tops] == [1, 1, 1]


async def test_a_doubtful_answer_is_thrown_away_and_the_dear_model_asked(routers: Routers) -> None:
    running = await cascading_on(routers, completion("five", logprobs=logged(*DOUBTFUL)))
    async with running.caller() as caller:
        reply = await ask(caller)
    assert text_of(reply) == LARGE
    assert (reply.headers["x-weir-model"], reply.headers["x-weir-cascade"]) == ("large", "escalate")
    assert b"five" not in reply.body
    seen = json.loads(running.replicas[1].seen[0].body)
    assert "logprobs" not in seen
    assert acts(running) == {"escalate": 1}


async def test_a_streaming_client_gets_either_answer_as_a_stream(routers: Routers) -> None:
    running = await cascading_on(routers, completion("four and no more", logprobs=logged(*SURE)))
    async with running.caller() as caller:
        kept = await ask(caller, stream=True, stream_options={"include_usage": True})
    assert text_of(kept) == "four and no more"
    assert json.loads(running.replicas[0].seen[0].body).get("stream") is None
    assert b'"total_tokens":13' in kept.body
    other = await cascading_on(routers, completion("five", logprobs=logged(*DOUBTFUL)))
    async with other.caller() as caller:
        reply = await ask(caller, stream=True)
    assert text_of(reply).strip() == LARGE
    assert json.loads(other.replicas[1].seen[0].body)["stream"] is True


async def test_without_time_the_cheap_answer_stands(routers: Routers) -> None:
    rules = RULES.replace("ttft_s: 30", "ttft_s: 0.000001")
    running = await cascading_on(routers, completion("five", logprobs=logged(*DOUBTFUL)), rules)
    async with running.caller() as caller:
        reply = await ask(caller)
    assert (text_of(reply), reply.headers["x-weir-cascade"]) == ("five", "keep")


async def test_with_time_for_a_shorter_prompt_only_the_prompt_is_shortened(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [Option("small", "p", 0.0), Option("large", "q", 1.0, ttft_s=40.0)]  # half of that is within 30 s
    monkeypatch.setattr(cascading, "foreseen", lambda *_: (options, [Depth(0.0, 1.0)] * 2))
    running = await cascading_on(routers, completion("five", logprobs=logged(*DOUBTFUL)))
    long = " ".join(f"Sentence number {i} says something of its own about topic {i % 7}." for i in range(400))
    async with running.caller() as caller:
        reply = await ask(caller, messages=[{"role": "user", "content": long}])
    assert (text_of(reply), reply.headers["x-weir-cascade"]) == (LARGE, "compress")
    sent = json.loads(running.replicas[1].seen[-1].body)["messages"][0]["content"]
    assert 0.3 * len(long) < len(sent) < 0.55 * len(long)
    assert sent.startswith("Sentence number 0")


async def test_a_queue_longer_than_the_time_that_is_left_keeps_the_cheap_answer(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [Option("small", "p", 0.0), Option("large", "q", 1.0, ttft_s=0.1)]
    monkeypatch.setattr(
        cascading, "foreseen", lambda *_: (options, [Depth(0.0, 1.0), Depth(waiting=20.0, service_s=2.0)])
    )
    running = await cascading_on(routers, completion("five", logprobs=logged(*DOUBTFUL)))
    async with running.caller() as caller:
        assert text_of(await ask(caller)) == "five"


def test_how_busy_a_pool_is_is_what_waits_beyond_its_slots() -> None:
    core = core_of(PROMPT, described("a", "h:1", model="small"), described("b", "h:2", model="small", pool="q"))
    asked = Facts(id="x", model="auto", messages=(), prompt_tokens=100, max_tokens=8)
    places = [Place("small", "p"), Place("large", "q"), Place("small", "q")]
    (option,), (depth,) = foreseen(core, asked, places)
    assert (option.model, depth.waiting) == ("small", 0.0)
    assert 0.0 < option.ttft_s < option.e2e_s
    table = core.fleet.table
    table[:, WAITING] = table[:, MAX_SEQS] + 3.0
    (_,), (busy,) = foreseen(core, asked, places)
    assert busy.waiting == 6.0
    assert busy.service_s > 0.0


async def test_several_answers_that_agree_are_trusted(routers: Routers) -> None:
    rules = RULES.replace("threshold: 0.6", "by: [agreement], answers: 3, threshold: 0.6")
    running = await cascading_on(routers, completion("so\n4", "thus\n4", "hm\n5"), rules)
    async with running.caller() as caller:
        reply = await ask(caller)
    assert json.loads(running.replicas[0].seen[0].body)["n"] == 3
    assert (text_of(reply), len(reply.json["choices"])) == ("so\n4", 1)
    other = await cascading_on(routers, completion("so\n4", "thus\n6", "hm\n5"), rules)
    async with other.caller() as caller:
        assert text_of(await ask(caller)) == LARGE


@pytest.mark.parametrize(("grade", "text"), [("9", "four"), ("2", LARGE), ("10/10", "four"), ("well", LARGE)])
async def test_a_judge_reads_the_answer(routers: Routers, grade: str, text: str) -> None:
    rules = RULES.replace("threshold: 0.6", "by: [judge], judge: large, threshold: 0.6")

    async def large(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        asked = json.loads(body)["messages"]
        said = grade if "You grade answers" in str(asked[0]["content"]) else LARGE
        return await says(completion(said))(replica, writer, body)

    running = await cascading_on(routers, completion("four"), rules, large)
    async with running.caller() as caller:
        assert text_of(await ask(caller)) == text
    shown = json.loads(running.replicas[1].seen[0].body)
    assert "what is two and two" in shown["messages"][1]["content"]
    assert "four" in shown["messages"][1]["content"]


@pytest.mark.parametrize(("unsure", "text"), [(0.0, LARGE), (1.0, "four")])
async def test_an_answer_that_nobody_can_judge_is_as_sure_as_the_rule_says(
    routers: Routers, unsure: float, text: str
) -> None:
    rules = RULES.replace("threshold: 0.6", f"threshold: 0.6, unsure: {unsure}")
    running = await cascading_on(routers, completion("four"), rules)
    async with running.caller() as caller:
        assert text_of(await ask(caller)) == text


@pytest.mark.parametrize("small", [fakes.fail_500, fakes.die_before_head, fakes.die_mid_body, fakes.garbage])
async def test_a_cheap_model_that_fails_is_as_if_it_had_been_doubtful(routers: Routers, small: Trick) -> None:
    running = await cascading_on(routers, small)
    async with running.caller() as caller:
        reply = await ask(caller)
    assert (reply.status, text_of(reply), reply.headers["x-weir-model"]) == (200, LARGE, "large")


async def test_a_cheap_model_that_does_not_answer_in_time_is_given_up(routers: Routers) -> None:
    running = await cascading_on(routers, fakes.slow, RULES.replace("ttft_s: 30", "ttft_s: 30, within_s: 0.05"))
    async with running.caller() as caller:
        assert text_of(await ask(caller)) == LARGE
    await running.until(lambda: running.replicas[0].broken_off == 1)


async def test_a_rule_may_compare_more_answers_than_a_client_may_ask_for(routers: Routers) -> None:
    rules = RULES.replace("threshold: 0.6", "by: [agreement], answers: 3, threshold: 0.6")
    running = await cascading_on(routers, completion("4", "4", "4"), rules)
    running.gateway.limits = Limits(1 << 20, 1)
    async with running.caller() as caller:
        assert text_of(await ask(caller)) == "4"
        assert (await ask(caller, n=2)).status == 400


@pytest.mark.parametrize("status", ["401 Unauthorized", "422 Unprocessable Entity"])
async def test_a_refusal_is_told_under_the_status_that_it_came_with(routers: Routers, status: str) -> None:
    running = await cascading_on(routers, refusing(status))
    async with running.caller() as caller:
        reply = await ask(caller)
    assert (reply.status, reply.json) == (int(status[:3]), {"error": {"message": "no"}})


def test_a_body_is_opened_without_its_messages_and_goes_on_as_it_stands() -> None:
    messages = b'[ {"role": "user",  "content":"\\u00e9"} ]'
    body = b'{"model":"a","messages":%b,"tools":[ ],"n":1,"stream":true,"stop":["\\u00e9"]}' % messages
    told = leg_bodies.asked(body)
    assert told is not None
    leg = leg_bodies.cheap(told, Cascading(by=("agreement",), answers=2))
    assert leg == '{"model":"a","messages":%s,"tools":[ ],"n":2,"stop":["é"]}'.encode() % messages
    assert [leg_bodies.asked(each) for each in (b"[]", b"3", b"{", b"\xff")] == [None] * 4


async def test_what_the_engine_refuses_the_client_is_told(routers: Routers) -> None:
    running = await cascading_on(routers, fakes.refuse_400)
    async with running.caller() as caller:
        reply = await ask(caller)
    assert (reply.status, reply.json) == (400, {"error": {"message": "no"}})
    assert not running.replicas[1].seen
    assert acts(running) == {"refused": 1}


async def test_a_client_that_leaves_ends_the_cheap_leg(routers: Routers) -> None:
    running = await cascading_on(routers, fakes.slow)
    async with running.caller() as caller:
        asking = asyncio.ensure_future(ask(caller))
        await running.until(lambda: running.replicas[0].seen)
        asking.cancel()
        caller.vanish()
        await running.until(lambda: running.replicas[0].broken_off == 1)
    await running.idle()


async def test_a_deadline_in_the_cheap_leg_is_the_requests_deadline(routers: Routers) -> None:
    running = await cascading_on(routers, fakes.slow)
    async with running.caller() as caller:
        said = [{"role": "user", "content": "x"}]
        reply = await caller.ask("/v1/chat/completions", "x-weir-deadline-ms: 100", model="auto", messages=said)
    assert reply.status == 504
    await running.idle()


@pytest.mark.parametrize("fields", [{"n": 2}, {"prompt_logprobs": 1}])
async def test_what_cannot_be_judged_goes_to_the_dear_model_at_once(routers: Routers, fields: dict[str, Any]) -> None:
    running = await cascading_on(routers, completion("five"))
    async with running.caller() as caller:
        assert (await ask(caller, **fields)).headers["x-weir-model"] == "large"
    assert not running.replicas[0].seen
    assert acts(running) == {"unfit": 1}


async def test_with_one_model_left_there_is_no_cascade(routers: Routers) -> None:
    running = await cascading_on(routers, completion("five", logprobs=logged(*DOUBTFUL)))
    running.core.view.set_ready(running.core.fleet.rows["r1"], False)
    async with running.caller() as caller:
        reply = await ask(caller)
    assert (text_of(reply), acts(running)) == ("five", {})


async def test_tool_calls_of_a_kept_answer_come_out_whole(routers: Routers) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"a": 1}'}}
    running = await cascading_on(routers, completion("", logprobs=logged(*SURE), tool_calls=[call]))
    tools = [{"type": "function", "function": {"name": "read"}}]
    async with running.caller() as caller:
        reply = await ask(caller, stream=True, tools=tools)
    events = [json.loads(line.removeprefix(b"data: ")) for line in reply.body.split(b"\n\n")[:-2]]
    deltas = [choice["delta"] for one in events for choice in one["choices"]]
    assert [delta["tool_calls"] for delta in deltas if "tool_calls" in delta] == [[{"index": 0, **call}]]


async def test_one_record_has_the_bills_of_all_legs(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running = await cascading_on(routers, completion("five", logprobs=logged(*DOUBTFUL)), recorder=recorder)
    async with running.caller() as caller:
        reply = await ask(caller)
    recorder.close()
    leg, record = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert leg["choice"] == {"leg_of": reply.headers["x-weir-decision"], "model": "small"}
    told = record["choice"]["cascade"]
    assert (told["act"], told["by"]) == ("escalate", "margin")
    assert told["confidence"] == pytest.approx(0.05, abs=1e-6)
    (bill,) = told["legs"]
    assert (bill["model"], bill["replica"], bill["output_tokens"]) == ("small", "r0", 4)
    assert bill["cost_usd"] > 0.0
    assert (record["chosen"], record["choice"]["model"]) == ("r1", "large")
    assert record["outcome"]["cost_usd"] > 0.0


async def test_the_record_of_a_kept_answer_is_the_cheap_legs(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running = await cascading_on(routers, completion("four", logprobs=logged(*SURE)), recorder=recorder)
    async with running.caller() as caller:
        reply = await ask(caller)
    recorder.close()
    (record,) = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert record["choice"]["decision"] == reply.headers["x-weir-decision"]
    assert record["choice"]["cascade"]["act"] == "keep"
    assert record["chosen"] == "r0"


async def test_whichever_answer_the_client_got_may_be_given_again(routers: Routers) -> None:
    rules = RULES.replace("ttft_s: 30}", "ttft_s: 30}, effects: {cache: {semantic: false}}")
    for small in (completion("four", logprobs=logged(*SURE)), completion("five", logprobs=logged(*DOUBTFUL))):
        running = await cascading_on(routers, small, rules, classifier=FakeClassifier())
        said = [{"role": "user", "content": "what is two and two"}]
        async with running.caller() as caller:
            asked = [
                await caller.ask("/v1/chat/completions", "x-weir-tenant: acme", model="auto", messages=said)
                for _ in range(2)
            ]
        assert text_of(asked[0]) == text_of(asked[1])
        assert [one.headers["x-weir-cache"] for one in asked] == ["miss", "hit"]


async def test_a_reply_that_makes_no_sense_is_no_answer(routers: Routers) -> None:
    async def odd(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        writer.write(whole(b'{"choices": "none"}'))
        return True

    running = await cascading_on(routers, odd)
    async with running.caller() as caller:
        assert text_of(await ask(caller)) == LARGE
