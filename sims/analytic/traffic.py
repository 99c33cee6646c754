"""The traffic a pool is sized for: a rate, and the prompt and answer lengths of its requests as weighted points."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from sims.analytic.lengths import LengthCdf
from sims.arrival import Arrival

Floats = npt.NDArray[np.float64]

STRIPS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0])
"""Where strips of requests end, as shares of them from the shortest to the longest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traffic:
    """Requests of a kind: `rate` a second, each weighted point one prompt length with its answer length.

    All arrays have shape [points]. Points keep prompt and answer together, so their correlation is kept.
    """

    rate: float  # requests a second
    prompts: Floats  # tokens
    outputs: Floats  # tokens, at least 1
    weights: Floats = field(default_factory=lambda: np.empty(0))  # share of requests, summing to 1; even when left out
    cached: Floats = field(default_factory=lambda: np.empty(0))  # of the prompt, tokens found cached; none if left out
    arrival_cv2: float = 1.0  # squared coefficient of variation of the times between arrivals; 1 is Poisson

    def __post_init__(self) -> None:
        count = len(self.prompts)
        weights = self.weights if len(self.weights) else np.full(count, 1.0 / max(count, 1))
        cached = self.cached if len(self.cached) else np.zeros(count)
        arrays = (self.prompts, self.outputs, weights, cached)
        if count == 0 or any(len(one) != count for one in arrays):
            raise ValueError("traffic needs at least one point, and as many outputs, weights and cached as prompts")
        if not all(bool(np.all(np.isfinite(one) & (one >= 0.0))) for one in arrays) or not weights.sum() > 0.0:
            raise ValueError("prompts, outputs, weights and cached must be finite, not negative, some weight above 0")
        if not self.rate >= 0.0 or not self.arrival_cv2 >= 0.0:
            raise ValueError(f"rate and arrival_cv2 must not be negative, not {self.rate} and {self.arrival_cv2}")
        object.__setattr__(self, "weights", weights / weights.sum())
        object.__setattr__(self, "outputs", np.maximum(self.outputs, 1.0))
        # An engine computes at least the last token of a prompt anew.
        object.__setattr__(self, "cached", np.minimum(cached, np.maximum(self.prompts - 1.0, 0.0)))

    @classmethod
    def of(cls, arrivals: Iterable[Arrival], *, cached: Iterable[float] = (), rate: float | None = None) -> Self:
        """The traffic of recorded arrivals, in order; `cached` is what each found cached, `rate` replaces theirs.

        Raises ValueError for fewer than two arrivals.
        """
        rows = list(arrivals)
        if len(rows) < 2:
            raise ValueError(f"a rate needs at least 2 arrivals, not {len(rows)}: give a longer trace")
        gaps = np.diff(np.array([row.at for row in rows]))
        mean = float(gaps.mean())
        if rate is None and not mean > 0.0:
            raise ValueError("all arrivals come at one instant: give a rate")
        return cls(
            rate=1.0 / mean if rate is None else rate,
            prompts=np.array([row.prompt_tokens for row in rows], dtype=np.float64),
            outputs=np.array([row.output_tokens for row in rows], dtype=np.float64),
            cached=np.array(list(cached), dtype=np.float64),
            arrival_cv2=float((gaps / mean).var()) if mean > 0.0 else 1.0,
        )

    @classmethod
    def from_totals(cls, lengths: LengthCdf, rate: float, *, prompt_share: float = 0.8, each: int = 16) -> Self:
        """Poisson traffic from a CDF of total tokens, of which the prompt is always the same share."""
        totals, weights = lengths.points(each)
        return cls(rate=rate, prompts=prompt_share * totals, outputs=(1.0 - prompt_share) * totals, weights=weights)

    @property
    def totals(self) -> Floats:
        """Prompt and answer tokens of each point."""
        return self.prompts + self.outputs

    @property
    def output_rate(self) -> float:
        """Answer tokens a second."""
        return self.rate * self.mean(self.outputs)

    def mean(self, values: Floats) -> float:
        """Weighted mean of one value a point."""
        # Not np.dot: its threads cost milliseconds on long arrays when the machine is busy.
        return float((self.weights * values).sum())

    def share(self, chosen: npt.NDArray[np.bool_]) -> float:
        """Share of requests among the chosen points."""
        return float(self.weights[chosen].sum())

    def at(self, rate: float) -> Self:
        """The same requests at another rate."""
        return replace(self, rate=rate)

    def part(self, weights: Floats) -> Self | None:
        """The requests that remain when each point keeps so much of its weight, at their share of the rate.

        The fewer remain, the closer their arrivals come to Poisson. None when nothing remains.
        """
        share = min(float(weights.sum()), 1.0)
        if not share > 1e-12:
            return None
        kept = weights > 0.0
        return replace(
            self, rate=self.rate * share, prompts=self.prompts[kept], outputs=self.outputs[kept],
            weights=weights[kept], cached=self.cached[kept],
            arrival_cv2=share * self.arrival_cv2 + 1.0 - share,
        )  # fmt: skip

    def below(self, boundary: float) -> Self | None:
        """Requests of at most so many tokens, prompt and answer; None when there are none."""
        return self.part(np.where(self.totals <= boundary, self.weights, 0.0))

    def above(self, boundary: float) -> Self | None:
        """Requests of more tokens than that; None when there are none."""
        return self.part(np.where(self.totals > boundary, self.weights, 0.0))

    def thinned(self) -> Self:
        """The same traffic in a few hundred points: neighbours by prompt and answer length merged into their mean.

        Strips narrow towards the longest requests, so tails survive.
        """
        if len(self.prompts) <= len(STRIPS) ** 2:
            return self
        rows = _strips(self.prompts, self.weights)
        columns = np.zeros_like(rows)
        for row in range(len(STRIPS)):
            inside = np.flatnonzero(rows == row)
            columns[inside] = _strips(self.outputs[inside], self.weights[inside])
        return self._merged(rows * len(STRIPS) + columns)

    def _merged(self, cells: npt.NDArray[np.int64]) -> Self:
        """One point a cell."""
        weights = np.bincount(cells, self.weights).astype(np.float64)
        kept = weights > 0.0
        sums = (np.bincount(cells, self.weights * each)[kept] for each in (self.prompts, self.outputs, self.cached))
        prompts, outputs, cached = (one / weights[kept] for one in sums)
        return replace(self, prompts=prompts, outputs=outputs, cached=cached, weights=weights[kept])


def together(*parts: Traffic | None) -> Traffic | None:
    """Several kinds of requests as one; None when there is none. Burstiness is that of the sum of independent parts."""
    present = [part for part in parts if part is not None and part.rate > 0.0]
    if not present:
        return None
    rate = sum(part.rate for part in present)
    return Traffic(
        rate=rate,
        prompts=np.concatenate([part.prompts for part in present]),
        outputs=np.concatenate([part.outputs for part in present]),
        weights=np.concatenate([part.weights * (part.rate / rate) for part in present]),
        cached=np.concatenate([part.cached for part in present]),
        arrival_cv2=sum(part.arrival_cv2 * part.rate for part in present) / rate,
    )


def compressed(traffic: Traffic, boundary: float, gamma: float, share: float) -> tuple[Traffic | None, Traffic | None]:
    """(short, long) under compress-and-route: of requests between the boundary and `gamma` times it, `share` are
    compressed to the boundary and sent to the short pool, the rest is long.

    Only the prompt shrinks, so an answer as long as the boundary keeps its request long.
    """
    totals = traffic.totals
    between = (totals > boundary) & (totals <= gamma * boundary) & (traffic.outputs < boundary)
    moved = np.where(between, share * traffic.weights, 0.0)
    long = traffic.part(np.where(totals > boundary, traffic.weights, 0.0) - moved)
    squeezed = traffic.part(moved)
    if squeezed is not None:
        prompts = boundary - squeezed.outputs
        squeezed = replace(squeezed, prompts=prompts, cached=np.minimum(squeezed.cached, prompts))
    return together(traffic.below(boundary), squeezed), long


def _strips(values: Floats, weights: Floats) -> npt.NDArray[np.int64]:
    """Which of STRIPS each value falls into, by size."""
    order = np.argsort(values, kind="stable")
    middle = (np.cumsum(weights[order]) - weights[order] / 2.0) / weights.sum()
    strips = np.empty(len(values), dtype=np.int64)
    strips[order] = np.searchsorted(STRIPS, middle)
    return strips
