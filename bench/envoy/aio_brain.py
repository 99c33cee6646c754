"""The whole decision behind grpc.aio and generated classes: `python -m bench.envoy.aio_brain PORT FLEET`."""

import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import uvloop

from router.compiled import install

install()

from policies.decision import Outcome  # noqa: E402
from router.core import Core, Placement  # noqa: E402
from router.gateway.body import Limits, parse  # noqa: E402
from router.intake import apply  # noqa: E402
from router.metrics import Metrics  # noqa: E402
from router.settings import Settings  # noqa: E402
from weir.fleetfile import messages, read_fleet  # noqa: E402
from weir.v1 import ext_proc_pb2 as pb  # noqa: E402
from weir.v1 import ext_proc_pb2_grpc, fleet_pb2  # noqa: E402

ENDPOINT = "x-gateway-destination-endpoint"


class Brain(ext_proc_pb2_grpc.ExternalProcessorServicer):
    """Answers as the endpoint does, in the buffered mode, and ends a request's load when its call ends."""

    def __init__(self, fleet: Path) -> None:
        self.core, self._ids, self._limits = Core(Settings(), Metrics()), count(), Limits(1 << 20, 128)
        found = messages(read_fleet(fleet))
        reports = [fleet_pb2.ReplicaReport(name=one.name, ready=True) for one in found]
        apply(self.core, fleet_pb2.FleetUpdate(snapshot=True, replicas=found, reports=reports))

    async def Process(  # noqa: N802 (the wire's name)
        self, request: AsyncIterator[pb.ProcessingRequest], context: Any
    ) -> AsyncIterator[pb.ProcessingResponse]:
        """One HTTP request."""
        placement = None
        path = "/v1/chat/completions"
        try:
            async for asked in request:
                if asked.HasField("request_headers"):
                    for one in asked.request_headers.headers.headers:
                        if one.key == ":path":
                            path = one.raw_value.decode()
                    yield pb.ProcessingResponse(request_headers=pb.HeadersResponse())
                elif asked.HasField("request_body"):
                    order = parse(path.encode(), asked.request_body.body, f"id-{next(self._ids)}", self._limits)
                    decided = self.core.place(order, monotonic())
                    assert isinstance(decided, Placement)
                    placement = decided
                    yield chosen(placement.replica.address)
        finally:
            if placement is not None:
                self.core.end(placement, Outcome(True, 0.0, 0.0, 0.0, 0, 0, -1))


def chosen(address: str) -> pb.ProcessingResponse:
    """The answer that names an endpoint."""
    header = pb.HeaderValue(key=ENDPOINT, raw_value=address.encode())
    option = pb.HeaderValueOption(header=header, append_action=pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
    common = pb.CommonResponse(header_mutation=pb.HeaderMutation(set_headers=[option]))
    found = pb.ProcessingResponse(request_body=pb.BodyResponse(response=common))
    found.dynamic_metadata["envoy.lb"] = {ENDPOINT: address}
    return found


async def serve(port: int, fleet: Path) -> None:
    """Serve until stopped."""
    server = grpc.aio.server()
    ext_proc_pb2_grpc.add_ExternalProcessorServicer_to_server(Brain(fleet), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
