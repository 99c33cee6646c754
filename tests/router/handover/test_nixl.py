"""vLLM's hand-over: prompt on one replica, answer on another, and to the client as if there were one."""

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.router import fakes, speakers
from tests.router.caller import post
from tests.router.handover.splits import ANSWER, asked_of, computes, split_fleet
from tests.router.routers import Routers, Running
from tests.router.speakers import TEXT, each, speaks
from tests.router.test_gateway_continuation import CHAT, GREEDY, TEXTS, USAGE, asked, text, told

pytestmark = pytest.mark.usefixtures("plain_core")
Patch = pytest.MonkeyPatch


async def broken(running: Running, **fields: Any) -> bytes:
    """What comes of a stream that is not whole."""
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT, **fields)))
        return await asyncio.wait_for(caller.reader.read(), 30)


@pytest.mark.parametrize("path", [CHAT, TEXTS])
async def test_the_prompt_goes_to_one_replica_and_the_answer_comes_from_another(
    routers: Routers, monkeypatch: Patch, path: str
) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [speaks()])
    events = await told(running, path, **USAGE, logit_bias={"5": 1})
    (first,), (second,) = map(asked_of, running.replicas)
    assert text(events) == TEXT
    assert (first["max_tokens"], first["stream"], first["logit_bias"]) == (1, False, {"5": 1})
    assert "stream_options" not in first
    assert first["kv_transfer_params"]["do_remote_decode"] is True
    assert second["kv_transfer_params"] == ANSWER
    assert (second["max_tokens"], second["stream"], second["return_token_ids"]) == (40, True, True)


async def test_cached_tokens_are_those_of_the_prefill_replica(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [speaks(), fakes.answer])
    events = await told(running, **USAGE)
    assert events[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert events[-1]["usage"]["prompt_tokens"] == 3


async def test_an_answer_that_is_not_streamed_is_handed_over_too(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [fakes.answer])
    async with running.caller() as caller:
        reply = await caller.ask(tools=[{"type": "function"}])
    assert (reply.status, reply.headers["x-weir-replica"]) == (200, "r1")
    assert reply.json["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert asked_of(running.replicas[0])[0]["tools"] == [{"type": "function"}]


@pytest.mark.parametrize(
    "changes",
    [
        {"remote_host": "169.254.169.254"}, {"remote_host": "metadata.internal"}, {"remote_port": 0},
        {"remote_port": "80"}, {"remote_host": None}, {"remote_host": ["127.0.0.1"]}, {"remote_block_ids": None},
    ],
    ids=str,
)  # fmt: skip
async def test_an_answer_that_points_outside_the_fleet_is_counted_and_the_prompt_computed_again(
    routers: Routers, monkeypatch: Patch, caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    running = await split_fleet(routers, monkeypatch, [computes(**changes)], [speaks()])
    for _ in range(3):
        assert text(await told(running)) == TEXT
    assert not [body for body in asked_of(running.replicas[1]) if "kv_transfer_params" in body]
    assert running.core.metrics.refusals == {"foreign-kv": 3}
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1
    assert said[0].startswith("r0: ")
    caplog.clear()


async def test_hosts_that_the_operator_names_are_fetched_from(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [computes(remote_host="kv-1")], [speaks()], kv_hosts="kv-0, kv-1")
    await told(running)
    assert asked_of(running.replicas[1])[0]["kv_transfer_params"]["remote_host"] == "kv-1"


@pytest.mark.parametrize("trick", [fakes.die_before_head, fakes.die_in_head, fakes.fail_500])
async def test_a_prefill_replica_that_dies_is_made_up_for_by_another(
    routers: Routers, monkeypatch: Patch, trick: fakes.Trick
) -> None:
    running = await split_fleet(routers, monkeypatch, [each(trick, computes())] * 2, [speaks()])
    assert text(await told(running)) == TEXT
    assert [len(one.seen) for one in running.replicas] == [1, 1, 1]


async def test_what_a_prefill_replica_refuses_is_the_answer(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [fakes.refuse_400], [speaks()])
    async with running.caller() as caller:
        reply = await caller.ask(**GREEDY)
        assert (reply.status, reply.json) == (400, {"error": {"message": "no"}})
        assert (await caller.ask(**GREEDY)).status == 400
    assert not running.replicas[1].seen


@pytest.mark.parametrize("trick", [fakes.die_before_head, fakes.die_after_head])
async def test_a_decode_replica_that_dies_before_its_first_byte_leaves_the_blocks_to_another(
    routers: Routers, monkeypatch: Patch, trick: fakes.Trick
) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [each(trick, speaks())] * 2)
    assert text(await told(running)) == TEXT
    assert [len(one.seen) for one in running.replicas] == [1, 1, 1]
    assert [body["kv_transfer_params"] for one in running.replicas[1:] for body in asked_of(one)] == [ANSWER] * 2


@pytest.mark.parametrize(
    ("trick", "settings"),
    [(fakes.fail_500, {}), (speaks(0, speakers.engine_error), {}), (fakes.die_before_head, {"kv_lease_s": 0.0}),
     (fakes.slow, {"transfer_timeout_s": 0.1})],
    ids=["500", "error event", "lease over", "transfer too slow"],
)  # fmt: skip
async def test_blocks_that_cannot_be_had_any_more_are_computed_again(
    routers: Routers, monkeypatch: Patch, trick: fakes.Trick, settings: dict[str, Any]
) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [each(trick, speaks())] * 2, **settings)
    assert text(await told(running)) == TEXT
    assert [len(one.seen) for one in running.replicas] == [2, 1, 1]


async def test_an_error_before_the_first_token_is_recomputed_where_no_continuation_is_possible(
    routers: Routers, monkeypatch: Patch
) -> None:
    running = await split_fleet(
        routers, monkeypatch, [computes()], [each(speaks(0, speakers.engine_error), speaks())] * 2
    )
    assert text(await told(running, tools=[{"type": "function"}])) == TEXT


@pytest.mark.parametrize("until", [1, 2, 5, 8])
@pytest.mark.parametrize("path", [CHAT, TEXTS])
async def test_a_decode_replica_lost_in_mid_stream_is_continued(
    routers: Routers, monkeypatch: Patch, path: str, until: int
) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [each(speaks(until), speaks())] * 2)
    events = await told(running, path, **USAGE)
    assert text(events) == TEXT
    assert events[-1]["usage"]["completion_tokens"] == speakers.ANSWER
    assert [len(one.seen) for one in running.replicas] == [2, 1, 1]


async def test_without_a_decode_replica_the_one_with_the_prompt_goes_on(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [each(computes(), speaks())], [])
    assert text(await told(running)) == TEXT
    assert "kv_transfer_params" not in asked_of(running.replicas[0])[1]


async def test_a_mixed_replica_is_sent_the_request_as_it_came(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [], [speaks()], [fakes.answer])
    async with running.caller() as caller:
        await caller.ask()
    (seen,) = running.replicas[1].seen
    assert b"kv_transfer_params" not in seen.body


async def test_a_client_that_leaves_between_the_legs_leaves_no_load(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [fakes.slow])
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT)))
        await running.until(lambda: running.replicas[1].seen)
        caller.vanish()
    await running.idle()
    await running.until(lambda: running.replicas[1].broken_off == 1)


async def test_many_at_once_are_never_crossed(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(
        routers, monkeypatch, [computes()] * 2, [each(speaks(3), fakes.die_before_head, speaks(7), speaks())] * 2
    )

    async def one(number: int) -> None:
        events = await told(running, CHAT if number % 2 else TEXTS)
        assert text(events) == TEXT

    await asyncio.gather(*[one(number) for number in range(24)])
    assert json.dumps(running.core.metrics.retries)
