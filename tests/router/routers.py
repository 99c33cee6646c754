"""Gateways on loopback, told of fake replicas as the pool would tell them."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from policies.fleet import KV_USED, RUNNING
from router.core import Core
from router.gateway.server import Gateway
from router.intake import apply
from router.metrics import Metrics
from router.record import Recorder
from router.settings import Settings
from tests.router.caller import PATIENCE_S, Caller
from tests.router.fakes import FakeReplica, Trick
from weir.v1 import fleet_pb2

PROMPT = Settings(policy="least_loaded", tokens="always", suspend_s=0.2, drain_s=1.0)
"""Pauses short enough to be sat out in a test."""
HASTY: dict[str, Any] = {"head_timeout_s": 0.4, "body_timeout_s": 0.4}
"""Limits for clients, short enough to be met in a test."""


def described(name: str, address: str, **facts: Any) -> fleet_pb2.Replica:
    """A replica as the pool describes it."""
    told = {"pool": "p", "model": "m", "gpu": "l4", "profile": "qwen3-8b", "block_tokens": 16, "context_limit": 8192}
    return fleet_pb2.Replica(name=name, address=address, **{**told, **facts})


def update(*replicas: fleet_pb2.Replica, ready: bool = True, snapshot: bool = False) -> fleet_pb2.FleetUpdate:
    """These replicas join, and are ready or not."""
    reports = [fleet_pb2.ReplicaReport(name=one.name, ready=ready) for one in replicas]
    return fleet_pb2.FleetUpdate(snapshot=snapshot, replicas=replicas, reports=reports)


def core_of(settings: Settings, *replicas: fleet_pb2.Replica, recorder: Recorder | None = None) -> Core:
    """A core that was told of replicas that are ready."""
    core = Core(settings, Metrics(), recorder)
    apply(core, update(*replicas, snapshot=True))
    return core


def load(core: Core) -> list[float]:
    """Everything that requests are counted as, over all rows."""
    return [float(value) for value in core.fleet.table[:, RUNNING : KV_USED + 1].ravel()]


class Running:
    """One gateway and its replicas."""

    def __init__(self, core: Core, gateway: Gateway, port: int, replicas: list[FakeReplica]) -> None:
        self.core, self.gateway, self.port, self.replicas = core, gateway, port, replicas

    def caller(self) -> Caller:
        """A client of it."""
        return Caller(self.port)

    def told(self, change: fleet_pb2.FleetUpdate) -> None:
        """The pool says something."""
        apply(self.core, change)
        self.gateway.release()

    async def until(self, holds: Any, within: float = PATIENCE_S) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(within):
            while not holds():  # noqa: ASYNC110 (what is waited for tells nobody)
                await asyncio.sleep(0.005)

    async def idle(self) -> None:
        """Wait until every request has ended; none may leave any load behind."""
        await self.until(lambda: self.core.metrics.in_flight == 0)
        assert max(map(abs, load(self.core)), default=0.0) < 1e-6


class Routers:
    """Makes and ends them."""

    def __init__(self) -> None:
        self._made: list[Running] = []

    async def start(
        self, *tricks: Trick | Sequence[Trick], recorder: Recorder | None = None, facts: dict[str, Any] | None = None,
        buffers: int = 0, **settings: Any,
    ) -> Running:  # fmt: skip
        """A gateway in front of one replica per trick (or list of tricks, one a request)."""
        replicas = [FakeReplica(f"r{i}", *([one] if callable(one) else one)) for i, one in enumerate(tricks)]
        for one in replicas:
            await one.start()
        told = [described(one.name, one.address, **(facts or {})) for one in replicas]
        core = core_of(replace(PROMPT, **settings), *told, recorder=recorder)
        gateway = Gateway(core, core.settings)
        listener = socket.create_server(("127.0.0.1", 0))
        if buffers:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        await gateway.start(listener)
        made = Running(core, gateway, listener.getsockname()[1], replicas)
        self._made.append(made)
        return made

    async def stop(self) -> None:
        """End all, and see that no load is left."""
        for one in self._made:
            for replica in one.replicas:
                replica.let_go.set()
            await one.gateway.drain()
            await one.idle()
            for replica in one.replicas:
                await replica.stop()
