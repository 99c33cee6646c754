"""Clients that would say themselves where an engine is to fetch KV from."""

import json
from typing import Any

import pytest

from router.gateway.body import BadRequest, ForeignKv, Limits, parse
from tests.router import fakes
from tests.router.routers import Routers

CHAT, TEXTS = "/v1/chat/completions", "/v1/completions"
OWN = {"do_remote_prefill": True, "remote_host": "169.254.169.254", "remote_port": 80}
FOREIGN: list[tuple[str, Any]] = [
    ("kv_transfer_params", OWN),
    ("kv_transfer_params", {}),
    ("ec_transfer_params", {"peer": "169.254.169.254:80"}),
    ("bootstrap_host", "169.254.169.254"),
    ("bootstrap_host", ["10.0.0.1"]),
    ("bootstrap_port", 80),
    ("bootstrap_room", 7),
    ("vllm_xargs", {"kv_transfer_params": OWN}),
]
LIMITS = Limits(1 << 20, 128)


def parsed(path: str, **fields: Any) -> None:
    text = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "prompt": "x", **fields})
    parse(path.encode(), text.encode(), "id", LIMITS)


@pytest.mark.parametrize("path", [CHAT, TEXTS, "/v1/responses"])
@pytest.mark.parametrize(("field", "value"), FOREIGN)
def test_what_only_the_router_may_say_is_refused_on_every_path(path: str, field: str, value: Any) -> None:
    with pytest.raises(ForeignKv, match=f"`{field}`") as refused:
        parsed(path, **{field: value})
    assert refused.value.param == field


@pytest.mark.parametrize("field", [field for field, _ in FOREIGN])
def test_a_null_says_nothing(field: str) -> None:
    parsed(CHAT, **{field: None})


def test_other_arguments_of_vllm_go_through() -> None:
    parsed(CHAT, vllm_xargs={"repetition": 3, "words": ["a", 1.5]})


def test_a_name_written_with_escapes_is_the_same_name() -> None:
    text = '{"model":"m","prompt":"x","kv\\u005ftransfer_params":{"remote_host":"169.254.169.254"}}'
    with pytest.raises(ForeignKv):
        parse(TEXTS.encode(), text.encode(), "id", LIMITS)
    text = '{"model":"m","prompt":"x","vllm_xargs":{"kv\\u005ftransfer_params":1}}'
    with pytest.raises(ForeignKv):
        parse(TEXTS.encode(), text.encode(), "id", LIMITS)


def test_of_two_fields_of_one_name_the_later_counts_as_it_does_for_the_engine() -> None:
    text = '{"model":"m","prompt":"x","bootstrap_host":null,"bootstrap_host":"10.0.0.1"}'
    with pytest.raises(ForeignKv):
        parse(TEXTS.encode(), text.encode(), "id", LIMITS)


def test_a_body_that_is_wrong_anyhow_is_a_bad_request() -> None:
    with pytest.raises(BadRequest) as refused:
        parsed(CHAT, messages=[])
    assert not isinstance(refused.value, ForeignKv)


async def test_it_is_counted_named_once_a_minute_and_never_sent_on(
    routers: Routers, caplog: pytest.LogCaptureFixture
) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        for path, fields in ((CHAT, {}), (TEXTS, {"prompt": "x"}), ("/v1/responses", {"input": "x"})):
            reply = await caller.ask(path, **fields, kv_transfer_params=OWN)
            assert (reply.status, reply.json["error"]["param"]) == (400, "kv_transfer_params")
    assert running.core.metrics.refusals == {"foreign-kv": 3}
    assert not running.replicas[0].seen
    told = [said for said in caplog.messages if "own hand-over" in said]
    caplog.clear()
    assert told == ["a client's own hand-over is refused: `kv_transfer_params` is for the router to set; leave it out."]
