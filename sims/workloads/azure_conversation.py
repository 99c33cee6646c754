"""Requests with the published statistics of Azure's conversation trace of 2023; it tells of no sessions or prefixes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from sims.arrivals import Arrivals
from sims.traces.reading.columns import lengths as plain
from sims.workloads.drawing.bounds import arriving, lengths
from sims.workloads.drawing.fitting import burstiness, points
from sims.workloads.drawing.lengths import Quantiles
from sims.workloads.drawing.parameters import parameters
from sims.workloads.drawing.times import BATCH, after, gaps
from sims.workloads.drawing.workload import Drawn, workload

AT_ONCE = 8  # batches in one draw


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class AzureConversation(Drawn):
    """Gamma arrivals, prompt and answer lengths drawn apart from each other."""

    rate_rps: float = 5.53
    cv: float = 1.09
    prompt: tuple[tuple[float, float], ...] = ()  # (share, tokens) in place of the published lengths
    output: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        arriving(self)
        lengths(self)

    def batches(self, seed: int) -> Iterator[Arrivals]:
        """Without end."""
        clock, draws = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(2))
        published, last = parameters("azure_conversation"), 0.0
        prompt = Quantiles.of(self.prompt) if self.prompt else published.prompt
        output = Quantiles.of(self.output) if self.output else published.output
        while True:
            at = after(last, gaps(clock, self.rate_rps, self.cv, AT_ONCE * BATCH))
            # a batch of prompts, then one of answers, from the same source: the stream that has always been drawn
            ranks = draws.random((AT_ONCE, 2, BATCH))
            yield plain(at, prompt.at(ranks[:, 0].ravel()), output.at(ranks[:, 1].ravel()))
            last = float(at[-1])

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """Rate, variation and both lengths; raises `CannotFit`."""
        arrival = burstiness(sample)
        prompt, output = points(sample.prompt_tokens), points(sample.output_tokens)
        return cls(rate_rps=arrival.rate_rps, cv=arrival.cv, prompt=prompt, output=output)
