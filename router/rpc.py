"""gRPC: the gateway's decision without its proxying, and the outcome handed back by whoever dispatched."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from policies.candidates import candidates
from policies.decision import Outcome, Queue, Shed
from router.core import Core, Placement
from router.directing import direct
from router.exposition import Exposition
from router.feed import Feed
from router.gateway.body import BadRequest, Limits, parse, tokenise
from router.intake import apply
from router.metrics import Metrics
from router.order import Order
from router.peers import Peers
from router.record import settings_hash
from router.registry_where import Whereabouts
from router.settings import Settings
from weir.stopping import gone
from weir.supervise import supervised
from weir.v1 import fleet_pb2, registry_pb2_grpc, route_pb2, route_pb2_grpc

if TYPE_CHECKING:
    from router.registry_sessions import Sessions

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Witness:
    """Notes the predictions for every candidate as the policy saw them, before the chosen one is counted."""

    def decision(self, core: Core, placement: Placement, block_tokens: float) -> None:
        """A decision was taken."""
        placement.noted = candidates(core.used.asked(), core.fleet.table, core.used.cached)

    def outcome(self, placement: Placement, outcome: Outcome) -> None:
        """It ended: nothing to note."""


OPEN_S = 600.0  # a placement nobody reports on is given up after so long
RPC = -1  # the exposition's number for this process


SHARE_S = 0.01  # how often its load is told to the workers, and theirs heard


class Rpc(route_pb2_grpc.RouterServicer):
    """The Router and Registry services, over a core of its own."""

    def __init__(
        self, settings: Settings, exposition: Exposition, peers: Peers | None = None, sessions: "Sessions | None" = None
    ) -> None:
        self._settings, self._exposition = settings, exposition
        self._peers, self._sessions = peers, sessions
        self._limits = Limits(settings.max_output_tokens, settings.max_choices)
        self._metrics = Metrics()
        self.core = Core(settings, self._metrics, Witness())
        self._open: dict[str, Placement] = {}
        self._ids, self._prefix = count(), token_hex(6)

    async def run(self, address: str, feed: Feed, stop: asyncio.Event) -> None:
        """Serve on `address` until `stop`."""
        server = grpc.aio.server()
        route_pb2_grpc.add_RouterServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        known = Whereabouts(self.core, self._order, self._sessions)
        registry_pb2_grpc.add_RegistryServicer_to_server(known, server)  # type: ignore[no-untyped-call]
        state = health.aio.HealthServicer()  # type: ignore[attr-defined]
        health_pb2_grpc.add_HealthServicer_to_server(state, server)
        server.add_insecure_port(address)
        await server.start()
        await state.set("", health_pb2.HealthCheckResponse.SERVING)
        kept: dict[str, Callable[[], Awaitable[None]]] = {
            "taking the fleet in": partial(self._take, feed), "counting": self._sweep, "sharing": self._share,
        }  # fmt: skip
        tasks = [asyncio.create_task(supervised(f"{what} for gRPC", run)) for what, run in kept.items()]
        try:
            await stop.wait()
        finally:
            await gone(tasks)
            await server.stop(1.0)

    async def Route(  # noqa: N802 (the wire's name)
        self, request: route_pb2.RouteRequest, context: Context
    ) -> route_pb2.RouteReply:
        """Decide where a request should go."""
        try:
            order = self._order(request)
        except BadRequest as bad:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad.message)
            raise
        decided = self.core.place(order, monotonic())
        placer = self.core.placer
        reply = route_pb2.RouteReply(policy=placer.name, settings_hash=settings_hash(placer.policy), model=order.model)
        if isinstance(decided, Queue):
            reply.queue.why = decided.why
        elif isinstance(decided, Shed):
            reply.shed.reason, reply.shed.retry_after_s = decided.reason.value, decided.retry_after_s
            self._metrics.refused(decided.reason.value)
        else:
            self._describe(reply, decided)
        return reply

    async def Report(  # noqa: N802 (the wire's name)
        self, request: route_pb2.Report, context: Context
    ) -> route_pb2.ReportReply:
        """Take in what became of a routed request."""
        placement = self._open.get(request.decision_id)
        if placement is None:
            return route_pb2.ReportReply(known=False)
        if request.first_token:
            self.core.first_token(placement, monotonic())
            return route_pb2.ReportReply(known=True)
        del self._open[request.decision_id]
        self.core.end(placement, _outcome(request))
        return route_pb2.ReportReply(known=True)

    def _order(self, request: route_pb2.RouteRequest) -> Order:
        request_id = request.request_id or f"{self._prefix}-{next(self._ids):x}"
        order = self._of_body(request, request_id) if request.body else _of_counts(request, request_id)
        order.model = self.core.rewriting.target(order.model, request_id)
        self.core.promises.weigh(order, request.objective)
        model = self.core.models.get(order.model)
        if request.body and model is not None and (vocabulary := model.vocabulary(order)) is not None:
            tokenise(order, model.chat_template, vocabulary)
        return order

    def _of_body(self, request: route_pb2.RouteRequest, request_id: str) -> Order:
        path = (request.path or "/v1/chat/completions").encode()
        order = parse(path, request.body, request_id, self._limits)
        order.model = request.model or order.model
        order.session, order.tenant, order.slo = request.session or order.session, request.tenant, request.slo
        return order

    def _describe(self, reply: route_pb2.RouteReply, placement: Placement) -> None:
        decision_id = f"{placement.order.id}/{next(self._ids):x}"
        self._open[decision_id] = placement
        if self._sessions is not None and placement.order.session:
            self._sessions.sent(placement.order.session, placement.replica.name)
        name = placement.replica.name
        reply.decision_id, reply.propensity = decision_id, placement.propensity
        reply.send.prefill = reply.send.decode = name
        reply.send.address, reply.send.why = placement.replica.address, self.core.placer.name
        for one in placement.noted:
            replica = self.core.fleet.replicas[one.row]
            reply.candidates.add(
                replica=replica.name if replica else "", ttft_s=one.ttft_s, tpot_s=one.tpot_s, cost_usd=one.cost_usd,
                cached_tokens=round(one.cached_tokens),
            )  # fmt: skip

    async def _take(self, feed: Feed) -> None:
        async for message in feed.updates():
            update = fleet_pb2.FleetUpdate.FromString(message)
            apply(self.core, update)
            if update.HasField("directions"):
                direct(self.core, update.directions)  # the workers hear the same and say what is wrong with it

    async def _share(self) -> None:
        while self._peers is not None:
            self.core.view.share(self._peers)
            await asyncio.sleep(SHARE_S)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            late = monotonic() - OPEN_S
            for decision_id in [k for k, p in self._open.items() if p.sent_at < late]:
                self.core.end(self._open.pop(decision_id), Outcome(False, 0.0, 0.0, OPEN_S, 0, 0, -1, status=408))
            counts = self._metrics.snapshot()
            counts.demand = self.core.tally.told()
            self._exposition.told(RPC, counts)


def _of_counts(request: route_pb2.RouteRequest, request_id: str) -> Order:
    """A request without its body; raises `BadRequest`."""
    if not request.model:
        raise BadRequest("Give `model`, and one of `body`, `token_ids` and `prompt_tokens`.", "model")
    tokens = list(request.token_ids) or None
    if tokens is None and not request.prompt_tokens:
        raise BadRequest("Give one of `body`, `token_ids` and `prompt_tokens`.", "prompt_tokens")
    return Order(
        request_id, request.model, b"", max_tokens=request.max_tokens, session=request.session, tenant=request.tenant,
        slo=request.slo, prompt_tokens=request.prompt_tokens, tokens=tokens,
    )  # fmt: skip


def _outcome(report: route_pb2.Report) -> Outcome:
    return Outcome(
        report.ok, report.ttft_s, report.tpot_s, report.e2e_s, report.prompt_tokens, report.output_tokens,
        report.cached_tokens if report.HasField("cached_tokens") else -1, status=200 if report.ok else 502,
    )  # fmt: skip
