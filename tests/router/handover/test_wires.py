"""The wire shapes by themselves: what goes on a body, and what is believed of an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.handover import bodies
from router.handover.port import BadAnswer, Pair, host_of, wire_named
from tests.router.handover.splits import ANSWER
from tests.router.routers import described as told
from weir import codec

REPLICA = codec.replica(told("p", "10.0.0.7:8000", role="prefill"))
PAIR = Pair(prefill=REPLICA, decode=None, room=77, bootstrap_port=8998, engine="e")
ODD = b'{"kv_transfer_params":{"a":"\xff"},"0":{"engine_id":"\xff"}}'
DEEP = b'{"kv_transfer_params":{"a":%b},"0":{"a":%b}}' % ((b"[" * 5000 + b"]" * 5000,) * 2)
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)


def test_an_unknown_wire_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="mooncake, nixl, sglang"):
        wire_named("nixel")


@given(answer=st.none() | st.dictionaries(st.sampled_from([*ANSWER, "more"]), VALUES))
def test_no_answer_of_a_prefill_replica_does_more_than_be_refused(answer: dict[str, Any] | None) -> None:
    nixl = wire_named("nixl")
    try:
        places = list(nixl.places(nixl.decode(PAIR, answer)))
    except BadAnswer:
        return
    assert all(isinstance(host, str) and type(port) is int for host, port in places)


@pytest.mark.parametrize("name", ["mooncake", "sglang"])
def test_a_wire_without_an_answer_connects_to_the_prefill_replica_only(name: str) -> None:
    shape = wire_named(name)
    assert list(shape.places(shape.decode(PAIR, None))) == [("10.0.0.7", 8998)]


@given(
    cached=st.integers(0, 10**6), said=st.integers(0, 10**6), space=st.sampled_from(["", " "]), more=st.text(max_size=9)
)
def test_counting_the_cached_tokens_of_the_other_leg_keeps_every_length(
    cached: int, said: int, space: str, more: str
) -> None:
    data = f'{{"text":{json.dumps(more)},"d":{{"cached_tokens":{space}{said}}}}}'.encode()
    one = bodies.as_one(data, cached)
    assert len(one) == len(data)
    expected = cached if len(str(cached)) <= len(str(said)) else said
    assert json.loads(one) == {"text": more, "d": {"cached_tokens": expected}}


def test_a_prefill_leg_asks_for_one_token_of_the_same_prompt() -> None:
    asked = {"model": "m", "messages": [], "stream": True, "max_completion_tokens": 9, "n": 2, "min_tokens": 4}
    more = {"tools": [1], "temperature": 0.5, "stream_options": {"include_usage": True}, "logprobs": True}
    body = json.loads(bodies.prefill_body(json.dumps({**asked, **more}).encode(), {"x": 1}))
    assert body == {
        "model": "m", "messages": [], "tools": [1], "temperature": 0.5, "stream": False, "max_tokens": 1, "x": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"kv_transfer_params":[1]}', b'{"usage":3}', b"\xff", ODD, DEEP]
)
def test_an_answer_that_cannot_be_read_is_empty(content: bytes) -> None:
    assert (bodies.answer(content).kv_transfer_params, bodies.answer(content).cached) == (None, -1)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"0":3}', b'{"0":{}}', ODD, DEEP])
def test_a_bootstrap_server_that_names_no_engine_names_none(content: bytes) -> None:
    assert bodies.engine(content) == ""


@pytest.mark.parametrize(("address", "host"), [("10.0.0.7:80", "10.0.0.7"), ("[::1]:80", "::1"), ("name:1", "name")])
def test_an_addresss_host_is_what_stands_before_its_port(address: str, host: str) -> None:
    assert host_of(address) == host
