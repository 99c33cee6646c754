"""Mooncake's and SGLang's hand-over: both legs leave at once, matched by an id that the router mints."""

import asyncio
import json
from typing import Any

import pytest

from tests.router import fakes
from tests.router.caller import post
from tests.router.fakes import FakeReplica, Trick, whole
from tests.router.handover.splits import asked_of, computes, split_fleet
from tests.router.routers import Routers, described, update
from tests.router.speakers import TEXT, each, speaks
from tests.router.test_gateway_continuation import CHAT, asked, text, told

pytestmark = pytest.mark.usefixtures("plain_core")
Patch = pytest.MonkeyPatch


async def prefills_when_told(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """A prefill leg that ends only when it is let go: the decode leg cannot have waited for it."""
    await replica.let_go.wait()
    return await computes()(replica, writer, body)


async def test_sglangs_legs_carry_the_same_room_and_run_side_by_side(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [prefills_when_told], [speaks()], hand_over="sglang")
    assert text(await told(running)) == TEXT
    (first,), (second,) = map(asked_of, running.replicas)
    meeting = {key: first[key] for key in ("bootstrap_host", "bootstrap_port", "bootstrap_room")}
    assert meeting == {key: second[key] for key in meeting}
    assert (meeting["bootstrap_host"], meeting["bootstrap_port"]) == ("127.0.0.1", 8998)
    assert (first["max_tokens"], second["max_tokens"], second["stream"]) == (1, 40, True)


async def test_no_two_requests_share_a_room(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [computes()], [speaks()], hand_over="sglang")
    await asyncio.gather(*[told(running) for _ in range(8)])
    rooms = [body["bootstrap_room"] for body in asked_of(running.replicas[1])]
    assert len(set(rooms)) == 8
    assert sorted(rooms) == sorted(body["bootstrap_room"] for body in asked_of(running.replicas[0]))


@pytest.mark.parametrize("trick", [fakes.die_before_head, fakes.fail_500, fakes.refuse_400])
async def test_a_prefill_leg_that_fails_takes_the_decode_leg_with_it_and_both_go_elsewhere(
    routers: Routers, monkeypatch: Patch, trick: Trick
) -> None:
    running = await split_fleet(
        routers, monkeypatch, [each(trick, computes())] * 2, [each(fakes.slow, speaks())], hand_over="sglang"
    )
    assert text(await told(running)) == TEXT
    assert [len(one.seen) for one in running.replicas] == [1, 1, 2]


async def test_a_decode_leg_that_fails_is_sent_anew_under_another_room(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(
        routers, monkeypatch, [computes()], [each(fakes.die_before_head, speaks())] * 2, hand_over="sglang"
    )
    assert text(await told(running)) == TEXT
    rooms = [body["bootstrap_room"] for one in running.replicas[1:] for body in asked_of(one)]
    assert len(set(rooms)) == 2


async def test_a_client_that_leaves_breaks_both_legs_off(routers: Routers, monkeypatch: Patch) -> None:
    running = await split_fleet(routers, monkeypatch, [fakes.slow], [fakes.slow], hand_over="sglang")
    async with running.caller() as caller:
        caller.send(post(**asked(CHAT)))
        await running.until(lambda: all(one.seen for one in running.replicas))
        caller.vanish()
    await running.idle()
    await running.until(lambda: [one.broken_off for one in running.replicas] == [1, 1])


async def bootstrap(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """A Mooncake bootstrap server."""
    writer.write(whole(json.dumps({"0": {"engine_id": "engine-7", "worker_addr": {}}}).encode()))
    return True


async def test_mooncakes_decode_leg_names_the_engine_that_the_bootstrap_server_told(
    routers: Routers, monkeypatch: Patch
) -> None:
    server = FakeReplica("bootstrap", bootstrap)
    await server.start()
    settings: dict[str, Any] = {"hand_over": "mooncake", "bootstrap_port": server.port}
    running = await split_fleet(routers, monkeypatch, [each(speaks(), computes())], [speaks()], **settings)
    assert text(await told(running)) == TEXT  # the first one stays where its prompt is, while the name is asked for
    await running.until(lambda: server.seen)
    await running.until(lambda: "engine-7" in running.gateway.handovers.__dict__["_engines"].values())
    assert text(await told(running)) == TEXT
    first, second = asked_of(running.replicas[0])[1], asked_of(running.replicas[1])[0]
    params = second["kv_transfer_params"]
    assert first["kv_transfer_params"]["transfer_id"] == params["transfer_id"]
    assert (params["remote_engine_id"], params["remote_bootstrap_addr"]) == (
        "engine-7", f"http://127.0.0.1:{server.port}",
    )  # fmt: skip
    await server.stop()


async def test_an_engine_that_could_not_be_asked_yet_or_was_started_anew_is_asked_again(
    routers: Routers, monkeypatch: Patch
) -> None:
    server = FakeReplica("bootstrap", fakes.fail_503, bootstrap)
    await server.start()
    settings: dict[str, Any] = {"hand_over": "mooncake", "bootstrap_port": server.port}
    running = await split_fleet(routers, monkeypatch, [speaks()], [speaks()], **settings)
    engines = running.gateway.handovers.__dict__

    async def asks(times: int) -> None:
        assert text(await told(running)) == TEXT
        await running.until(lambda: len(server.seen) == times and not engines["_asking"])

    try:
        await asks(1)
        assert not engines["_engines"]
        await asks(2)
        place = running.replicas[0].address
        assert engines["_engines"] == {(place, 0): "engine-7"}
        running.told(update(described("r0", place, role="prefill", epoch=1)))
        await asks(3)
        assert engines["_engines"] == {(place, 1): "engine-7"}
    finally:
        await server.stop()
