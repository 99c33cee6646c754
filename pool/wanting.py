"""How many replicas each pool shall have, for autoscalers outside: KEDA asks over gRPC, Prometheus reads a gauge."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc

from weir.v1 import external_scaler_pb2 as wire
from weir.v1 import external_scaler_pb2_grpc

METRIC = "weir-replicas-wanted"
POOL = "pool"  # the key of a ScaledObject's metadata

Context = Any  # grpc.aio.ServicerContext, of which only `abort` is used


class Wanting:
    """What is wanted of every pool, as whoever controls last said; None of one that nobody wants anything of."""

    def __init__(self) -> None:
        self.replicas: Mapping[str, int | None] = {}
        self.changed = asyncio.Event()  # set once something else is wanted; then it is another

    def tell(self, replicas: Mapping[str, int | None]) -> None:
        """What is wanted now."""
        if replicas != self.replicas:
            self.replicas = replicas
            self.changed.set()
            self.changed = asyncio.Event()


class ScalerService(external_scaler_pb2_grpc.ExternalScalerServicer):
    """externalscaler.ExternalScaler: one metric, the replicas wanted, with one a replica as its target.

    What is not known is an error and not a number: KEDA then leaves a workload as it is.
    """

    def __init__(self, wanting: Wanting) -> None:
        self._wanting = wanting

    async def IsActive(  # noqa: N802 (the wire's name)
        self, request: wire.ScaledObjectRef, context: Context
    ) -> wire.IsActiveResponse:
        """Whether the pool shall have replicas at all."""
        return wire.IsActiveResponse(result=await self._wanted(request, context) > 0)

    async def StreamIsActive(  # noqa: N802 (the wire's name)
        self, request: wire.ScaledObjectRef, context: Context
    ) -> AsyncIterator[wire.IsActiveResponse]:
        """The same, said at once and whenever it is another."""
        said = None
        while True:
            changed, active = self._wanting.changed, await self._wanted(request, context) > 0
            if active != said:
                said = active
                yield wire.IsActiveResponse(result=active)
            await changed.wait()

    async def GetMetricSpec(  # noqa: N802 (the wire's name)
        self, request: wire.ScaledObjectRef, context: Context
    ) -> wire.GetMetricSpecResponse:
        """The metric: as many replicas as its value says."""
        return wire.GetMetricSpecResponse(metricSpecs=[wire.MetricSpec(metricName=METRIC, targetSize=1)])

    async def GetMetrics(  # noqa: N802 (the wire's name)
        self, request: wire.GetMetricsRequest, context: Context
    ) -> wire.GetMetricsResponse:
        """How many replicas are wanted."""
        wanted = await self._wanted(request.scaledObjectRef, context)
        return wire.GetMetricsResponse(metricValues=[wire.MetricValue(metricName=METRIC, metricValue=wanted)])

    async def _wanted(self, asked: wire.ScaledObjectRef, context: Context) -> int:
        known, pool = self._wanting.replicas, asked.scalerMetadata.get(POOL, "")
        if not known:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Nobody has said yet what is wanted here: ask again.")
        if pool not in known:
            said = f"There is no pool {pool!r}: write `{POOL}: NAME` of " + ", ".join(sorted(known))
            await context.abort(grpc.StatusCode.NOT_FOUND, said)
        wanted = known[pool]
        if wanted is None:
            said = f"Nobody says how many replicas pool {pool} shall have: give the pool service a scaling policy."
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, said)
        assert wanted is not None
        return wanted
