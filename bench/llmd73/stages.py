"""One simulated run, summed up as inference-perf sums up a stage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.llmd73.gateway import Answers, Gateway
from bench.llmd73.policies import POLICIES
from bench.llmd73.published import COUNTED_TOKENS, REPORTED, Reported
from bench.llmd73.workload import fleet, sent

KNEE = 5.0  # times the least mean TTFT of the stages before


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One policy on one seed, a value a stage."""

    stages: Reported
    refused: Sequence[int]
    cached: Sequence[float]  # share of prompt tokens found in the engine's cache


def run(policy: str, slowdown: float, frontend_s: float, seed: int) -> Ran:
    """The whole benchmark under one policy."""
    arrivals, each = sent(policy, seed)
    answers = Gateway(arrivals, fleet(slowdown, frontend_s), POLICIES[policy], seed).run()
    return Ran(
        stages=Reported(
            tokens_per_s=[tokens_per_s(answers, stage) for stage in each],
            ttft_s=[float(np.nanmean(answers.first[stage] - answers.at[stage])) for stage in each],
            sent_per_s=REPORTED[policy].sent_per_s,
        ),
        refused=[int((~answers.served[stage]).sum()) for stage in each],
        cached=[float(np.nanmean(answers.cached[stage] / arrivals.prompt_tokens[stage])) for stage in each],
    )


def tokens_per_s(answers: Answers, stage: slice) -> float:
    """Reported output tokens of the requests that were served over the time from the first sent to the last ended."""
    served = answers.served[stage]
    begin, end = answers.at[stage][served].min(), answers.end[stage][served].max()
    return float(served.sum() * COUNTED_TOKENS / (end - begin))


def knee(ttft_s: Sequence[float]) -> int | None:
    """The first stage whose mean TTFT is more than five times the least of those before; None where none is."""
    least = ttft_s[0]
    for stage, mean in enumerate(ttft_s):
        if mean > KNEE * least:
            return stage
        least = min(least, mean)
    return None
