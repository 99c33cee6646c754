"""One seed: the policy and the oracle through all six hours, every fixed fleet through each phase."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from bench.roles.sides import MIN_LOAD, MIXED, SPLITS, TPOT_S, TTFT_S, Foreknowing, fixed, good, switched
from bench.roles.traffic import PHASE_S, Phase, tenants, together
from policies.scale.roles import Roles
from policies.scale.scaling import Scaling
from policies.scale.splits import Split
from sims.arrivals import Arrivals
from sims.engine.run import SERVED, Run

ATTAINED, LOAD = 0.9, 0.8
CALIBRATED_S, CALIBRATION = 900.0, 10_000
LEAST_RATE, MOST_RATE, HALVINGS = 2.0, 200.0, 7

MIN_LOADS = (Split(4, 4, 0), Split(5, 3, 0), Split(6, 2, 0))
"""What xLLM's baseline is given: an even split, and those that come out best of the fixed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What is kept of a run."""

    kept: npt.NDArray[np.bool_]  # by request: whether it kept both deadlines
    lost: int  # requests that were never served

    def divided(self, sizes: Sequence[int]) -> "list[Played]":
        """The same in parts of so many requests, one after another."""
        return [Played(kept=part, lost=0) for part in np.split(self.kept, np.cumsum(sizes)[:-1])]


def played(run: Run) -> Played:
    """What is kept of a run."""
    return Played(kept=good(run), lost=int((run.state != SERVED).sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side made of six hours, or of a phase."""

    good: int  # requests that kept both deadlines
    lost: int  # requests that were never served
    switches: int = 0  # times replicas moved, however many at a time
    reversals: int = 0  # splits left and come back to within one phase

    @classmethod
    def of(cls, runs: Sequence[Played], switches: int = 0, reversals: int = 0) -> "Side":
        """All runs of a side as one."""
        good_ones, lost = sum(int(run.kept.sum()) for run in runs), sum(run.lost for run in runs)
        return cls(good=good_ones, lost=lost, switches=switches, reversals=reversals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One seed: by side, and the split that the oracle had in each phase."""

    requests: int
    span_s: float
    sides: Mapping[str, Side]
    plan: Sequence[tuple[str, Split]]  # (kind, split)
    by_kind: Mapping[str, Mapping[str, float]]  # of each kind's requests the share that was good, by side


def rate_of(trace: Arrivals) -> tuple[float, Split]:
    """Requests a second that the best fixed fleet serves nine in ten of within both deadlines, and which that is.

    Traffic of a seed that is not played again; each split's limit by halving.
    """
    limits = {split: _limit(trace, split) for split in SPLITS}
    best = max(limits, key=lambda split: limits[split])
    return limits[best], best


def contest(parts: Sequence[Phase]) -> Outcome:
    """All sides on the phases of one seed; a fixed fleet begins each phase empty, which can only help it."""
    starts = [part.start for part in parts]
    stays = {split: [played(fixed(part.arrivals, split)) for part in parts] for split in SPLITS}
    best = [max(SPLITS, key=lambda split: stays[split][i].kept.mean()) for i in range(len(parts))]
    sides = {f"fixed_{named(split)}": runs for split, runs in stays.items()}
    sides |= {
        f"min_load_{named(split)}": [played(fixed(part.arrivals, split, MIN_LOAD)) for part in parts]
        for split in MIN_LOADS
    }
    changing: dict[str, Scaling] = {
        "oracle": Foreknowing(plan=tuple(zip(starts, best, strict=True)), drains=False),
        "policy": Roles(ttft_s=TTFT_S, tpot_s=TPOT_S),
    }
    found = {name: Side.of(runs) for name, runs in sides.items()}
    for name, scaling in changing.items():
        run, noted = switched(together(parts), best[0] if name == "oracle" else MIXED, scaling)
        whole = played(run)
        sides[name] = whole.divided([len(part.arrivals) for part in parts])
        found[name] = Side.of([whole], switches=len(noted.why), reversals=reversals(noted.splits, starts))
    kinds = [part.kind for part in parts]
    return Outcome(
        requests=sum(len(part.arrivals) for part in parts),
        span_s=PHASE_S * len(parts),
        sides=found,
        plan=list(zip(kinds, best, strict=True)),
        by_kind={name: by_kind(kinds, runs) for name, runs in sides.items()},
    )


def by_kind(kinds: Sequence[str], runs: Sequence[Played]) -> dict[str, float]:
    """The share of each kind's requests that kept both deadlines; a kind and a run a phase."""
    of = {kind: [run.kept for one, run in zip(kinds, runs, strict=True) if one == kind] for kind in kinds}
    return {kind: float(np.concatenate(kept).mean()) for kind, kept in of.items()}


def reversals(splits: Sequence[tuple[float, Split]], starts: Sequence[float]) -> int:
    """How often a fleet came back, within one phase, to a split that it had had in that phase.

    `splits` are the times from which it had each; what it had when a phase began is no choice of that phase.
    """
    back = 0
    for start, end in zip(starts, [*starts[1:], inf], strict=True):
        had = [split for at, split in splits if start <= at < end]
        back += len(had) - len(set(had))
    return back


def named(split: Split) -> str:
    """A split in the name of a figure."""
    return "mixed" if split == MIXED else f"{split.prefill}p{split.decode}d"


def _limit(trace: Arrivals, split: Split) -> float:
    low, high = LEAST_RATE, MOST_RATE
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        enough = good(fixed(tenants(trace, middle, CALIBRATED_S, [CALIBRATION]), split)).mean() >= ATTAINED
        low, high = (middle, high) if enough else (low, middle)
    return low
