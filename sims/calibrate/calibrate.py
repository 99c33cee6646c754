"""Fit a deployment's constants to measurements, and say how far off they were and are."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from policies.perf.latency import LatencyModel
from sims.calibrate.closed_loop import steady
from sims.calibrate.knobs import Knobs
from sims.calibrate.measurements import Measurements, Numbers
from sims.calibrate.replayed import replayed
from sims.calibrate.search import search

FIRST_TOKEN_WEIGHT = 0.25
"""Of a first token's error beside a token's: under load it is mostly the queue's."""

QUIET = 0.2
"""Share of the measurements, those with the least predicted TTFT, that the frontend constant is read off."""

QUANTILES = (0.5, 0.9, 0.99)
MOST_FOLDS = 4

Mask = npt.NDArray[np.bool_]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How far predictions are off, as fractions: medians of absolute errors, and signed errors of the quantiles."""

    ttft: float
    tpot: float
    ttft_quantiles: tuple[float, ...]
    tpot_quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A fitted deployment: its model, and how much of a closed loop's clients send their prompts together."""

    latency: LatencyModel
    together: float  # 0: evenly spread; 1: in rounds; the measurement's property, not the deployment's


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The fitted model and its errors: before, after, and on groups left out of the fit (none where there is one)."""

    latency: LatencyModel
    before: Errors
    after: Errors
    left_out: Errors | None
    groups: int


def calibrate(measured: Measurements, knobs: Knobs, start: LatencyModel, progress: Progress) -> Calibrated:
    """Fit the knobs and the frontend constant to all measurements, and again without each of up to four group sets."""
    everything = np.ones(len(measured), dtype=bool)
    progress("fitting all")
    found = fitted(measured, knobs, everything)
    folds = _folds(measured)
    count = int(folds.max()) + 1
    left_out = None
    if count > 1:
        times = np.zeros((len(measured), 2))
        for number in range(count):
            progress(f"fitting without set {number + 1} of {count}")
            mine = folds == number
            times[mine] = predicted(measured, fitted(measured, knobs, ~mine))[mine]
        left_out = errors(measured, times)
    asked = Found(latency=start, together=found.together)
    before, after = (errors(measured, predicted(measured, each)) for each in (asked, found))
    groups = len(set(measured.groups))
    return Calibrated(latency=found.latency, before=before, after=after, left_out=left_out, groups=groups)


def fitted(measured: Measurements, knobs: Knobs, mask: Mask) -> Found:
    """The model fitted to the marked measurements; all of them run, so that queues are as they were."""

    def loss(factors: dict[str, float]) -> float:
        return _loss(measured, shares(measured, knobs.turn(factors)), mask)

    best = knobs.turn(search(loss, list(knobs.turned)))
    frontend_s, together = _waits(measured, shares(measured, best), mask)
    return Found(latency=replace(best, frontend_s=frontend_s), together=together)


def predicted(measured: Measurements, found: Found) -> Numbers:
    """TTFT and TPOT of every measurement [measurements, 2]; raises `Impossible`."""
    each = shares(measured, found.latency)
    return np.stack([each[:, 0] + found.latency.frontend_s + found.together * each[:, 2], each[:, 1]], axis=1)


def shares(measured: Measurements, latency: LatencyModel) -> Numbers:
    """TTFT and TPOT of the engine alone, and the wait of prompts sent together [measurements, 3]."""
    if measured.requests:
        return np.array([(*times, 0.0) for times in replayed(measured.requests, latency)])
    return np.array([steady(one, latency) for one in measured.settings])


def errors(measured: Measurements, times: Numbers) -> Errors:
    """How far those times are from the measured ones."""
    timed = np.isfinite(measured.tpot_s)
    return Errors(
        ttft=_median(times[:, 0], measured.ttft_s),
        tpot=_median(times[timed, 1], measured.tpot_s[timed]),
        ttft_quantiles=_quantiles(times[:, 0], measured.ttft_s),
        tpot_quantiles=_quantiles(times[timed, 1], measured.tpot_s[timed]),
    )


def _loss(measured: Measurements, each: Numbers, mask: Mask) -> float:
    frontend_s, together = _waits(measured, each, mask)
    first = np.abs(np.log((each[:, 0] + frontend_s + together * each[:, 2])[mask] / measured.ttft_s[mask])).mean()
    timed = mask & np.isfinite(measured.tpot_s)
    if not timed.any():
        return float(first)
    return float(np.abs(np.log(each[timed, 1] / measured.tpot_s[timed])).mean() + FIRST_TOKEN_WEIGHT * first)


def _waits(measured: Measurements, each: Numbers, mask: Mask) -> tuple[float, float]:
    """Seconds that first tokens take beyond the engine, by those that waited least, and how much of the clients send
    together, by the others."""
    whole = each[:, 0] + each[:, 2]
    quiet = mask & (whole <= np.quantile(whole[mask], QUIET))
    frontend_s = float(max(0.0, np.median((measured.ttft_s - each[:, 0])[quiet])))
    rounds = mask & (each[:, 2] > 0.0)
    if not rounds.any():
        return frontend_s, 0.0
    together = np.median(((measured.ttft_s - each[:, 0] - frontend_s)[rounds]) / each[rounds, 2])
    return frontend_s, float(min(max(together, 0.0), 1.0))


def _folds(measured: Measurements) -> npt.NDArray[np.int64]:
    """The set, of at most four, that each measurement's group falls into."""
    names = list(dict.fromkeys(measured.groups))
    return np.array([names.index(group) % MOST_FOLDS for group in measured.groups])


def _median(found: Numbers, true: Numbers) -> float:
    return float(np.median(np.abs(found / true - 1.0))) if len(true) else 0.0


def _quantiles(found: Numbers, true: Numbers) -> tuple[float, ...]:
    if not len(true):
        return ()
    return tuple(float(np.quantile(found, share) / np.quantile(true, share) - 1.0) for share in QUANTILES)
