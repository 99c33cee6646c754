"""Requests for models of which nobody is there yet, and somebody is started because they wait."""

import asyncio
from typing import Any

from policies.decision import Queue, Shed
from router.core import Placement
from router.intake import apply
from router.order import Order
from router.settings import Settings
from tests.router import fakes
from tests.router.caller import post
from tests.router.routers import Routers, Running, core_of, described, update
from weir.v1 import fleet_pb2


def elastic(*replicas: fleet_pb2.Replica) -> fleet_pb2.FleetUpdate:
    """The pool service says which pools get replicas when requests wait."""
    return fleet_pb2.FleetUpdate(directions=fleet_pb2.Directions(elastic=replicas))


async def at_zero(routers: Routers, **settings: Any) -> Running:
    """A router whose only pool has nobody, and a replica that could be there."""
    running = await routers.start(fakes.answer, **settings)
    running.told(fleet_pb2.FleetUpdate(removed=["r0"]))
    running.told(elastic(described("p-0", "")))
    return running


async def test_a_request_waits_for_a_pool_at_zero_longer_than_for_a_replica_and_is_served_in_the_end(
    routers: Routers,
) -> None:
    running = await at_zero(routers, hold_s=0.05)
    async with running.caller() as caller:
        caller.send(post())
        await running.until(lambda: running.gateway.waiting() == ["m"])
        await asyncio.sleep(0.3)
        assert running.gateway.waiting() == ["m"]
        running.told(update(described("r0", running.replicas[0].address)))
        assert (await caller.reply()).status == 200
    assert running.gateway.waiting() == []


async def test_it_is_refused_when_nobody_came_in_time(routers: Routers) -> None:
    running = await at_zero(routers, start_hold_s=0.1)
    async with running.caller() as caller:
        reply = await caller.ask()
        assert (reply.status, reply.json["error"]["code"]) == (503, "no-replica")


async def test_no_more_wait_than_may(routers: Routers) -> None:
    running = await at_zero(routers, most_held=2)
    callers = [running.caller() for _ in range(3)]
    for caller in callers:
        await caller.__aenter__()
    for i, caller in enumerate(callers[:2]):
        caller.send(post())
        await running.until(lambda wanted=i + 1: len(running.gateway.waiting()) == wanted)
    reply = await callers[2].ask()
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    running.told(update(described("r0", running.replicas[0].address)))
    for caller in callers[:2]:
        assert (await caller.reply()).status == 200
    for caller in callers:
        caller.writer.close()


async def test_a_router_with_nobody_is_well_while_somebody_may_come(routers: Routers) -> None:
    running = await at_zero(routers)
    async with running.caller() as caller:
        caller.send(b"GET /health HTTP/1.1\r\n\r\n")
        assert (await caller.reply()).status == 200
        running.told(elastic())
        caller.send(b"GET /health HTTP/1.1\r\n\r\n")
        assert (await caller.reply()).status == 503


class TestCore:
    def test_a_model_and_its_adapters_are_known_before_anybody_serves_them(self) -> None:
        core = core_of(Settings())
        assert isinstance(core.place(Order("a", "m", b"x"), 0.0), Shed)
        apply(core, elastic(described("p-0", "", adapters=["fine"])))
        for name in ("m", "fine"):
            assert isinstance(core.place(Order("a", name, b"x"), 0.0), Queue)
            assert core.coming.patience_s(name) == Settings().start_hold_s
        assert core.coming.patience_s("other") == Settings().hold_s

    def test_the_first_that_ever_comes_is_sent_to(self) -> None:
        core = core_of(Settings())
        apply(core, elastic(described("p-0", "", adapters=["fine"])))
        apply(core, update(described("r0", "h:1", adapters=["fine"])))
        for name in ("m", "fine"):
            assert isinstance(core.place(Order("a", name, b"x"), 0.0), Placement)

    def test_an_adapter_stays_known_when_the_last_that_had_it_leaves_a_pool_that_comes_back(self) -> None:
        core = core_of(Settings(), described("r0", "h:1", adapters=["fine"]))
        apply(core, elastic(described("p-0", "", adapters=["fine"])))
        core.leave("r0")
        assert isinstance(core.place(Order("a", "fine", b"x"), 0.0), Queue)

    def test_what_an_engine_said_of_itself_outlasts_what_is_expected_of_its_like(self) -> None:
        core = core_of(Settings(), described("r0", "h:1", block_tokens=32))
        apply(core, elastic(described("p-0", "", block_tokens=16)))
        assert core.models["m"].block_tokens == 32

    def test_others_directions_leave_what_is_coming_as_whole_as_they_say(self) -> None:
        core = core_of(Settings())
        apply(core, elastic(described("p-0", "")))
        apply(core, update(described("r9", "h:9", model="n")))
        assert core.coming.names == {"m"}, "an update without directions says nothing of it"
        apply(core, elastic())
        assert not core.coming.names
