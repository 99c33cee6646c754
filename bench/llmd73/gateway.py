"""A gateway that routes by scraped gauges and by what it knows of prefixes, over reference engines in virtual time.

What differs from `sims.replay`: loads are the engines' own reports, as late as they are; a prefix may be known from
the gateway's own sends alone; requests beyond what the gateway lets through are refused; answers are cached too.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf

import numpy as np
import numpy.typing as npt

from bench.llmd73.published import LATE_S, MOST_IN_FLIGHT, SCRAPE_S
from policies.cached import Cached, nothing_cached
from policies.fleet import HBM, KV_USED, RUNNING, WAITING, Fleet, Replica
from policies.policy import Routing
from policies.request import Ask, hash31
from sims.arrivals import Arrivals
from sims.replica.jobs import FirstToken, Job
from sims.validation.reporting import Gauges, ReportingEngine

Floats = npt.NDArray[np.float64]
FAR = 1 << 40  # block ids from here on are of answers


class History:
    """The prefixes that the gateway sent to one pod, as far as it looks at them and keeps them."""

    def __init__(self, tokens: int, match_tokens: int, block_tokens: int) -> None:
        self._capacity, self._match = tokens // block_tokens, match_tokens // block_tokens
        self._kept: OrderedDict[int, None] = OrderedDict()

    def leading(self, blocks: Sequence[int]) -> int:
        """Blocks of a prompt that were sent before."""
        looked = blocks[: self._match]
        return next((i for i, block in enumerate(looked) if block not in self._kept), len(looked))

    def sent(self, blocks: Sequence[int]) -> None:
        """Remember a prompt, the oldest blocks leaving."""
        for block in blocks[: self._match]:
            self._kept[block] = None
            self._kept.move_to_end(block)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What became of the arrivals, an entry each; seconds, nan where a request was refused."""

    at: Floats
    first: Floats
    end: Floats
    cached: Floats  # tokens found in the engine's cache

    @property
    def served(self) -> npt.NDArray[np.bool_]:
        """Those that were let through."""
        return np.isfinite(self.end)


class Gateway:
    """One run."""

    def __init__(self, arrivals: Arrivals, replicas: Sequence[Replica], policy: Routing, seed: int) -> None:
        self.arrivals, self.replicas, self.policy, self.seed = arrivals, replicas, policy, seed
        self.block_tokens = arrivals.block_tokens
        self.fleet = Fleet(len(replicas))
        for replica in replicas:
            self.fleet.add(replica)
        self.fleet.columns.ready[:] = 1.0
        self.engines = [ReportingEngine(replica.perf, self.block_tokens) for replica in replicas]
        self.inboxes: list[deque[tuple[float, Job]]] = [deque() for _ in replicas]
        self.histories = [self._history() for _ in replicas]
        self.looks: deque[tuple[float, list[Gauges]]] = deque()  # scraped and not yet read
        self.in_flight = 0
        self.first, self.end, self.cached = (np.full(len(arrivals), np.nan) for _ in range(3))

    def run(self) -> Answers:
        """Play every arrival."""
        for at, i in self._agenda():
            for pod in range(len(self.engines)):
                self._advance(pod, at)
            if i < 0:
                self.looks.append((at, [engine.gauges(at) for engine in self.engines]))
            else:
                self._arrive(i, at)
        for pod in range(len(self.engines)):
            self._advance(pod, inf)
        return Answers(at=self.arrivals.at, first=self.first, end=self.end, cached=self.cached)

    def _agenda(self) -> list[tuple[float, int]]:
        """Arrivals by number and, as -1, those scrapes that an arrival is decided by; in the order of time."""
        times = [(float(at), i) for i, at in enumerate(self.arrivals.at)]
        if self.policy.reads_load != "scraped":
            return times
        scrapes = {floor((at - LATE_S) / SCRAPE_S) * SCRAPE_S for at, _ in times}
        return sorted(times + [(at, -1) for at in scrapes if at >= 0.0])

    def _arrive(self, i: int, now: float) -> None:
        if self.in_flight >= MOST_IN_FLIGHT:
            return
        self._read(now)
        blocks = self._blocks(i)
        pod = self._choose(i, blocks, now)
        self.histories[pod].sent(blocks)
        self.in_flight += 1
        job = self._job(i, blocks)
        self.inboxes[pod].append((now + self.replicas[pod].perf.frontend_s, job))

    def _read(self, now: float) -> None:
        """Bring the table to the last scrape that has reached the gateway."""
        gauges: list[Gauges] = []
        while self.looks and self.looks[0][0] <= now - LATE_S:
            _, gauges = self.looks.popleft()
        for row, shown in zip(self.fleet.table, gauges, strict=False):
            row[RUNNING], row[WAITING], row[KV_USED] = shown.running, shown.waiting, shown.kv_used_tokens

    def _choose(self, i: int, blocks: tuple[int, ...], now: float) -> int:
        coin = float(hash31(f"{self.seed}-{i}"))
        ask = Ask(coin, 0.0, 0.0, float(self.arrivals.prompt_tokens[i]), 0.0, 0.0, inf, inf)
        policy = self.policy
        row, _ = type(policy).kernel(ask, self.fleet.table, self._known(blocks), policy.settings(), now)
        return row

    def _known(self, blocks: tuple[int, ...]) -> Cached:
        """What the policy is told of prefixes: the engines' caches as they are, or the histories."""
        cached = nothing_cached(len(self.engines))
        if not self.policy.uses_cached:
            return cached
        for pod, engine in enumerate(self.engines):
            by_history = self.policy.reads_cache == "history"
            held = self.histories[pod].leading(blocks) if by_history else engine.cache.hits(blocks, len(blocks))
            cached[pod, HBM:] = float(held * self.block_tokens)
        return cached

    def _advance(self, pod: int, now: float) -> None:
        """Bring an engine to `now`: inf for as long as it has work."""
        engine, inbox = self.engines[pod], self.inboxes[pod]
        while inbox and inbox[0][0] <= now:
            at, job = inbox.popleft()
            engine.submit(job, at)
        if now < inf:
            self._take(pod, now)
        while now == inf and engine.next_time() < inf:
            self._take(pod, engine.next_time())

    def _take(self, pod: int, until: float) -> None:
        for event in self.engines[pod].advance(until):
            i = int(event.id)
            if isinstance(event, FirstToken):
                self.first[i], self.cached[i] = event.at, event.cached_tokens
            else:
                self.end[i] = event.at
                self.in_flight -= 1

    def _job(self, i: int, blocks: tuple[int, ...]) -> Job:
        """The request as an engine sees it; vLLM caches the full blocks of answers too, though nobody asks for them."""
        prompt, output = int(self.arrivals.prompt_tokens[i]), int(self.arrivals.output_tokens[i])
        answers = (prompt + output - 1) // self.block_tokens - len(blocks)
        own = FAR + i * (1 << 20)
        return Job(
            id=str(i),
            prompt_tokens=prompt,
            output_tokens=output,
            blocks=blocks,
            output_blocks=tuple(range(own, own + answers)),
        )

    def _blocks(self, i: int) -> tuple[int, ...]:
        begin, end = self.arrivals.ends[i], self.arrivals.ends[i + 1]
        return tuple(self.arrivals.blocks[begin:end].tolist())

    def _history(self) -> History:
        policy = self.policy
        match = policy.history_match_tokens or 1 << 40
        return History(policy.history_tokens or 1 << 40, match, self.block_tokens)
