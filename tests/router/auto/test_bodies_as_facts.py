"""Bodies read and rewritten: facts of every form of request, and no byte changed but those that a rule changes."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.rules.rule import Effects
from policies.signals.facts import Facts
from router.auto.claims import claims
from router.auto.facts import facts, previous_question
from router.auto.rewriting import rewritten, with_headers
from router.gateway import head as heads
from router.order import Order

HEAD = heads.parse(b"POST /v1/chat/completions HTTP/1.1\r\nX-Team: red\r\nX-Weir-Budget-Usd: 0.5\r\nX-Weir-Tenant: t")


def read(body: dict[str, Any] | bytes, told: dict[str, str] | None = None) -> Facts:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return facts(Order("id", "auto", raw, tenant="t"), HEAD, raw, told or {})


def test_a_chat_is_read_with_its_tools_calls_and_failures() -> None:
    found = read({
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {}}]},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "run"}}]},
            {"role": "tool", "content": "Error: no such file"},
            {"role": "tool", "content": "fine"},
        ],
        "tools": [{"type": "function", "function": {"name": "run"}}, {"name": "read", "input_schema": {}}],
        "response_format": {"type": "json_schema"}, "max_completion_tokens": 7, "max_tokens": 9,
    })  # fmt: skip
    assert [message.role for message in found.messages] == ["system", "user", "assistant", "tool", "tool"]
    assert found.messages[1].images == 1
    assert found.messages[2].tool_calls == ("run",)
    assert [message.failed for message in found.messages] == [False, False, False, True, False]
    assert (found.tools, found.response_format, found.max_tokens) == (("run", "read"), "json_schema", 7)
    assert found.visual_tokens > 0


def test_other_paths_say_the_same_in_other_members() -> None:
    assert read({"prompt": "hello"}).last_user_text() == "hello"
    chained = read({"input": "hello", "instructions": "Be kind.", "previous_response_id": "r1"})
    assert (chained.system_text(), chained.last_user_text(), chained.previous_response) == ("Be kind.", "hello", "r1")
    listed = read({"input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]},
                             {"type": "function_call_output", "output": "error: no"}]})  # fmt: skip
    assert (listed.last_user_text(), listed.messages[1].failed) == ("x", True)
    assert read({"system": "s", "messages": [{"role": "user", "content": "q"}]}).system_text() == "s"


def test_headers_and_tenant_are_the_requests_own_unless_a_token_says_more() -> None:
    found = read({"prompt": "x"})
    assert found.headers["x-team"] == "red"
    assert found.headers["x-weir-budget-usd"] == "0.5"
    assert found.tenant == "t"
    assert read({"prompt": "x"}, {"tenant": "signed"}).tenant == "signed"


def test_the_question_before_the_newest_is_known() -> None:
    talk = [{"role": "user", "content": text} for text in ("one", "two", "three")]
    assert previous_question(read({"messages": talk})) == "two"
    assert previous_question(read({"messages": talk[:1]})) == ""


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["role", "content", "type", "text", "tool_calls", "function", "name", "is_error"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
MEMBERS = ["messages", "input", "prompt", "system", "instructions", "tools", "response_format", "max_tokens",
           "previous_response_id"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=5))
def test_any_json_is_read_without_failing(body: dict[str, Any]) -> None:
    assert isinstance(read(body), Facts)


def test_the_model_alone_is_changed_wherever_it_stands() -> None:
    for body in (
        b'{"model":"auto","prompt":"model"}',
        b'{ "prompt" : "\\"model\\":\\"auto\\"" , "model"  :  "auto" , "x" : {"model":"auto"} }',
        b'{"mod\\u0065l":"auto","prompt":"x"}',
    ):
        made = rewritten(body, 'la"rge', Effects())
        at = made.index(b'"la\\"rge"')
        assert json.loads(made)["model"] == 'la"rge'
        assert len(made) == len(body) + len(b'"la\\"rge"') - len(b'"auto"')
        assert body.startswith(made[:at])


def test_of_two_models_the_one_that_counts_is_changed() -> None:
    assert json.loads(rewritten(b'{"model":"x","model":"auto"}', "m", Effects()))["model"] == "m"


BODY = (
    b'{"messages" : [ {"role":"user","content":"hi"} ],'
    b'"tools": [{"function":{"name":"a"}}, {"name":"b"}],"model":"auto"}'
)


def test_effects_change_what_they_are_about_and_nothing_else() -> None:
    made = json.loads(rewritten(BODY, "m", Effects(system_prompt='Say "no".', reasoning=False, keep_tools=("b",))))
    assert made["messages"] == [{"role": "system", "content": 'Say "no".'}, {"role": "user", "content": "hi"}]
    assert made["tools"] == [{"name": "b"}]
    assert made["chat_template_kwargs"] == {"enable_thinking": False}


def test_tools_that_are_all_dropped_are_none() -> None:
    assert json.loads(rewritten(BODY, "m", Effects(drop_tools=("a", "b"))))["tools"] is None
    assert json.loads(rewritten(b'{"model":"auto","tools":null}', "m", Effects(drop_tools=("a",))))["tools"] is None


def test_what_a_client_says_of_reasoning_itself_stands() -> None:
    body = b'{"model":"auto","chat_template_kwargs":{"enable_thinking":true}}'
    assert json.loads(rewritten(body, "m", Effects(reasoning=False)))["chat_template_kwargs"]["enable_thinking"] is True


def test_a_rules_header_takes_the_place_of_the_clients() -> None:
    made = with_headers(HEAD.forward, Effects(headers={"x-team": "blue", "x-new": "1"}))
    assert b"x-team: red" not in made.lower()
    assert made.endswith(b"x-team: blue\r\nx-new: 1\r\n")
    assert with_headers(HEAD.forward, Effects()) == HEAD.forward


SECRET = b"secret"


def token(told: Any, key: bytes = SECRET, alg: str = "HS256") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": alg}, told)]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.new(key, signed, hashlib.sha256).digest()).rstrip(b"=")
    return f"Bearer {(signed + b'.' + signature).decode()}"


def test_a_token_that_is_signed_by_us_tells_its_claims() -> None:
    assert claims(token({"role": "owner", "n": 1, "exp": 200}), SECRET, 100.0) == {"role": "owner"}


@pytest.mark.parametrize("bad", [
    "", "Bearer", "Bearer x", "Bearer a.b.c", "Basic abc", "Bearer \ud800.é.x", token({"role": "x"}, b"other"),
    token({"role": "x"}, alg="none"), token({"role": "x", "exp": 99}), token({"role": "x", "nbf": 101}),
    token(["role"]), token({"role": "x", "exp": "soon"}), "Bearer " + "a" * 9000,
])  # fmt: skip
def test_a_token_that_is_not_tells_nothing(bad: str) -> None:
    assert claims(bad, SECRET, 100.0) == {}


def test_without_a_secret_no_token_is_believed() -> None:
    assert claims(token({"role": "x"}, b""), b"", 100.0) == {}
