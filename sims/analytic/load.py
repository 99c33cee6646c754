"""The steady state of so many equal replicas under some traffic.

Decoding requests share the engine: with n of them a step takes T(n) seconds and each gains a token, so n goes up with
every arrival and down at a rate that depends on n alone. That is a birth-death chain, and its state does not depend on
how answer lengths are distributed (processor sharing with a state-dependent rate). Memory or the engine's limit caps n;
whoever comes then waits. Prompts are computed in the same steps: they stretch every step by 1 / (1 - their share of
the time), and queue for one another as in M/G/c.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from sims.analytic.demand import Demand
from sims.analytic.queueing import ENDLESS, NONE, Wait, queue
from sims.analytic.spread import Scattered, Spread, Waited
from sims.analytic.traffic import Floats, Traffic

SETTLE_ROUNDS = 40

RECOMPUTED = 6.0
"""Times that a drowning engine computes a prompt again: 6 to 6.6 is the worst that sims.replica shows, over ten
combinations of GPU, model and lengths; what it then finishes is told within a fifth."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """A pool of `replicas` under a demand.

    `pooled` says that the router sees load and evens it out: the replicas then queue as one. Without it each stands
    alone with its share, as under random or sticky routing.
    """

    demand: Demand
    replicas: int
    pooled: bool = True
    first_wait_s: float = 0.0  # added to every TTFT: what comes before this pool or after its prefill

    @property
    def _servers(self) -> int:
        return self.replicas if self.pooled else 1

    @cached_property
    def rate(self) -> float:
        """Requests a second of one replica."""
        return self.demand.traffic.rate / self.replicas

    @cached_property
    def batch(self) -> float:
        """Requests decoding or being prefilled on one replica at a typical time, by halving b = rate · time(b)."""
        low, high = 0.0, float(self.demand.concurrency)
        for _ in range(SETTLE_ROUNDS):
            middle = 0.5 * (low + high)
            if self.rate * self._holding(middle) > middle:
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)

    def _holding(self, batch: float) -> float:
        """Seconds that a request holds its slot at that batch; infinite when prompts alone take all the time."""
        free = 1.0 - self._prefill_share(batch)
        return self._held(self._step(batch), batch, free) if free > 0.0 else inf

    def _held(self, step_s: float, batch: float, free: float) -> float:
        demand = self.demand
        own = demand.work_moments[0] + demand.mean_chunks * (step_s + demand.chunk_extra(batch))
        return demand.mean_steps * step_s / free + own

    def _step(self, batch: float) -> float:
        return float(self.demand.step(np.array(max(batch, 1.0))))

    def _prefill_share(self, batch: float) -> float:
        demand = self.demand
        return self.rate * (demand.work_moments[0] + demand.mean_chunks * demand.chunk_extra(batch))

    @cached_property
    def prefill_share(self) -> float:
        """Share of the time that goes into prompts."""
        return self._prefill_share(self.batch)

    @cached_property
    def capacity(self) -> float:
        """Requests a second that all replicas can finish: with every slot taken, and prompts keeping up."""
        demand, full = self.demand, float(self.demand.concurrency)
        step_s, extra_s = self._step(full), demand.mean_chunks * demand.chunk_extra(full)
        work_s = demand.work_moments[0] + extra_s
        own_s = work_s + demand.mean_chunks * step_s
        slots = 1.0 / (work_s + (demand.mean_steps * step_s + own_s) / full)
        prefill_s = work_s + demand.mean_parts * step_s
        return self.replicas * (min(slots, 1.0 / prefill_s) if prefill_s > 0.0 else slots)

    @property
    def utilisation(self) -> float:
        """Rate over capacity; at 1 and above queues grow without end."""
        return self.demand.traffic.rate / self.capacity

    @cached_property
    def _chain(self) -> tuple[Floats, float]:
        """Probability of 0, 1, ... requests in the slots of the servers, and that all are taken with some waiting."""
        count = self._servers * self.demand.concurrency
        rate = self.rate * self._servers
        present = np.arange(1, count + 1) / self._servers
        free = 1.0 - self.prefill_share
        demand = self.demand
        own = demand.work_moments[0] + demand.mean_chunks * demand.chunk_extra(self.batch)
        steps = demand.step(np.maximum(present, 1.0))
        held = demand.mean_steps * steps / free + own + demand.mean_chunks * steps
        logs = np.concatenate(([0.0], np.cumsum(np.log(np.maximum(rate * held / (present * self._servers), 1e-300)))))
        chances = np.exp(logs - logs.max())
        last = rate * float(held[-1]) / count
        waiting = chances[-1] * last / (1.0 - last) if last < 1.0 else inf
        total = float(chances.sum()) + waiting
        return chances / total, waiting / total

    @property
    def recovery(self) -> float:
        """Requests a second that all replicas finish while they thrash: memory full, prompts computed again and again.

        Above this rate a pool whose memory has filled once stays full.
        """
        work_s = self.demand.work_moments[0] * RECOMPUTED
        return self.capacity / (1.0 + work_s * self.capacity / self.replicas)

    @cached_property
    def pressure(self) -> float:
        """Chance that one replica has no memory for another request, were it left alone with its share.

        Routers even out seconds rather than memory. Where the engine's limit comes before memory it is 0.
        """
        if self.demand.concurrency >= self.demand.model.max_seqs:
            return 0.0
        if self.utilisation >= 1.0 or self.prefill_share >= 1.0:
            return 1.0
        chances, waiting = self._chain if self._servers == 1 else replace(self, pooled=False)._chain
        return float(chances[-1] + waiting)

    @cached_property
    def slot_wait(self) -> Wait:
        """The wait for memory or a place in the batch."""
        if self.utilisation >= 1.0 or self.prefill_share >= 1.0:
            return ENDLESS
        chances, waiting = self._chain
        full = float(self.demand.concurrency)
        slack = self._servers * (full / self._holding(full) - self.rate)
        if slack <= 0.0:
            return ENDLESS
        steps = self.demand.steps(self.demand.traffic)
        cv2 = _cv2(self.demand.traffic, steps)
        factor = 0.5 * (self.demand.traffic.arrival_cv2 + cv2)
        return Wait(probability=float(chances[-1] + waiting), mean_s=factor / slack)

    @cached_property
    def prefill_wait(self) -> Wait:
        """The wait for prompts that came before."""
        demand = self.demand
        if not demand.prefills:
            return NONE
        service = demand.work(demand.traffic) + demand.new(demand.traffic) / demand.model.chunk_tokens * self._beside_s
        service = service + demand.chunks(demand.traffic) * demand.chunk_extra(self.batch)
        return queue(
            self._servers, self.rate * self._servers, demand.traffic.mean(service),
            service_cv2=_cv2(demand.traffic, service), arrival_cv2=demand.traffic.arrival_cv2,
        )  # fmt: skip

    @property
    def _beside_s(self) -> float:
        """Seconds of decoding in a step that holds a chunk."""
        return min(self.batch, 1.0) * self._step(self.batch)

    @cached_property
    def ttft(self) -> Spread:
        """Time to first token: frontend, waits, half a step in flight, and the prompt's own chunks."""
        demand, points = self.demand, self.demand.points
        chunk_s = self._beside_s + demand.chunk_extra(self.batch)
        own = demand.work(points) + demand.chunks(points) * chunk_s + self._beside_s / 2.0
        constant = demand.model.frontend_s + self.first_wait_s
        return Waited(own=own + constant, weights=points.weights, waits=(self.slot_wait, self.prefill_wait))

    @cached_property
    def tpot(self) -> Spread:
        """Time per token after the first. A short answer scatters more: one long prompt in it is not averaged out."""
        if self.utilisation >= 1.0 or self.prefill_share >= 1.0:
            return Scattered(mean_s=inf, deviations=np.zeros(1), weights=np.ones(1))
        chances, waiting = self._chain
        batches = np.arange(len(chances)) / self._servers
        mass = chances * batches
        mass[-1] += waiting * batches[-1]
        mass = mass / mass.sum()
        steps = self.demand.step(np.maximum(batches, 1.0)) / (1.0 - self.prefill_share)
        mean = float((mass * steps).sum())
        points = self.demand.points
        tokens = np.maximum(self.demand.steps(points), 1.0)
        stalls = self.rate * self.demand.work_moments[1] * mean / tokens
        return Scattered(
            mean_s=mean, deviations=np.sqrt(float((mass * (steps - mean) ** 2).sum()) + stalls), weights=points.weights
        )

    @cached_property
    def busy(self) -> float:
        """Share of the time that a replica computes."""
        if self.utilisation >= 1.0:
            return 1.0
        chances, _ = self._chain
        present = np.minimum(np.arange(len(chances)) / self._servers, 1.0)
        return float(min(1.0, 1.0 - (chances * (1.0 - present)).sum()))

    @cached_property
    def watts(self) -> float:
        """Watts of one replica, averaged over idling, decoding and computing prompts."""
        model, busy = self.demand.model, self.busy
        prompts = min(self.prefill_share, busy)
        batch = max(self.batch, 1.0)
        decoding = model.watts(batch, batch * self.demand.context)
        prefilling = model.watts(0.0, 0.0, self.demand.chunk)
        return (1.0 - busy) * model.idle_w + prompts * prefilling + (busy - prompts) * decoding


def _cv2(traffic: Traffic, values: Floats) -> float:
    """Squared coefficient of variation; 1 where all is 0."""
    mean = traffic.mean(values)
    return traffic.mean((values - mean) ** 2) / mean**2 if mean > 0.0 else 1.0
