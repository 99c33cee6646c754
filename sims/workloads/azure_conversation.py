"""Requests with the published statistics of Azure's conversation trace of 2023; it tells of no sessions or prefixes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sims.arrival import Arrival
from sims.workloads.drawing.parameters import parameters
from sims.workloads.drawing.times import BATCH, gamma_times
from sims.workloads.drawing.workload import workload


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class AzureConversation:
    """Gamma arrivals, prompt and answer lengths drawn apart from each other."""

    rate_rps: float = 5.53
    cv: float = 1.09

    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """An endless stream."""
        clock, draws = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(2))
        shapes, times = parameters("azure_conversation"), gamma_times(clock, self.rate_rps, self.cv)
        while True:
            prompts, outputs = shapes.prompt.draw(draws, BATCH).tolist(), shapes.output.draw(draws, BATCH).tolist()
            for prompt, output in zip(prompts, outputs, strict=True):
                yield Arrival(at=next(times), prompt_tokens=prompt, output_tokens=output)
