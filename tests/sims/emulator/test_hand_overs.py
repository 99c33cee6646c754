"""A prompt computed on one emulated replica, its answer decoded on another."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sims.emulator.handover import Wire, offered
from sims.emulator.host import Listening
from sims.emulator.serve import serving
from sims.replica.engine import Engine
from sims.replica.jobs import FirstToken, Job
from tests.sims.emulator.emulation import FAST, perf, replica
from tests.sims.emulator.test_raw_http import ask, metric, post

LONG = "How deep is the water over the weir today? " * 40
PREFILL = {"do_remote_decode": True, "do_remote_prefill": False, "remote_engine_id": None, "remote_block_ids": None}


@asynccontextmanager
async def pair(**changes: Any) -> AsyncIterator[list[Listening]]:
    """A prefill and a decode replica that know each other."""
    specs = [replica(name="prefill", **changes), replica(name="decode", **changes)]
    async with serving(specs, time_scale=FAST) as up:
        yield up


async def told(address: str, **fields: Any) -> Any:
    body = {"prompt": LONG, "temperature": 0, "max_tokens": 12, **fields}
    answered = await ask(address, post("/v1/completions", body, "connection: close"))
    return {**json.loads(answered.body), "status": answered.status}


async def test_the_decode_replica_says_what_one_replica_would_have_said_and_computes_no_prompt() -> None:
    async with pair() as (prefill, decode):
        first = await told(prefill.address, max_tokens=1, kv_transfer_params=PREFILL)
        params = first["kv_transfer_params"]
        second = await told(decode.address, kv_transfer_params=params, return_token_ids=True)
        alone = await told(prefill.address, return_token_ids=True)
        moved = await metric(decode.address, "external_prefix_cache_hits_total")
    assert (params["do_remote_prefill"], params["do_remote_decode"]) == (True, False)
    assert f"{params['remote_host']}:{params['remote_port']}" == prefill.address
    assert second["choices"][0]["token_ids"] == alone["choices"][0]["token_ids"]
    assert moved == first["usage"]["prompt_tokens"] - 1 or moved == first["usage"]["prompt_tokens"]


async def test_a_prompt_is_fetched_once_and_then_unknown() -> None:
    async with pair() as (prefill, decode):
        params = (await told(prefill.address, max_tokens=1, kv_transfer_params=PREFILL))["kv_transfer_params"]
        assert (await told(decode.address, kv_transfer_params=params))["status"] == 200
        assert (await told(decode.address, kv_transfer_params=params))["status"] == 500


@pytest.mark.parametrize("wrong", [{"remote_engine_id": "x"}, {"remote_request_id": "x"}])
async def test_unknown_parameters_fail_or_are_computed_again_as_the_replica_is_set(wrong: dict[str, str]) -> None:
    params = {**offered("e", "r", "127.0.0.1", 1, 100, 16), **wrong}
    async with pair() as (_, decode):
        assert (await told(decode.address, kv_transfer_params=params))["status"] == 500
    async with pair(recomputes=True) as (_, decode):
        assert (await told(decode.address, kv_transfer_params=params))["status"] == 200


async def test_a_stream_that_cannot_fetch_its_prompt_says_so_in_an_event() -> None:
    body = {"prompt": LONG, "stream": True, "kv_transfer_params": {"do_remote_prefill": True}}
    async with pair() as (_, decode):
        answered = await ask(decode.address, post("/v1/completions", body, "connection: close"))
    assert answered.body.startswith(b'data: {"error"')
    assert answered.body.endswith(b"data: [DONE]\n\n")


async def test_a_lease_that_is_over_leaves_nothing_to_fetch() -> None:
    async with pair(lease_s=0.0) as (prefill, decode):
        params = (await told(prefill.address, max_tokens=1, kv_transfer_params=PREFILL))["kv_transfer_params"]
        assert (await told(decode.address, kv_transfer_params=params))["status"] == 500


def test_what_nobody_fetches_is_let_go_when_its_lease_ends() -> None:
    wire = Wire()
    wire.offer("e", "a", [1, 2], until=30.0)
    wire.offer("e", "b", [1, 2], until=50.0)
    assert (wire.expire(29.0), wire.expire(30.0), wire.expire(50.0)) == (2, 1, 0)


def test_another_prompt_under_the_same_parameters_gets_nothing() -> None:
    wire = Wire()
    wire.offer("e", "a", [1, 2, 3], until=30.0)
    params = offered("e", "a", "h", 1, 3, 16)
    assert wire.fetch(params, [1, 2, 4], 0.0) == 0
    wire.offer("e", "a", [1, 2, 3], until=30.0)
    assert wire.fetch(params, [1, 2, 3, 9], 0.0) == 3


def first_token_s(remote_tokens: int) -> tuple[float, int]:
    engine = Engine(perf())
    engine.submit(Job(id="a", prompt_tokens=4_000, output_tokens=4, remote_tokens=remote_tokens), 0.0)
    (first, *_) = engine.advance(100.0)
    assert isinstance(first, FirstToken)
    return first.at, first.cached_tokens


def test_tokens_that_were_sent_are_not_computed_but_for_the_last() -> None:
    (all_s, none), (few_s, sent) = first_token_s(0), first_token_s(4_000)
    assert (none, sent) == (0, 3_999)
    assert few_s < 0.2 * all_s
