"""The replay itself: one clock over arrivals and engine boundaries, one compiled decision an arrival."""

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from math import inf

from policies.fleet import LIMIT_TOKENS, READY, Fleet, Replica
from policies.native.index import BlockBuffer
from policies.native.library import ensure_built
from policies.native.placer import Placer
from policies.policy import Routing
from policies.request import hash31
from sims.arrival import Arrival
from sims.limits import limit_tokens, limits
from sims.replay.flight import Flight
from sims.replay.holdings import Holdings
from sims.replay.ledger import Ledger, Prior
from sims.replay.line import Line
from sims.replay.prompts import Prompts
from sims.replay.result import Result, Use
from sims.replica.engine import Engine
from sims.replica.jobs import Event, FirstToken, Impossible, Job


def replay(
    arrivals: Iterable[Arrival],
    fleet: list[Replica],
    policy: Routing,
    *,
    seed: int = 0,
    staleness_s: float = 0.05,
    ttft_slo_s: float = 2.0,
    tpot_slo_s: float = 0.1,
) -> Result:
    """Serve every arrival, and say how; the same arguments give the same result.

    An arrival that names no model asks for the fleet's first. `seed` changes the request ids, so the hash draws;
    `staleness_s` is how late KV events reach the router; the deadlines are what the policy is told.
    """
    ensure_built()
    run = _Run(list(arrivals), fleet, policy, seed, staleness_s, (ttft_slo_s, tpot_slo_s))
    run.go()
    return run.result()


class _Run:
    """All that changes during one replay."""

    def __init__(
        self, arrivals: list[Arrival], replicas: list[Replica], policy: Routing,
        seed: int, staleness_s: float, deadlines: tuple[float, float],
    ) -> None:  # fmt: skip
        self.arrivals, self.replicas, self.seed, self.deadlines = arrivals, replicas, seed, deadlines
        self.fleet = Fleet(max(len(replicas), 1))
        for replica in replicas:
            row = self.fleet.add(replica)
            self.fleet.table[row, READY], self.fleet.table[row, LIMIT_TOKENS] = 1.0, limit_tokens(replica)
        self.ledger, self.prior, self.line = Ledger(self.fleet), Prior(), Line(arrivals)
        self.prompts = Prompts(arrivals, min((replica.block_tokens for replica in replicas), default=16))
        self.holdings = Holdings(len(replicas), staleness_s)
        self.placer = Placer(policy, self.fleet, self.holdings.index, BlockBuffer())
        self.engines = [Engine(replica.perf, self.prompts.block_tokens) for replica in replicas]
        self.limits = limits(replicas)
        self.inbox: list[deque[tuple[float, Job]]] = [deque() for _ in replicas]  # on their way through a front end
        self.due = [inf] * len(replicas)
        self.agenda: list[tuple[float, int]] = []  # (time, row); stale when `due` says another time
        self.flights: dict[str, Flight] = {}
        self.done: list[Flight] = []
        self.refused, self.now = 0, 0.0

    def go(self) -> None:
        """Play until nothing is left."""
        agenda, line = self.agenda, self.line
        while True:
            # Engines first: what ends at the instant of an arrival is known to its decision.
            coming = line.next_time()
            if agenda and agenda[0][0] <= coming:
                at, row = heappop(agenda)
                if self.due[row] == at:
                    self.now = at
                    self._advance(row, at)
            elif coming < inf:
                self.now = coming
                self._place(line.take(), coming)
            else:
                return

    def _place(self, i: int, now: float) -> None:
        arrival, name = self.arrivals[i], f"{self.seed}-{i}"
        model = arrival.model or self.replicas[0].model
        if arrival.prompt_tokens + arrival.output_tokens > self.limits.get(model, 0):
            self._refuse(i, now)
            return
        row, hashes = self._choose(arrival, name, model, i)
        job = Job(
            id=name, prompt_tokens=arrival.prompt_tokens, output_tokens=arrival.output_tokens, blocks=hashes,
            visual_tokens=arrival.visual_tokens,
        )  # fmt: skip
        try:
            self.engines[row].check(job)
        except Impossible:
            self._refuse(i, now)
            return
        self.flights[name] = flight = Flight(i, arrival, model, row, self.placer, now)
        self.ledger.send(flight.load)
        self.inbox[row].append((now + self.replicas[row].perf.frontend_s, job))
        self._schedule(row)

    def _choose(self, arrival: Arrival, name: str, model: str, i: int) -> tuple[int, tuple[int, ...]]:
        """The chosen row and the prompt's block hashes."""
        placer, hashes = self.placer, self.prompts.of(i)
        self.holdings.arrive(self.now)
        placer.blocks.n = len(hashes)
        placer.blocks.array[: len(hashes)] = hashes
        session = float(hash31(arrival.session)) if arrival.session else 0.0
        number, expected = self.fleet.model(model), self.prior.expected(model)
        placer.ask(float(hash31(name)), session, number, arrival.prompt_tokens, 0.0, expected, *self.deadlines)
        return placer.place_hashed(self.prompts.block_tokens, self.now), tuple(hashes.tolist())

    def _refuse(self, i: int, now: float) -> None:
        self.refused += 1
        self.line.ended(i, now)

    def _advance(self, row: int, now: float) -> None:
        engine, inbox = self.engines[row], self.inbox[row]
        while inbox and inbox[0][0] <= now:
            at, job = inbox.popleft()
            engine.submit(job, at)
        for event in engine.advance(now):
            self._happened(event)
        if engine.cache.events:
            self.holdings.tell(now, row, engine.take_kv_events())
        self._schedule(row)

    def _happened(self, event: Event) -> None:
        if isinstance(event, FirstToken):
            flight = self.flights[event.id]
            flight.begin(event)
            self.ledger.start(flight.load)
            return
        flight = self.flights.pop(event.id)
        flight.finish(event)
        self.ledger.end(flight.load)
        self.prior.learn(flight.model, event.output_tokens)
        self.line.ended(flight.index, event.at)
        self.done.append(flight)

    def _schedule(self, row: int) -> None:
        at, inbox = self.engines[row].next_time(), self.inbox[row]
        if inbox and inbox[0][0] < at:
            at = inbox[0][0]
        if at != self.due[row]:
            self.due[row] = at
            if at < inf:
                heappush(self.agenda, (at, row))

    def result(self) -> Result:
        """What became of everything."""
        work = [0.0] * len(self.replicas)
        for flight in self.done:
            work[flight.row] += flight.work_s(self.replicas[flight.row])
        usd = [replica.perf.price_per_hour / 3600.0 * self.now for replica in self.replicas]
        each = [usd[row] / work[row] if work[row] else 0.0 for row in range(len(usd))]
        served = [f.served(each[f.row] * f.work_s(self.replicas[f.row])) for f in self.done]
        return Result(
            served=tuple(sorted(served, key=lambda one: one.index)),
            replicas=tuple(self._use(row, usd[row]) for row in range(len(usd))),
            refused=self.refused,
            end_s=self.now,
        )

    def _use(self, row: int, usd: float) -> Use:
        engine = self.engines[row]
        engine.advance(self.now)
        load = engine.load()
        requests = sum(flight.row == row for flight in self.done)
        return Use(
            replica=self.replicas[row].name,
            requests=requests,
            busy_s=load.busy_s,
            energy_joules=load.energy_joules,
            cost_usd=usd,
        )
