"""The mixed-integer programme: how many replicas of which kind carry all slices of the traffic for the least."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.plan.asked import Asked, NoPlan
from sims.plan.kinds import Kind
from sims.plan.traffic import Floats
from sims.plan.work import Work

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Counts = tuple[int, ...]
"""Replicas of each kind."""

SECONDS = 20.0  # at most, for one programme
GAP = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What the programme found."""

    counts: Counts
    shares: Floats  # of each slice that each kind carries; shape [kinds, slices]


def scipy_or_say() -> Any:
    """`scipy.optimize`; raises NoPlan with the remedy where SciPy is not installed."""
    try:
        import scipy.optimize
    except ImportError:
        raise NoPlan("`weir plan` needs SciPy, which is not installed: pip install 'weir[plan]'") from None
    return scipy.optimize


def hourly(kind: Kind, asked: Asked) -> float:
    """What one replica adds to the figure that is made small."""
    return asked.objective.hourly(kind.usd_per_hour, kind.watts)


def mix(work: Work, asked: Asked, utilisation: float, *, limited: bool = True) -> Mix | None:
    """The cheapest counts whose replicas are at most so busy; None when there are none.

    `limited` keeps the limits on GPUs, watts and dollars; the one on replicas is always kept.
    """
    optimize = scipy_or_say()
    kinds, slices = len(work.kinds), len(work.slices)
    carried = kinds * slices
    cost = np.concatenate([[hourly(kind, asked) for kind in work.kinds], np.full(carried, 1e-9)])
    matrix, low, high = _constraints(work, asked, utilisation, limited)
    found = optimize.milp(
        cost,
        constraints=optimize.LinearConstraint(matrix, low, high),
        integrality=np.concatenate([np.ones(kinds), np.zeros(carried)]),
        bounds=optimize.Bounds(np.zeros(kinds + carried), _most(work, asked, limited)),
        options={"time_limit": SECONDS, "mip_rel_gap": GAP},
    )
    if found.x is None:
        return None
    counts = tuple(round(n) for n in found.x[:kinds])
    return Mix(counts=counts, shares=found.x[kinds:].reshape(kinds, slices))


def utilisation(work: Work, counts: Counts) -> float:
    """How busy those replicas are when slices are spread over them as evenly as can be; inf where they cannot serve."""
    used = [k for k, n in enumerate(counts) if n]
    if not used:
        return inf
    some, optimize = work.only(used), scipy_or_say()
    kinds, slices = len(used), len(work.slices)
    seconds = _finite(some)
    busy = np.zeros((kinds, 1 + kinds * slices))
    busy[:, 0] = -np.array([counts[k] for k in used], np.float64)
    for k in range(kinds):
        busy[k, 1 + k * slices : 1 + (k + 1) * slices] = seconds[k] * some.rates
    late, room = _late_rows(some, kinds, slices, 1)
    whole = np.hstack([np.zeros((slices, 1)), np.tile(np.eye(slices), kinds)])
    upper = np.ones(1 + kinds * slices)
    upper[0], upper[1:] = np.inf, np.where(np.isfinite(some.seconds), 1.0, 0.0).ravel()
    found = optimize.linprog(
        np.concatenate([[1.0], np.zeros(kinds * slices)]),
        A_ub=np.vstack([busy, late]), b_ub=np.concatenate([np.zeros(kinds), room]),
        A_eq=whole, b_eq=np.ones(slices), bounds=np.stack([np.zeros(len(upper)), upper], axis=1),
    )  # fmt: skip
    return float(found.x[0]) if found.status == 0 else inf


def broken(counts: Counts, kinds: Sequence[Kind], asked: Asked) -> list[str]:
    """Which limits a fleet breaks and by how much, a phrase each."""
    limits, said = asked.limits, []
    each = list(zip(counts, kinds, strict=True))
    watts = sum(n * kind.perf.limit_w for n, kind in each)
    usd = sum(n * kind.usd_per_hour for n, kind in each)
    if watts > limits.most_watts * (1.0 + 1e-9):
        said.append(f"its GPUs may draw {watts / 1e3:.1f} kW and the cap is {limits.most_watts / 1e3:.1f} kW")
    if usd > limits.most_usd_per_hour * (1.0 + 1e-9):
        said.append(f"it costs ${usd:.2f} an hour and the cap is ${limits.most_usd_per_hour:.2f}")
    for offer in asked.offers:
        gpus = sum(n * kind.gpus for n, kind in each if kind.offer is offer)
        if offer.count is not None and gpus > offer.count:
            said.append(f"it takes {gpus} × {offer.name} and there are {offer.count}")
    return said


def most_of(kind: Kind, asked: Asked) -> int:
    """Replicas of that kind alone that keep every limit."""
    bounds = [float(asked.limits.most_replicas)]
    if kind.offer.count is not None:
        bounds.append(kind.offer.count / kind.gpus)
    bounds.append(asked.limits.most_watts / kind.perf.limit_w)
    bounds.append(asked.limits.most_usd_per_hour / max(kind.usd_per_hour, 1e-9))
    return int(min(bounds) + 1e-9)


def _most(work: Work, asked: Asked, limited: bool) -> Floats:
    replicas = [float(most_of(kind, asked) if limited else asked.limits.most_replicas) for kind in work.kinds]
    return np.concatenate([replicas, np.where(np.isfinite(work.seconds), 1.0, 0.0).ravel()])


def _finite(work: Work) -> Floats:
    return np.where(np.isfinite(work.seconds), work.seconds, 0.0)


def _constraints(work: Work, asked: Asked, utilisation: float, limited: bool) -> "tuple[csr_array, Floats, Floats]":
    """Rows of the programme over [counts, shares]: every slice whole, no kind too busy, few late, all limits kept."""
    from scipy.sparse import csr_array

    kinds, slices = len(work.kinds), len(work.slices)
    seconds = _finite(work)
    busy = np.zeros((kinds, kinds + kinds * slices))
    for k in range(kinds):
        busy[k, k] = -utilisation
        busy[k, kinds + k * slices : kinds + (k + 1) * slices] = seconds[k] * work.rates
    whole = np.hstack([np.zeros((slices, kinds)), np.tile(np.eye(slices), kinds)])
    late, room = _late_rows(work, kinds, slices, kinds)
    limits, most = _limit_rows(work, asked, kinds * slices, limited)
    matrix = csr_array(np.vstack([whole, busy, late, limits]))
    low = np.concatenate([np.ones(slices), np.full(kinds + len(late) + len(limits), -np.inf)])
    high = np.concatenate([np.ones(slices), np.zeros(kinds), room, most])
    return matrix, low, high


def _late_rows(work: Work, kinds: int, slices: int, before: int) -> tuple[Floats, Floats]:
    """One row a class: requests that are late whatever is done, and how many may be."""
    owners = list(dict.fromkeys(one.owner for one in work.slices))
    rows = np.zeros((len(owners), before + kinds * slices))
    room = np.zeros(len(owners))
    for row, owner in enumerate(owners):
        mine = np.array([one.owner is owner for one in work.slices])
        rows[row, before:] = np.where(mine, work.late, 0.0).ravel()
        room[row] = work.allowed[mine][0]
    return rows, room


def _limit_rows(work: Work, asked: Asked, carried: int, limited: bool) -> tuple[Floats, Floats]:
    """One row a limit that is given: replicas, and GPUs of each offer, watts, dollars where limited."""
    kinds, limits = work.kinds, asked.limits
    rows, most = [[1.0 for _ in kinds]], [float(limits.most_replicas)]
    if limited:
        rows += [[float(kind.gpus) if kind.offer is offer else 0.0 for kind in kinds] for offer in asked.offers]
        most += [inf if offer.count is None else float(offer.count) for offer in asked.offers]
        rows += [[kind.perf.limit_w for kind in kinds], [kind.usd_per_hour for kind in kinds]]
        most += [limits.most_watts, limits.most_usd_per_hour]
    given = [i for i, value in enumerate(most) if value < inf]
    return np.hstack([np.array(rows)[given], np.zeros((len(given), carried))]), np.array(most)[given]
