"""Fleets of prefill and decode replicas for tests, and a core that splits whatever it places."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from policies.decision import Queue, Shed
from policies.fleet import MIXED, ROLE
from router.core import NOBODY, Core, Placement
from router.order import Order
from tests.router import routers as made
from tests.router.fakes import FakeReplica, Trick, whole
from tests.router.routers import Routers, Running, described, update

ANSWER = {
    "do_remote_prefill": True, "do_remote_decode": False, "remote_block_ids": [[1, 2]], "remote_engine_id": "e",
    "remote_request_id": "r", "remote_host": "127.0.0.1", "remote_port": 5600, "tp_size": 1,
}  # fmt: skip


class SplitCore(Core):
    """Places on prefill and mixed replicas, and names the first decode replica that is ready."""

    moved: list[tuple[str, str]]
    measured: list[float]

    def place(self, order: Order, now: float, avoid: frozenset[int] = NOBODY) -> Placement | Queue | Shed:
        """Where the prompt goes; a decode replica only where there is no other."""
        for row in self._rows("prefill"):
            self.fleet.table[row, ROLE] = MIXED  # so that any policy may choose it
        return super().place(order, now, avoid | self._rows("decode"))

    def decoder(self, placement: Placement, now: float, avoid: frozenset[int] = NOBODY) -> int:
        """The first decode replica."""
        ready = self.fleet.columns.ready
        return min((row for row in self._rows("decode") - avoid if ready[row]), default=-1)

    def hand_over(self, placement: Placement, row: int) -> None:
        """Move the load."""
        load = placement.load
        self.view.end(load)
        load.row, load.over, load.started = row, False, False
        self.view.send(load)
        self.view.start(load)

    def transferred(self, placement: Placement, seconds: float) -> None:
        """Nothing is learnt here."""

    def _rows(self, role: str) -> frozenset[int]:
        return frozenset(row for row, one in enumerate(self.fleet.replicas) if one is not None and one.role == role)


async def split_fleet(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, prefill: Sequence[Trick], decode: Sequence[Trick],
    mixed: Sequence[Trick] = (), **settings: Any,
) -> Running:  # fmt: skip
    """A gateway in front of these prefill, decode and mixed replicas, in this order."""
    monkeypatch.setattr(made, "Core", SplitCore)
    running = await routers.start(*prefill, *decode, *mixed, **settings)
    roles = ["prefill"] * len(prefill) + ["decode"] * len(decode) + ["mixed"] * len(mixed)
    told = [described(one.name, one.address, role=role) for one, role in zip(running.replicas, roles, strict=True)]
    running.told(update(*told))
    return running


def computes(**changes: Any) -> Trick:
    """A prefill replica's answer, its hand-over parameters changed so."""

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        usage = {"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}
        params = {**ANSWER, **changes}
        writer.write(whole(json.dumps({"choices": [], "usage": usage, "kv_transfer_params": params}).encode()))
        return True

    return trick


def asked_of(replica: FakeReplica) -> list[Any]:
    """The bodies that a replica was sent."""
    return [json.loads(seen.body) for seen in replica.seen]
