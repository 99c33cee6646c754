"""A whole emulated fleet behind the live router's core and the pool's reading of events, on one clock of our own.

What the gateway and the pool service do between sockets, and nothing of the sockets: orders are placed by the core that
a worker runs; emulated engines publish vLLM's frames, which are decoded, translated to Weir's hashes and taken in as
updates of the fleet. No wall clock is read, so a busy machine changes nothing.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf

import msgspec

from policies.decision import Outcome, Queue, Shed
from policies.fleet import Replica
from pool.hashing import fastest_chain
from pool.holdings import Change, Holdings
from pool.kv_sources.vllm import decode
from router.core import Core, Placement
from router.intake import apply
from router.metrics import Metrics
from router.order import Order
from router.settings import Settings
from sims.arrival import Arrival
from sims.emulator.hashes import block_hashes
from sims.emulator.kv_frames import told
from sims.replica.engine import Engine
from sims.replica.jobs import Event, Finished, FirstToken, Job
from weir import codec
from weir.fleetfile import FleetFile, message
from weir.v1 import fleet_pb2

LIMIT = 1 << 20


@dataclass(slots=True)
class Lived:
    """One request's life."""

    index: int
    at: float
    replica: int
    placement: Placement
    tokens: list[int]
    first: float = inf
    end: float = inf
    cached: int = 0


class LiveFleet:
    """One run of it."""

    def __init__(self, fleet: FleetFile, policy: str, *, late_s: float, seed: int = 0) -> None:
        slo = fleet.slo
        settings = Settings(policy=policy, ttft_slo_s=slo.ttft_s, tpot_slo_s=slo.tpot_s)
        self.core, self.late_s, self.seed = Core(settings, Metrics()), late_s, seed
        described = [message(pool, i, f"r{i}:1", "tcp://r:1") for pool in fleet.pools for i in range(pool.size)]
        self.replicas: list[Replica] = [codec.replica(each) for each in described]
        ready = [fleet_pb2.ReplicaReport(name=each.name, ready=True, knowledge="exact") for each in described]
        apply(self.core, fleet_pb2.FleetUpdate(snapshot=True, replicas=described, reports=ready))
        self.engines = [Engine(each.perf, each.block_tokens) for each in self.replicas]
        self.holdings = [Holdings(fastest_chain(), LIMIT) for _ in self.replicas]
        self.inbox = [deque[tuple[float, Job]]() for _ in self.replicas]
        self.updates = deque[tuple[float, fleet_pb2.FleetUpdate]]()
        self.lives: dict[str, Lived] = {}
        self._agenda, self._order = list[tuple[float, int, int]](), count()

    def run(self, arrivals: Sequence[Arrival]) -> list[Lived]:
        """Serve all of them; their lives in the order of arrival."""
        for index, arrival in enumerate(arrivals):
            self._play(arrival.at)
            self._place(index, arrival)
        self._play(inf)
        return list(self.lives.values())

    def _play(self, until: float) -> None:
        """Let engines do all that is due up to and including `until`."""
        while self._agenda and self._agenda[0][0] <= until:
            at, _, row = heappop(self._agenda)
            if at == self._next(row):
                self._advance(row, at)

    def _next(self, row: int) -> float:
        coming = self.inbox[row][0][0] if self.inbox[row] else inf
        return min(self.engines[row].next_time(), coming)

    def _place(self, index: int, arrival: Arrival) -> None:
        now, name = arrival.at, f"{self.seed}-{index}"
        self._hear(now)
        tokens = prompt(arrival)
        order = Order(name, self.replicas[0].model, b"", stream=True, session=arrival.session, tokens=tokens)
        placed = self.core.place(order, now)
        assert not isinstance(placed, Queue | Shed)
        row, perf = placed.row, self.replicas[placed.row].perf
        hashes = block_hashes(tokens, self.replicas[row].block_tokens)
        job = Job(id=name, prompt_tokens=len(tokens), output_tokens=arrival.output_tokens, blocks=hashes)
        self.lives[name] = Lived(index, now, row, placed, tokens)
        self.inbox[row].append((now + perf.frontend_s, job))
        self._schedule(row)

    def _advance(self, row: int, now: float) -> None:
        engine, inbox = self.engines[row], self.inbox[row]
        while inbox and inbox[0][0] <= now:
            at, job = inbox.popleft()
            engine.submit(job, at)
        for event in engine.advance(now):
            self._happened(event)
        self._publish(row, now)
        self._schedule(row)

    def _happened(self, event: Event) -> None:
        life = self.lives[event.id]
        if isinstance(event, FirstToken):
            life.first, life.cached = event.at, event.cached_tokens
            self.core.first_token(life.placement, event.at)
        elif isinstance(event, Finished):
            life.end = event.at
            ttft_s, e2e_s = life.first - life.at, life.end - life.at
            tpot_s = (life.end - life.first) / max(event.output_tokens - 1, 1)
            outcome = Outcome(True, ttft_s, tpot_s, e2e_s, len(life.tokens), event.output_tokens, event.cached_tokens)
            self.core.end(life.placement, outcome)

    def _publish(self, row: int, now: float) -> None:
        """An engine's events as frames, read as the pool reads them, on their way to the router."""
        size = self.replicas[row].block_tokens
        said = [told(each, self._tokens, size) for each in self.engines[row].take_kv_events()]
        if said:
            batch = decode(msgspec.msgpack.encode([now, said, 0]))
            changes = [self.holdings[row].apply(event) for event in batch.events]
            events = [_told(self.replicas[row].name, change) for change in changes if change is not None]
            self.updates.append((now + self.late_s, fleet_pb2.FleetUpdate(events=events)))

    def _tokens(self, job: str) -> Sequence[int]:
        return self.lives[job].tokens

    def _hear(self, now: float) -> None:
        while self.updates and self.updates[0][0] <= now:
            apply(self.core, fleet_pb2.FleetUpdate.FromString(self.updates.popleft()[1].SerializeToString()))

    def _schedule(self, row: int) -> None:
        if (at := self._next(row)) < inf:
            heappush(self._agenda, (at, next(self._order), row))


def _told(name: str, change: Change) -> fleet_pb2.KvEvent:
    return fleet_pb2.KvEvent(replica=name, kind=change.kind, blocks=change.blocks, tier=change.tier)


def prompt(arrival: Arrival) -> list[int]:
    """Token ids that two prompts share as far as they share blocks; what no block covers is nobody else's."""
    size = arrival.block_tokens
    ids = [block * size + i for block in arrival.blocks for i in range(size)]
    return ids + [1 << 30 | hash((arrival.at, i)) & 0xFFFFFF for i in range(arrival.prompt_tokens - len(ids))]
