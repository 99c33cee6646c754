"""gRPC: the decisions of the gateway, without its proxying."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest

from router.core import Placement
from router.exposition import Exposition
from router.gateway.body import Limits, parse, tokenise
from router.intake import apply
from router.models import Model
from router.order import Order
from router.rpc import Rpc
from router.settings import Settings
from tests.router import fakes
from tests.router.caller import chat
from tests.router.fakes import refused_port
from tests.router.routers import Routers, core_of, described, load, update
from weir.v1 import fleet_pb2, route_pb2, route_pb2_grpc

SETTINGS = Settings(tokens="always", policy="shortest_ttft")
FLEET = [described(f"r{i}", f"h:{i}", gpu=gpu) for i, gpu in enumerate(("l4", "l4", "a100-80", "h100-sxm"))]


def counted(order: Order, model: Model) -> None:
    """Count an order's tokens where the model has a vocabulary for them."""
    vocabulary = model.vocabulary(order)
    if vocabulary is not None:
        tokenise(order, model.chat_template, vocabulary)


class OneUpdate:
    """A feed that says one thing and then nothing."""

    def __init__(self, told: fleet_pb2.FleetUpdate) -> None:
        self._told = told

    async def updates(self) -> AsyncIterator[bytes]:
        yield self._told.SerializeToString()
        await asyncio.Event().wait()


class Served:
    """A running service and a stub of it."""

    def __init__(self, rpc: Rpc, stub: Any) -> None:
        self.rpc, self.stub = rpc, stub

    async def route(self, **fields: Any) -> route_pb2.RouteReply:
        reply: route_pb2.RouteReply = await self.stub.Route(route_pb2.RouteRequest(**fields))
        return reply

    async def report(self, **fields: Any) -> bool:
        reply: route_pb2.ReportReply = await self.stub.Report(route_pb2.Report(**fields))
        return reply.known


async def serve(fleet: fleet_pb2.FleetUpdate) -> AsyncIterator[Served]:
    rpc, stop, address = Rpc(SETTINGS, Exposition()), asyncio.Event(), f"127.0.0.1:{refused_port()}"
    running = asyncio.create_task(rpc.run(address, OneUpdate(fleet), stop))
    async with asyncio.timeout(20):
        while not rpc.core.models:  # noqa: ASYNC110 (the server listens before it takes the fleet in)
            await asyncio.sleep(0.002)
    async with grpc.aio.insecure_channel(address) as channel:
        yield Served(rpc, route_pb2_grpc.RouterStub(channel))  # type: ignore[no-untyped-call]
    stop.set()
    await running


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async for one in serve(update(*FLEET, snapshot=True)):
        yield one


@pytest.fixture
async def tokenised() -> AsyncIterator[Served]:
    told = [described(one.name, one.address, tokenizer="llama3", chat_template="llama3") for one in FLEET]
    async for one in serve(update(*told, snapshot=True)):
        yield one


async def gateway_choices(bodies: list[bytes], **facts: str) -> list[tuple[str, float]]:
    """What a gateway's core that is told the same decides on the same requests."""
    core = core_of(SETTINGS, *(described(one.name, one.address, gpu=one.gpu, **facts) for one in FLEET))
    chosen = []
    for i, body in enumerate(bodies):
        order = parse(b"/v1/chat/completions", body, f"id-{i}", Limits(1 << 20, 128))
        counted(order, core.models["m"])
        placement = core.place(order, float(i))
        assert isinstance(placement, Placement)
        chosen.append((placement.replica.name, placement.ttft_s))
    return chosen


BODIES = [
    chat(messages=[{"role": "user", "content": f"{'word ' * (i % 3 * 300)}{i}"}], user=f"u{i % 5}") for i in range(30)
]


async def test_route_decides_as_the_gateway_does_for_the_same_requests(served: Served) -> None:
    replies = [await served.route(request_id=f"id-{i}", body=body) for i, body in enumerate(BODIES)]
    assert [reply.send.decode for reply in replies] == [name for name, _ in await gateway_choices(BODIES)]


async def test_route_names_the_replica_that_a_gateway_in_the_same_state_sends_to(routers: Routers) -> None:
    running = await routers.start(*[fakes.answer] * 4, policy="random")
    rpc = Rpc(running.core.settings, Exposition())
    apply(rpc.core, update(*(described(one.name, one.address) for one in running.replicas), snapshot=True))
    async with running.caller() as caller:
        for i in range(20):
            sent = await caller.ask("/v1/chat/completions", f"X-Request-Id: id-{i}")
            routed = await rpc.Route(route_pb2.RouteRequest(request_id=f"id-{i}", body=chat()), None)  # type: ignore[arg-type]
            assert sent.headers["x-weir-replica"] == routed.send.decode


async def test_route_counts_tokens_as_the_gateway_does(tokenised: Served) -> None:
    replies = [await tokenised.route(request_id=f"id-{i}", body=body) for i, body in enumerate(BODIES)]
    facts = {"tokenizer": "llama3", "chat_template": "llama3"}
    core = core_of(SETTINGS, *(described(one.name, one.address, **facts) for one in FLEET))
    for i, (body, reply) in enumerate(zip(BODIES, replies, strict=True)):
        order = parse(b"/v1/chat/completions", body, f"id-{i}", Limits(1 << 20, 128))
        counted(order, core.models["m"])
        placement = core.place(order, float(i))
        assert isinstance(placement, Placement)
        assert reply.send.decode == placement.replica.name
        assert order.tokens


async def test_a_reply_says_where_why_and_how_sure(served: Served) -> None:
    reply = await served.route(request_id="a", body=BODIES[0])
    replica = next(one for one in FLEET if one.name == reply.send.decode)
    assert reply.send.prefill == reply.send.decode
    assert reply.send.address == replica.address
    assert (reply.send.why, reply.policy) == ("shortest_ttft", "shortest_ttft")
    assert 0.0 < reply.propensity <= 1.0
    assert len(reply.settings_hash) == 8
    assert [one.replica for one in reply.candidates] == [one.name for one in FLEET]
    assert all(one.ttft_s > 0.0 and one.tpot_s > 0.0 and one.cost_usd > 0.0 for one in reply.candidates)


async def test_candidates_are_predicted_before_this_request_is_counted(served: Served) -> None:
    reply = await served.route(request_id="a", body=BODIES[0])
    twins = {one.ttft_s for one in reply.candidates if one.replica in ("r0", "r1")}
    best = min(reply.candidates, key=lambda one: one.ttft_s)
    assert len(twins) == 1
    assert reply.send.decode in {one.replica for one in reply.candidates if one.ttft_s <= best.ttft_s * 1.05}


@pytest.mark.parametrize("fields", [{"prompt_tokens": 100}, {"token_ids": list(range(100))}])
async def test_counts_or_ids_will_do_for_a_body(served: Served, fields: dict[str, Any]) -> None:
    assert (await served.route(model="m", max_tokens=10, **fields)).send.decode


async def test_token_ids_that_were_sent_before_are_taken_for_cached(served: Served) -> None:
    ids = list(range(1600))
    first = await served.route(request_id="a", model="m", token_ids=ids)
    second = await served.route(request_id="b", model="m", token_ids=ids)
    cached = {one.replica: one.cached_tokens for one in second.candidates}
    assert not any(one.cached_tokens for one in first.candidates)
    assert cached.pop(first.send.decode) == 1584  # an engine computes the last token again, and so its block
    assert not any(cached.values())


async def test_a_report_gives_back_the_load(served: Served) -> None:
    core = served.rpc.core
    reply = await served.route(request_id="a", body=BODIES[0])
    assert max(load(core)) > 0.0
    assert await served.report(decision_id=reply.decision_id, first_token=True)
    assert core.metrics.in_flight == 1
    assert await served.report(decision_id=reply.decision_id, ok=True, ttft_s=0.1, prompt_tokens=50, output_tokens=9)
    assert max(map(abs, load(core))) < 1e-6
    (counts,) = core.metrics.snapshot().series.values()
    assert (counts.prompt_tokens, counts.output_tokens, counts.cached_reported) == (50, 9, 0.0)


async def test_a_decision_nobody_knows_is_not_known(served: Served) -> None:
    reply = await served.route(request_id="a", body=BODIES[0])
    assert not await served.report(decision_id="nobody's", ok=True)
    assert await served.report(decision_id=reply.decision_id, ok=False)
    assert not await served.report(decision_id=reply.decision_id, ok=True)


async def test_two_requests_under_one_id_are_two_decisions(served: Served) -> None:
    replies = [await served.route(request_id="same", body=BODIES[0]) for _ in range(2)]
    assert replies[0].decision_id != replies[1].decision_id
    assert [await served.report(decision_id=one.decision_id, ok=True) for one in replies] == [True, True]
    assert max(map(abs, load(served.rpc.core))) < 1e-6


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"prompt_tokens": 5},
        {"model": "m"},
        {"body": b"{"},
        {"body": b"{}"},
        {"body": chat(max_tokens=0)},
        {"body": chat(messages=[])},
        {"body": chat().replace(b"hello", b"\xff")},
        {"body": chat().replace(b"hello", b"\\ud800")},
        {"body": b'{"model":"m","prompt":[-1]}', "path": "/v1/completions"},
    ],
    ids=str,
)
async def test_a_request_that_makes_no_sense_is_an_invalid_argument(served: Served, fields: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await served.route(**fields)
    assert told.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (told.value.details() or "").endswith(".")


async def test_an_unknown_model_is_shed(served: Served) -> None:
    reply = await served.route(model="nobody", prompt_tokens=5)
    assert (reply.WhichOneof("decision"), reply.shed.reason) == ("shed", "unknown-model")
    assert not reply.decision_id


async def test_a_prompt_beyond_the_context_is_shed(served: Served) -> None:
    assert (await served.route(model="m", prompt_tokens=9000)).shed.reason == "too-long"


async def test_without_a_ready_replica_the_answer_is_to_wait() -> None:
    async for one in serve(update(*FLEET, snapshot=True, ready=False)):
        assert (await one.route(model="m", prompt_tokens=5)).queue.why


def told_to(**settings: Any) -> Rpc:
    """The service over a fleet of one, of the model m."""
    rpc = Rpc(replace(SETTINGS, tokens="estimate", **settings), Exposition())
    apply(rpc.core, update(FLEET[0], snapshot=True))
    return rpc


async def routed(rpc: Rpc, **fields: Any) -> route_pb2.RouteReply:
    reply: route_pb2.RouteReply = await rpc.Route(route_pb2.RouteRequest(**fields), None)  # type: ignore[arg-type]
    return reply


@pytest.mark.parametrize("fields", [{"body": chat(model="alias")}, {"model": "alias", "prompt_tokens": 5}], ids=str)
async def test_a_rewrite_counts_and_the_caller_is_told_which_model_to_ask_for(fields: dict[str, Any]) -> None:
    reply = await routed(told_to(rewrites=(("alias", (("m", 1),)),)), **fields)
    assert (reply.send.decode, reply.model) == ("r0", "m")


async def test_of_several_targets_the_one_is_drawn_that_the_gateway_draws() -> None:
    rpc = told_to(rewrites=(("alias", (("m", 3), ("n", 1))),))
    apply(rpc.core, update(described("other", "h:9", model="n")))
    replies = [await routed(rpc, request_id=f"id-{i}", body=chat(model="alias")) for i in range(60)]
    assert [one.model for one in replies] == [rpc.core.rewriting.target("alias", f"id-{i}") for i in range(60)]
    assert {(one.model, one.send.decode) for one in replies} == {("m", "r0"), ("n", "other")}


async def test_tokens_are_counted_by_the_vocabulary_of_the_model_that_is_asked_in_truth() -> None:
    rpc = Rpc(replace(SETTINGS, rewrites=(("alias", (("m", 1),)),)), Exposition())
    facts = {"tokenizer": "llama3", "chat_template": "llama3"}
    apply(rpc.core, update(described("r0", "h:0", **facts), snapshot=True))
    order = rpc._order(route_pb2.RouteRequest(body=chat(model="alias")))
    assert (order.model, bool(order.tokens)) == ("m", True)


async def test_a_model_without_a_rewrite_is_told_as_it_was_asked_for() -> None:
    assert (await routed(told_to(), body=chat())).model == "m"
    assert (await routed(told_to(), model="nobody", prompt_tokens=5)).model == "nobody"


OBJECTIVES = (("batch", -1), ("chat", 5))


async def test_what_may_be_shed_is_shed_where_it_would_come_late_or_have_to_wait() -> None:
    rpc = told_to(objectives=OBJECTIVES, ttft_slo_s=1e-9)
    assert (await routed(rpc, body=chat(), objective="batch")).shed.reason == "saturated"
    assert (await routed(rpc, body=chat(), objective="chat")).send.decode == "r0"
    assert (await routed(rpc, body=chat())).send.decode == "r0"
    rpc.core.view.set_ready(0, False)
    assert (await routed(rpc, body=chat(), objective="batch")).shed.reason == "no-replica"
    assert (await routed(rpc, body=chat(), objective="chat")).queue.why


async def test_an_answer_that_failed_is_no_200_in_the_counts() -> None:
    rpc = told_to()
    for ok in (True, False):
        reply = await routed(rpc, body=chat())
        await rpc.Report(route_pb2.Report(decision_id=reply.decision_id, ok=ok), None)  # type: ignore[arg-type]
    assert rpc.core.metrics.snapshot().series["m\tp"].codes == {200: 1, 502: 1}
