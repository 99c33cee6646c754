"""One policy beside another, seed by seed: the same requests and draws for both, so that they cancel out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sims.measure.outcome import Outcome
from sims.measure.seeds import Range, figure
from sims.statistics import compare

LESS, MORE = "less", "more"

BETTER = {
    "ttft_s.mean": LESS, "ttft_s.p50": LESS, "ttft_s.p90": LESS, "ttft_s.p99": LESS, "tpot_s.mean": LESS,
    "tpot_s.p90": LESS, "e2e_s.mean": LESS, "e2e_s.p90": LESS, "goodput_rps": MORE, "goodput_share": MORE,
    "output_tokens_per_s": MORE, "cached_token_share": MORE, "usd_per_million_tokens": LESS, "tokens_per_joule": MORE,
    "quality": MORE, "quality_in_time": MORE,
    "usd_per_thousand_right": LESS,
}  # fmt: skip
"""The figures that are compared, and which way is better."""
JUDGED = ("quality", "quality_in_time", "usd_per_thousand_right")
"""Those that there are only where answers are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One figure of a policy less the same of another, over the same seeds."""

    difference: Annotated[float, Field(description="mean over seeds of its figure less the other's")]
    ci95: Annotated[Range, Field(description="ends of the difference's 95 % interval; null with one seed")]
    ratio: Annotated[float, Field(description="its mean over the other's")]
    wins: Annotated[int, Field(description="seeds in which it was better")]
    seeds: int
    better: Annotated[bool | None, Field(description="whether it is better for certain; null where chance may decide")]


def paired(first: Sequence[Outcome], second: Sequence[Outcome]) -> dict[str, Paired]:
    """Every figure of the first less the second's; both hold the same seeds in the same order."""
    found = {path: _paired(path, way, first, second) for path, way in BETTER.items()}
    unjudged = {path for path in JUDGED if found[path].difference != found[path].difference}
    return {path: each for path, each in found.items() if path not in unjudged}


def _paired(path: str, way: str, first: Sequence[Outcome], second: Sequence[Outcome]) -> Paired:
    mine, others = ([figure(one.metrics, path) for one in side] for side in (first, second))
    found = compare(mine, others)
    less = found.difference.mean < 0.0
    wins = found.wins if way == LESS else sum(a > b for a, b in zip(mine, others, strict=True))
    return Paired(
        difference=found.difference.mean,
        ci95=(found.difference.low, found.difference.high),
        ratio=found.ratio,
        wins=wins,
        seeds=len(mine),
        better=(less == (way == LESS)) if found.decided else None,
    )
