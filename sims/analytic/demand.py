"""What the requests of some traffic ask of one replica: prefill seconds, decode steps, context and memory."""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np

from policies.perf.latency import LatencyModel
from sims.analytic.slo import Infeasible
from sims.analytic.traffic import Floats, Traffic

SPARE_SIGMAS = 1.0
"""Standard deviations of memory use that are left free when counting how many requests fit."""

HALF_BLOCK = 8.0
"""Tokens that a sequence's last block holds empty on average: half of 16."""

CURVE_POINTS = 33


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Traffic on replicas of one kind, which compute prompts, make answers, or both."""

    traffic: Traffic
    model: LatencyModel
    prefills: bool = True
    decodes: bool = True

    @cached_property
    def points(self) -> Traffic:
        """The requests in few points, for tails."""
        return self.traffic.thinned()

    def new(self, traffic: Traffic) -> Floats:
        """Prompt tokens to compute, a point each."""
        return traffic.prompts - traffic.cached if self.prefills else np.zeros_like(traffic.prompts)

    def chunks(self, traffic: Traffic) -> Floats:
        """Steps that a prompt is cut into, a point each."""
        return np.ceil(self.new(traffic) / self.model.chunk_tokens)

    def work(self, traffic: Traffic) -> Floats:
        """Engine seconds that a prompt adds to the steps it is computed in, a point each; fixed parts left out."""
        new, model = self.new(traffic), self.model
        attended = new * (traffic.cached + new / 2.0)
        return model.slowdown * (model.token_s * new + model.attention_s * attended)

    def steps(self, traffic: Traffic) -> Floats:
        """Decode steps of a request, a point each: the first token comes with the prompt's last chunk."""
        return traffic.outputs - 1.0 if self.decodes else np.zeros_like(traffic.outputs)

    @cached_property
    def mean_steps(self) -> float:
        """Decode steps of a request."""
        return self.traffic.mean(self.steps(self.traffic))

    @cached_property
    def mean_chunks(self) -> float:
        """Chunks of a prompt."""
        return self.traffic.mean(self.chunks(self.traffic))

    @cached_property
    def mean_parts(self) -> float:
        """Prompt tokens over tokens a step may compute: chunks when prompts share steps."""
        return self.traffic.mean(self.new(self.traffic)) / self.model.chunk_tokens

    @cached_property
    def chunk(self) -> float:
        """Prompt tokens of a chunk."""
        return self.traffic.mean(self.new(self.traffic)) / max(self.mean_chunks, 1.0)

    @cached_property
    def work_moments(self) -> tuple[float, float]:
        """Mean and mean square of prefill work, in seconds."""
        work = self.work(self.traffic)
        return self.traffic.mean(work), self.traffic.mean(work**2)

    @cached_property
    def context(self) -> float:
        """Tokens that a decoding request attends to, averaged over steps."""
        traffic, steps = self.traffic, self.steps(self.traffic)
        total = traffic.mean(steps * (traffic.prompts + traffic.outputs / 2.0))
        return total / self.mean_steps if self.mean_steps > 0.0 else traffic.mean(traffic.prompts)

    @cached_property
    def context_deviation(self) -> float:
        """Standard deviation of the same, over requests that decode at one time."""
        traffic, steps = self.traffic, self.steps(self.traffic)
        if self.mean_steps <= 0.0:
            return sqrt(traffic.mean((traffic.prompts - self.context) ** 2))
        squares = traffic.prompts**2 + traffic.prompts * traffic.outputs + traffic.outputs**2 / 3.0
        return sqrt(max(traffic.mean(steps * squares) / self.mean_steps - self.context**2, 0.0))

    @cached_property
    def concurrency(self) -> int:
        """Requests that one replica runs at once: memory for their tokens as they are, or the engine's limit.

        n·mean + σ·√n fills the memory. Raises Infeasible when a single request does not fit.
        """
        longest, room = float(self.traffic.totals.max()), float(self.model.kv_tokens)
        if longest > room:
            raise Infeasible(
                "kv", longest, room,
                f"a request of {longest:,.0f} tokens does not fit: a replica holds {room:,.0f} tokens of KV; "
                "take more GPUs a replica, a GPU with more memory, or route such requests elsewhere.",
            )  # fmt: skip
        mean, spare = self.context + HALF_BLOCK, SPARE_SIGMAS * self.context_deviation
        root = (sqrt(spare**2 + 4.0 * mean * room) - spare) / (2.0 * mean)
        return max(1, min(self.model.max_seqs, int(root**2)))

    @cached_property
    def _curve(self) -> tuple[Floats, Floats]:
        """Batches and the seconds of a decode step at each; straight between them (it is, but for experts)."""
        batches = np.unique(np.concatenate(([1.0], np.geomspace(1.0, max(self.concurrency, 2), CURVE_POINTS))))
        return batches, np.array([self.model.decode_seconds(b, b * self.context) for b in batches.tolist()])

    def step(self, batch: Floats) -> Floats:
        """Seconds of a decode step of so many requests, at least one; 0 where nothing is decoded."""
        if self.mean_steps <= 0.0:
            return np.zeros_like(batch)
        return np.interp(batch, *self._curve)

    def chunk_extra(self, batch: float) -> float:
        """Seconds that a step grows by for holding a chunk at all, beside the work of its tokens."""
        model, share = self.model, min(batch, 1.0) if self.mean_steps > 0.0 else 0.0
        if not self.prefills:
            return 0.0
        decoding, tokens = max(batch, 1.0), self.chunk
        mixed = model.step(decoding, decoding * self.context, tokens) - model.slowdown * model.token_s * tokens
        beside = max(mixed - model.decode_seconds(decoding, decoding * self.context), 0.0)
        return share * beside + (1.0 - share) * model.slowdown * model.prefill_base_s
