"""Requests of given length distributions whose arrivals are Poisson, Gamma or Weibull; no sessions, no prefixes."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from policies.registry import BadSetting, known
from sims.arrivals import Arrivals, Floats, Ints
from sims.traces.reading.columns import lengths as plain
from sims.workloads.drawing.bounds import arriving, lengths, within
from sims.workloads.drawing.cumulative import Cumulative
from sims.workloads.drawing.fitting import burstiness, points, rank_correlation
from sims.workloads.drawing.lengths import Quantiles
from sims.workloads.drawing.times import after, gaps
from sims.workloads.drawing.workload import Drawn, workload

BATCH = 8192
Points = tuple[tuple[float, float], ...]


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class Cdf(Drawn):
    """Either one distribution of total tokens with a fixed share of prompt, or one of prompts and one of answers."""

    lengths: str = "azure"  # azure, lmsys, agent_heavy, or the path of a JSON file of [tokens, share]
    prompt_share: float = 0.8  # of the total that is prompt, rounded down
    prompt: Points = ()  # (share, tokens): with `output` in place of `lengths`
    output: Points = ()
    correlation: float = 0.0  # Spearman's, between prompt and answer where both are given; from -1 to 1
    rate_rps: float = 5.0
    cv: float = 1.0
    family: str = "poisson"  # of the times between arrivals: poisson, gamma, weibull

    def __post_init__(self) -> None:
        arriving(self, self.family)
        lengths(self)
        within(self, {"prompt_share": (1e-6, 1.0 - 1e-6), "correlation": (-1.0, 1.0)})
        if bool(self.prompt) != bool(self.output):
            raise BadSetting("prompt and output are given together or not at all")

    def batches(self, seed: int) -> Iterator[Arrivals]:
        """Without end."""
        clock, draws = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(2))
        draw, last = self._drawing(), 0.0
        while True:
            at = after(last, gaps(clock, self.rate_rps, self.cv, BATCH, self.family))
            yield plain(at, *draw(draws))
            last = float(at[-1])

    def _drawing(self) -> "Together | Apart":
        if self.prompt:
            return Apart(Quantiles.of(self.prompt), Quantiles.of(self.output), self.correlation)
        return Together(distribution(self.lengths), self.prompt_share)

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """Both distributions, how they go together, and the arrivals; raises `CannotFit`."""
        arrival = burstiness(sample)
        return cls(
            prompt=points(sample.prompt_tokens),
            output=points(sample.output_tokens),
            correlation=rank_correlation(sample.prompt_tokens, sample.output_tokens),
            rate_rps=arrival.rate_rps,
            cv=arrival.cv,
            family=arrival.family,
        )


@dataclass(frozen=True, slots=True)
class Together:
    """Totals, split at a fixed share."""

    total: Cumulative
    share: float

    def __call__(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Prompt and answer tokens of a batch."""
        total = self.total.at(rng.random(BATCH))
        # a share such as 0.8 has no exact double: 0.8 * 10 must not become 7
        prompt = np.maximum(np.floor(total * self.share + 1e-9), 1).astype(np.int64)
        return prompt, np.maximum(total - prompt, 1)


@dataclass(frozen=True, slots=True)
class Apart:
    """Prompts and answers; in a share |correlation| of requests the answer's rank is the prompt's, or its reverse."""

    prompt: Quantiles
    output: Quantiles
    correlation: float

    def __call__(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Prompt and answer tokens of a batch."""
        rank, other, coin = rng.random((3, BATCH))
        return self.prompt.at(rank), self.output.at(linked(rank, other, coin, self.correlation))


def linked(rank: Floats, other: Floats, coin: Floats, correlation: float) -> npt.NDArray[np.float64]:
    """Ranks with that correlation to `rank`: its own or its reverse where the coin falls so, else `other`."""
    return np.where(coin < abs(correlation), rank if correlation > 0.0 else 1.0 - rank, other)


@cache
def built_in() -> dict[str, Cumulative]:
    """The published distributions, by name."""
    table = tomllib.loads((Path(__file__).parent / "cdf.toml").read_text())
    grid = table["grid"]
    return {name: Cumulative.of(list(zip(grid, f, strict=True)), name) for name, f in table["shares"].items()}


def distribution(lengths: str) -> Cumulative:
    """A published distribution by its name, or one from a JSON file; raises `BadTrace` and `BadSetting`."""
    if lengths in built_in():
        return built_in()[lengths]
    if not lengths.endswith(".json") and not Path(lengths).exists():
        raise BadSetting(f"no length distribution {lengths!r}: name a JSON file, or {known(lengths, list(built_in()))}")
    return Cumulative.read(Path(lengths))
