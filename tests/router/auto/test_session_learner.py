"""A learner of whole sessions behind "auto": it hands over, has failed turns cut, and its records teach the next."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.session_logs import sessions
from cli.train_sessions import Worth, session_head
from policies.select.learners import learner
from policies.select.session_q import SessionQ
from policies.select.session_values import SessionValues, Settings
from policies.sessions.failed_turns import failed_turns
from router.auto import offers
from router.auto.facts import MOST_MESSAGES, told
from router.auto.schema import places
from router.auto.session_cuts import MOST_TOLD, TRIED, taken_apart
from router.gateway.body import Limits, parse
from router.record import Recorder
from tests.router.auto.ruled import ruler
from tests.router.auto.test_learned_choice import PRICES, learning
from tests.router.caller import Caller, Reply, chat
from tests.router.fakes import FakeReplica
from tests.router.routers import Routers, Running

WIDTH = Settings().most_failures + 1 + 5 + 2
BIAS = slice(0, 4)  # one of the failures' columns is always 1
COLUMNS = {"small": 0, "large": 1}


def values(clean: int, failed: int) -> dict[str, Any]:
    """A head that takes one action while nothing has failed, and another once something has."""
    weights = np.zeros((4, WIDTH))
    weights[clean, 0], weights[failed, 1:4] = 1.0, 1.0
    held = SessionValues(models=2, settings=Settings(), weights=weights, inverse=np.zeros((4, WIDTH, WIDTH)),
                         noise=np.zeros(4))  # fmt: skip
    return {"version": "v1", "columns": COLUMNS, "values": held.plain()}


FAILING = {"role": "assistant", "tool_calls": [{"function": {"name": "read", "arguments": "{}"}}]}
KINDS: dict[str, list[dict[str, Any]]] = {
    "user": [{"role": "user", "content": "and now?"}],
    "failed": [FAILING, {"role": "tool", "content": "error: é"}],
    "done": [FAILING, {"role": "tool", "content": "here it is"}],
    "says": [{"role": "assistant", "content": "Well."}],
}

SMALL, LARGE, SMALL_CUT, LARGE_CUT = range(4)
HANDS_OVER = {"policy": "session_q", "prices": PRICES, "head": values(SMALL, LARGE_CUT)}
STAYS = {"policy": "session_q", "prices": PRICES, "head": values(SMALL, LARGE)}


def called(name: str, at: int) -> dict[str, Any]:
    return {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": f'{{"at":{at}}}'}}


def conversation(*failed: bool) -> list[dict[str, Any]]:
    """A user's task, and one turn with a tool for each of these: whether it failed."""
    found: list[dict[str, Any]] = [{"role": "user", "content": "mend the build"}]
    for at, bad in enumerate(failed):
        found.append({"role": "assistant", "content": "", "tool_calls": [called("run", at)]})
        said = f"error: no such file {at}" if bad else f"done {at}"
        found.append({"role": "tool", "tool_call_id": f"c{at}", "content": said})
    return found


async def turn(caller: Caller, *failed: bool, session: str = "s", path: str = "/v1/chat/completions") -> Reply:
    own = (f"x-weir-session: {session}", "x-weir-tenant: acme")
    return await caller.ask(path, *own, model="auto", messages=conversation(*failed))


def asked(replica: FakeReplica) -> list[dict[str, Any]]:
    """The messages that a replica was last asked with."""
    return list(json.loads(replica.seen[-1].body)["messages"])


async def test_a_session_begins_with_the_model_that_is_worth_most_to_it(routers: Routers) -> None:
    running, _ = await learning(routers, HANDS_OVER)
    async with running.caller() as caller:
        reply = await turn(caller)
        assert reply.headers["x-weir-model"] == "small"
        assert "x-weir-cut" not in reply.headers
        assert (await turn(caller, False)).headers["x-weir-model"] == "small"


async def test_after_a_failed_turn_another_model_goes_on_without_it(routers: Routers) -> None:
    running, _ = await learning(routers, HANDS_OVER)
    async with running.caller() as caller:
        await turn(caller, False)
        reply = await turn(caller, False, True)
    assert (reply.headers["x-weir-model"], reply.headers["x-weir-cut"]) == ("large", "1")
    said = asked(running.replicas[1])
    assert [each["role"] for each in said] == ["system", "user", "assistant", "tool"]
    assert said[0]["content"] == f'{TRIED}- run {{"at":1}}: error: no such file 1'
    assert said[3]["content"] == "done 0"
    assert running.core.metrics.snapshot().sessions == {"failed-turns-cut": 1}


async def test_what_was_cut_stays_cut_when_the_client_sends_it_again(routers: Routers) -> None:
    running, _ = await learning(routers, HANDS_OVER)
    async with running.caller() as caller:
        await turn(caller, True)
        reply = await turn(caller, True, False)
        assert (reply.headers["x-weir-model"], reply.headers["x-weir-cut"]) == ("small", "1")
        assert [each["role"] for each in asked(running.replicas[0])] == ["system", "user", "assistant", "tool"]
        assert (await turn(caller, True, False, True)).headers["x-weir-cut"] == "2"
    assert running.core.metrics.snapshot().sessions == {"failed-turns-cut": 2}


async def test_a_head_that_says_so_hands_over_and_leaves_the_context_alone(routers: Routers) -> None:
    running, _ = await learning(routers, STAYS)
    async with running.caller() as caller:
        reply = await turn(caller, True)
    assert reply.headers["x-weir-model"] == "large"
    assert asked(running.replicas[1]) == conversation(True)


async def test_without_a_session_nothing_is_cut_for_nothing_would_be_remembered(routers: Routers) -> None:
    running, _ = await learning(routers, HANDS_OVER)
    async with running.caller() as caller:
        reply = await turn(caller, True, session="")
    assert "x-weir-cut" not in reply.headers


async def test_the_record_tells_where_the_session_stood_and_how_likely_the_choice_was(
    routers: Routers, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running, _ = await learning(routers, HANDS_OVER | {"settings": {"epsilon": 0.2}}, recorder=recorder)
    async with running.caller() as caller:
        for _ in range(20):
            await turn(caller, False, True, session=f"s{_}")
    recorder.close()
    choices = [json.loads(line)["choice"] for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    for choice in choices:
        assert choice["readings"]["session_state"]["scores"] | {"context_tokens": 0.0} == {
            "turn": 2.0, "failures": 1.0, "successes": 1.0, "cut": 0.0, "context_tokens": 0.0,
        }  # fmt: skip
        taken = choice["options"][choice["chosen"]]
        best = (taken["model"], taken["intervene"]) == ("large", True)
        assert choice["propensity"] == pytest.approx(0.8 + 0.05 if best else 0.05)
        assert [(one["model"], one["intervene"]) for one in choice["options"]] == [
            ("small", False), ("large", False), ("small", True), ("large", True),
        ]  # fmt: skip
    assert any(choice["why"] == "worth most to the session" for choice in choices)


async def test_other_workers_know_what_was_cut(routers: Routers) -> None:
    running, told = await learning(routers, HANDS_OVER)
    other, _ = await learning(routers, HANDS_OVER)
    async with running.caller() as caller:
        await turn(caller, True)
    ruler(running).tick()
    for message in told:
        ruler(other).hear(message)
    async with other.caller() as caller:
        assert (await turn(caller, True, False)).headers["x-weir-cut"] == "1"


async def test_a_canary_of_whole_sessions_beside_another_learner_cuts_only_in_its_own(routers: Routers) -> None:
    canary = {"policy": "session_q", "share": 0.5}
    learn = {"policy": "epsilon_greedy", "settings": {"epsilon": 0.0}, "prices": PRICES, "canary": canary}
    running, _ = await learning(routers, learn | {"head": values(SMALL, LARGE_CUT)})
    async with running.caller() as caller:
        cut = ["x-weir-cut" in (await turn(caller, True, session=f"s{at}")).headers for at in range(30)]
    assert 5 < sum(cut) < 25


async def run_sessions(running: Running, count: int, turns: int) -> None:
    """Sessions whose second turn fails, and each later one that `small` takes over a failure; rated by their last."""
    async with running.caller() as caller:
        for at in range(count):
            failed: list[bool] = []
            for number in range(turns):
                reply = await turn(caller, *failed, session=f"x{at}")
                spoiled = sum(failed) > int(reply.headers.get("x-weir-cut", 0))
                failed.append(number == 1 or (spoiled and reply.headers["x-weir-model"] == "small"))
            told = json.dumps({"decision": reply.headers["x-weir-decision"], "rating": float(not failed[-1])})
            assert (await caller.ask("/v1/feedback", "x-weir-tenant: acme", body=told.encode())).status == 202
            ruler(running).tick()


async def test_a_routers_own_records_teach_it_to_cut(routers: Routers, tmp_path: Path) -> None:
    """A failed turn spoils every later one of the small model unless it is cut, and the large one is dear."""
    recorder = Recorder(tmp_path / "decisions.jsonl")
    dear = {**PRICES, "large": {"input_usd": 900.0, "output_usd": 900.0}}
    even = {"policy": "session_q", "settings": {"epsilon": 1.0}, "prices": dear, "head": values(SMALL, SMALL)}
    running, _ = await learning(routers, even, recorder=recorder)
    await run_sessions(running, 30, 5)
    recorder.close()
    head = session_head(tmp_path / "decisions.jsonl", Worth(completed_usd=0.1))
    assert (head.models, head.card["sessions"], head.card["turns"]) == (("large", "small"), 30, 150)
    assert head.card["cuts"] > 15
    found, left_out = sessions(tmp_path / "decisions.jsonl")
    assert (len(found), left_out) == (30, 0)
    told = {"version": head.version, "columns": {"large": 0, "small": 1}, "values": head.values.plain()}
    learned, _ = await learning(routers, {"policy": "session_q", "prices": dear, "head": told})
    async with learned.caller() as caller:
        await turn(caller)
        reply = await turn(caller, False, True)
    assert (reply.headers["x-weir-model"], reply.headers["x-weir-cut"]) == ("small", "1")


def test_a_body_that_is_no_conversation_or_another_one_stays_as_it_is() -> None:
    for body in (b"{}", b"[]", b"nonsense", b'{"messages": 3}', b'{"messages": [1, {"role": "user"}]}', b"\xff"):
        assert taken_apart(body, 3) is None


CALL = b'{"role": "assistant", "tool_calls": [{"function": {"name": "read", "arguments": "{}"}}]}'
NO_FILE = b'{"role": "tool", "content": "error: no such file"}'


def test_what_stays_of_a_body_stays_to_the_byte_and_what_failed_is_told_before_the_first_question() -> None:
    talk = [b'{"role":"system","content":"\\u00e9"}', CALL, NO_FILE, b'{"content": [ ],  "role":"user"}', CALL, NO_FILE]
    body = b'{"n" : 1e0,"messages" : [ %b ] , "model":"auto"}' % b" ,\n".join(talk)
    said, found, place = told(body).messages, taken_apart(body, len(talk)), places(body).messages
    assert found is not None
    tells = b'{"role":"system","content":"%b- read {}: error: no such file"}' % TRIED.encode().replace(b"\n", b"\\n")
    left = b",".join([talk[0], tells, *talk[3:]])
    assert found.without([range(1, 3)], said) == b'{"n" : 1e0,"messages" : [%b] , "model":"auto"}' % left
    assert place is not None
    assert taken_apart(body, len(talk), place) == found


@given(st.lists(st.sampled_from(["user", "failed", "done", "says"]), max_size=12), st.integers(0, 12))
def test_what_is_left_is_the_conversation_without_its_failed_turns(talk: list[str], most: int) -> None:
    messages = [one for kind in talk for one in KINDS[kind]]
    body = chat(model="auto", messages=messages)
    said, found = told(body).messages, taken_apart(body, len(messages))
    gone = failed_turns(said)[:most]
    out = {at for turn in gone for at in turn}
    assert found is not None
    left = json.loads(found.without(gone, said))
    kept = [one for at, one in enumerate(messages) if at not in out]
    first = next((at for at, one in enumerate(kept) if one["role"] == "user"), len(kept))
    tells = left["messages"].pop(first)
    assert left == json.loads(body) | {"messages": kept}
    assert tells["content"].startswith(TRIED)
    assert tells["content"].count("\n- ") == min(len(gone), MOST_TOLD)


def test_a_large_body_without_its_failed_turns_is_priced_without_them() -> None:
    messages = [one for kind in ("user", *["failed"] * 900) for one in KINDS[kind]]
    body = chat(model="auto", messages=messages)
    order, found = parse(b"/v1/chat/completions", body, "id", Limits(1 << 20, 8)), taken_apart(body, len(messages))
    assert found is not None
    shorter = found.without(failed_turns(told(body).messages)[:300], told(body).messages)
    assert len(shorter) > offers.LARGE
    exchange = cast("Any", SimpleNamespace(order=order))
    seen = [offers._order(exchange, "m", cast("Any", None), one) for one in (body, shorter)]
    assert [one.text[one.start :] for one in seen] == [one[one.index(b'"messages"') :] for one in (body, shorter)]


async def test_a_conversation_too_long_to_be_known_whole_is_not_cut(routers: Routers) -> None:
    running, _ = await learning(routers, HANDS_OVER)
    talk = [*[{"role": "user", "content": "x"}] * MOST_MESSAGES, *conversation(True)]
    async with running.caller() as caller:
        own = ("x-weir-session: s", "x-weir-tenant: acme")
        reply = await caller.ask("/v1/chat/completions", *own, model="auto", messages=talk)
    assert "x-weir-cut" not in reply.headers
    assert reply.status == 200


def test_two_heads_are_two_policies_by_name() -> None:
    made = learner(HANDS_OVER)
    assert isinstance(made, SessionQ)
    assert made.values is not None
    assert learner({"policy": "session_q"}) == SessionQ()
