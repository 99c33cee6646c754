"""Eight engines behind a router, in virtual time: every step of a set-up in the order it was run, caches kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from math import inf

from bench.aibrix.client import BLOCK_TOKENS, PAUSE_S, Asked, asked, warm_up
from bench.aibrix.routers import Connections, Router, router
from bench.aibrix.rows import Row
from bench.aibrix.setups import REPLICAS, Outside, Setup
from policies.fleet import Replica
from policies.perf.latency import LatencyModel
from sims.replica.engine import Engine
from sims.replica.jobs import Event, FirstToken, Job
from sims.validation.store import Store
from sims.validation.whole import WholeEngine


@dataclass(slots=True)
class Sent:
    """One request on its way; seconds."""

    asked: Asked
    replica: int
    first: float = inf
    end: float = inf

    @property
    def ttft_s(self) -> float:
        """From sending to the first token."""
        return self.first - self.asked.at


class Pods:
    """The engines and their router; a step after a step."""

    def __init__(self, setup: Setup, perf: LatencyModel, seed: int) -> None:
        self.setup, self.perf, self.seed = setup, perf, seed
        self.engines = engines(setup, perf)
        self.now = 0.0
        self._places = count()
        self._agenda: list[tuple[float, int, Asked | tuple[int, Job | None]]] = []
        self._due = [inf] * REPLICAS
        self._sent: dict[str, Sent] = {}
        self._steps = 0
        self._router: Router = router(setup.router, seed, self._replicas())

    def step(self, rows: Sequence[Row]) -> dict[tuple[int, int], Sent]:
        """Play one step until all is answered; its requests by user and question."""
        return self._play(asked(rows, self.now + PAUSE_S))

    def warm_up(self, rows: Sequence[Row]) -> None:
        """Play the warm-up."""
        self._play(warm_up(rows))

    def _play(self, requests: Sequence[Asked]) -> dict[tuple[int, int], Sent]:
        self._steps, self._sent = self._steps + 1, {}
        if isinstance(self._router, Connections):
            # Each step is a client process of its own, with connections of its own.
            self._router = Connections(REPLICAS * self.seed + self._steps)
        for request in requests:
            self._await(request.at, request)
        while self._agenda:
            at, _, what = heappop(self._agenda)
            self.now = max(self.now, at)
            if isinstance(what, Asked):
                self._send(what, at)
            else:
                self._run(*what, at)
        return {sent.asked.key: sent for sent in self._sent.values()}

    def _await(self, at: float, what: "Asked | tuple[int, Job | None]") -> None:
        heappush(self._agenda, (at, next(self._places), what))

    def _send(self, request: Asked, now: float) -> None:
        pod = self._router.choose(request, now)
        name = f"{next(self._places)}"
        self._sent[name] = Sent(request, pod)
        job = Job(
            id=name,
            prompt_tokens=request.prompt_tokens,
            output_tokens=request.output_tokens,
            blocks=request.blocks,
        )
        self._await(now + self.perf.frontend_s, (pod, job))

    def _run(self, pod: int, job: Job | None, now: float) -> None:
        engine = self.engines[pod]
        if job is not None:
            engine.submit(job, now)
        elif self._due[pod] != now:
            return
        else:
            self._due[pod] = inf
        for event in engine.advance(now):
            self._happened(event)
        due = engine.next_time()
        if due < inf and due != self._due[pod]:
            self._due[pod] = due
            self._await(due, (pod, None))

    def _happened(self, event: Event) -> None:
        sent = self._sent[event.id]
        if isinstance(event, FirstToken):
            sent.first = event.at
            return
        sent.end = event.at
        self._router.ended(sent.asked, sent.replica, event.at)
        if sent.asked.then is not None:
            then = sent.asked.then
            at = max(event.at, then.at)
            self._await(at, replace(then, at=at))

    def _replicas(self) -> list[Replica]:
        return [
            Replica(name=f"pod {i}", address="", pool="", model="llama-3.1-8b", gpu="", perf=self.perf)
            for i in range(REPLICAS)
        ]


def engines(setup: Setup, perf: LatencyModel) -> list[Engine]:
    """The engines of a set-up, each beside its own outside cache or all beside one."""
    one = store(setup.outside, perf) if setup.outside and setup.outside.shared else None
    return [_engine(setup, perf, one) for _ in range(REPLICAS)]


def store(outside: Outside, perf: LatencyModel) -> Store:
    """An empty outside cache."""
    block_bytes = perf.kv_bytes_per_token * BLOCK_TOKENS
    return Store(int(outside.bytes / block_bytes), block_bytes, outside.bytes_per_s)


def _engine(setup: Setup, perf: LatencyModel, shared: Store | None) -> Engine:
    if not setup.whole_prompts:
        return Engine(perf, BLOCK_TOKENS, setup.prefix_caching, kv_events=False)
    own = store(setup.outside, perf) if setup.outside and shared is None else shared
    return WholeEngine(perf, BLOCK_TOKENS, prefix_caching=setup.prefix_caching, store=own)
