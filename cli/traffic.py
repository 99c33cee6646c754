"""The workload that a comparison sends: drawn or read, spread over the fleet's models, at a share of its capacity."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from cli.door import WrongUse
from cli.rates import Means
from cli.trace_source import options
from sims.arrival import Arrival
from sims.traces.reading.reader import detect, read
from sims.traces.reading.transforms import assigned, scaled, window
from sims.workloads.azure_conversation import AzureConversation
from sims.workloads.drawing.parameters import parameters
from sims.workloads.mooncake_conversation import Turns

BLOCK_TOKENS = 16
SAMPLE = 4096  # arrivals from which the means are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where arrivals come from."""

    trace: Path | None = None
    format_name: str = ""
    fields: tuple[str, ...] = ()  # name=value of the format's options
    seed: int = 1

    @property
    def name(self) -> str:
        """What to call it."""
        if self.trace is not None:
            return self.trace.name
        return "Azure 2023 conversation lengths and arrivals, in conversations that grow as Mooncake's do"

    def arrivals(self) -> Iterator[Arrival]:
        """In their own time; raises `BadTrace`, and `WrongUse` for an option that is none."""
        if self.trace is not None:
            name = self.format_name or detect(self.trace)
            return read(self.trace, name, **options(name, self.fields))
        return conversations(AzureConversation().arrivals(self.seed), self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a source's first arrivals are like."""

    means: Means
    rate_rps: float


def profile(source: Source) -> Profile:
    """Means and rate of the first arrivals; raises `BadTrace`, and `WrongUse` when they are too few."""
    sample = list(islice(source.arrivals(), SAMPLE))
    if len(sample) < 2 or sample[-1].at <= sample[0].at:
        raise WrongUse(f"{source.name} has too few arrivals to replay at a rate")
    n = len(sample)
    prompt, output = (sum(a.prompt_tokens for a in sample) / n, sum(a.output_tokens for a in sample) / n)
    return Profile(means=Means(prompt, output), rate_rps=n / (sample[-1].at - sample[0].at))


def conversations(arrivals: Iterable[Arrival], seed: int) -> Iterator[Arrival]:
    """The same lengths and times, some of them later turns of conversations, by Mooncake's published reuse."""
    figures = parameters("mooncake_conversation")
    turns = Turns(figures.shape, parameters("azure_conversation").published["prompt"]["p50"], BLOCK_TOKENS)
    coins = np.random.Generator(np.random.PCG64([seed, 0xC0]))
    for arrival in arrivals:
        yield turns.next(arrival.at, arrival.prompt_tokens, arrival.output_tokens, coins.random(3).tolist())


def offered(
    source: Source, rate_rps: float, native_rps: float, shares: dict[str, float], span_s: float
) -> list[Arrival]:
    """Arrivals of the first `span_s` seconds at `rate_rps`, each for one model; `native_rps` is the source's own."""
    paced = scaled(source.arrivals(), rate_rps / native_rps)
    return list(window(assigned(map(_namelessly, paced), shares), end_s=span_s))


def _namelessly(arrival: Arrival) -> Arrival:
    """A trace's own model names mean nothing to this fleet."""
    return replace(arrival, model="")
