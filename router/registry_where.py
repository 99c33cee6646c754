"""Where a prefix lives, as this router knows it: weir.v1.Registry over its own index, in one pass over all replicas."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import numpy as np

from policies.cached import Cached
from policies.kv.blocks import Hashes
from policies.native.index import hash_tokens
from router.core import Core
from router.gateway.body import BadRequest
from router.order import Order
from weir.block_roots import root
from weir.v1 import registry_pb2, registry_pb2_grpc, route_pb2

if TYPE_CHECKING:
    from router.registry_sessions import Sessions

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
TIERS = ("hbm", "host", "disk", "remote")  # as `policies.fleet` numbers them
MOST_BLOCKS = 1 << 16
Parsed = Callable[[route_pb2.RouteRequest], Order]


class Whereabouts(registry_pb2_grpc.RegistryServicer):
    """Answers from a core's index."""

    def __init__(self, core: Core, parsed: Parsed, sessions: "Sessions | None" = None) -> None:
        self._core, self._parsed, self._sessions = core, parsed, sessions

    async def Where(  # noqa: N802 (the wire's name)
        self, request: registry_pb2.WhereRequest, context: Context
    ) -> registry_pb2.WhereReply:
        """What each replica holds of a prefix."""
        try:
            return self.where(request)
        except BadRequest as bad:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad.message)
            raise

    async def Session(  # noqa: N802 (the wire's name)
        self, request: registry_pb2.SessionRequest, context: Context
    ) -> registry_pb2.SessionReply:
        """Where a session was last sent."""
        if self._sessions is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "This router keeps no registry: give it --redis.")
        assert self._sessions is not None
        return registry_pb2.SessionReply(replica=self._sessions.last(request.session))

    def where(self, asked: registry_pb2.WhereRequest) -> registry_pb2.WhereReply:
        """The answer; raises `BadRequest`."""
        hashes, size, name = self._hashes(asked)
        if len(hashes) > MOST_BLOCKS:
            raise BadRequest(f"{len(hashes)} blocks are more than the {MOST_BLOCKS} of one question.", "blocks")
        cached: Cached = np.zeros((len(self._core.fleet.table), len(TIERS)))
        self._core.held.index.longest(np.ascontiguousarray(hashes), float(size), cached)
        holders = [self._holder(row, cached) for row in self._rows(name) if cached[row].any()]
        holders.sort(key=lambda holder: -holder.tiers[-1].tokens)
        return registry_pb2.WhereReply(block_tokens=size, tokens=size * len(hashes), holders=holders)

    def _hashes(self, asked: registry_pb2.WhereRequest) -> tuple[Hashes, int, str]:
        """What was asked for as block hashes; their size; the replicas' model, empty for any."""
        if asked.blocks:
            sizes = [replica.block_tokens for replica in self._core.fleet.replicas if replica]
            return np.array(asked.blocks, dtype=np.uint64), sizes[0] if sizes else 0, asked.model
        if asked.body:
            return self._hashes_of_body(asked)
        model = self._core.models.get(asked.model)
        if model is None or not asked.token_ids:
            raise BadRequest("Give `blocks`, `body`, or `token_ids` and a `model` that is served.", "model")
        start = root(asked.adapter or model.adapter, asked.cache_salt)
        tokens = np.array(asked.token_ids, dtype=np.uint32)
        return hash_tokens(tokens, model.block_tokens, start), model.block_tokens, asked.model

    def _hashes_of_body(self, asked: registry_pb2.WhereRequest) -> tuple[Hashes, int, str]:
        order = self._parsed(route_pb2.RouteRequest(body=asked.body, path=asked.path, model=asked.model))
        model = self._core.models.get(order.model)
        if model is None:
            raise BadRequest(f"The model {order.model!r:.80} is not served here.", "model")
        if order.tokens is None:
            raise BadRequest("The tokens of this body cannot be counted here: give `token_ids`.", "body")
        blocks = self._core.held.blocks
        model.hash_tokens(blocks, order)
        return blocks.hashes().copy(), model.block_tokens, order.model

    def _rows(self, model: str) -> list[int]:
        number = self._core.models[model].number if model in self._core.models else None
        rows = self._core.fleet.rows.values()
        return [row for row in rows if number is None or self._core.fleet.columns.model[row] == number]

    def _holder(self, row: int, cached: Cached) -> registry_pb2.Holder:
        replica = self._core.fleet.replicas[row]
        assert replica is not None
        tiers, before = [], 0
        for tier, tokens in zip(TIERS, cached[row].tolist(), strict=True):
            if tokens > before:
                tiers.append(registry_pb2.TierTokens(tier=tier, tokens=round(tokens)))
                before = tokens
        return registry_pb2.Holder(
            replica=replica.name,
            address=replica.address,
            ready=bool(self._core.fleet.columns.ready[row]),
            knowledge=self._core.held.knowledge(row),
            epoch=replica.epoch,
            tiers=tiers,
        )
