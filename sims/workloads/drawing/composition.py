"""Requests from clients' windows, and clients' windows from requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf, pi
from typing import Self

import numpy as np

from sims.arrivals import Arrivals, Floats, Ids, Ints
from sims.traces.reading.columns import cumulated
from sims.traces.reading.columns import lengths as plain
from sims.traces.reading.row import BadTrace
from sims.workloads.drawing.clients import FAMILIES, WINDOW_S, Lengths, Windows, inline
from sims.workloads.drawing.fitting import LEAST, burstiness
from sims.workloads.drawing.parameters import parameters
from sims.workloads.drawing.times import weibull_shape
from sims.workloads.drawing.workload import CannotFit

POINTS = 1001  # equally spaced quantiles of a length that is fitted
LENGTHS_S = 6 * 3600.0
DAY_S = 86400.0
LEAST_SHAPE, MOST_SHAPE = 0.02, 1e4  # beyond the first nearly all gaps are 0, beyond the second nearly all are equal
Sorted = tuple[Floats, Ints, Ints]  # times, prompts, answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Windows that a stream goes through again and again."""

    windows: Windows
    lengths: Lengths
    from_s: float
    period_s: float
    scale: float  # what every client's rate is multiplied by

    @classmethod
    def of(
        cls, windows: Windows, lengths: Lengths, from_s: float, span_s: float, clients: int, rate_rps: float
    ) -> Self:
        """A part of the windows, a share of the clients, at a mean rate; each 0 for all, to the end, as recorded.

        Raises `BadTrace` where no request is left.
        """
        kept = windows.within(from_s, from_s + span_s if span_s else inf).top(clients)
        asked = float(kept.rate_rps.sum()) * kept.window_s
        if not asked > 0.0:
            raise BadTrace(
                f"no window from {from_s:g} s on asks for anything: the windows begin at "
                f"{windows.t_s.min(initial=inf):g} to {windows.t_s.max(initial=-inf):g} s"
            )
        period_s = span_s or float(kept.t_s[-1]) + kept.window_s - from_s
        scale = rate_rps * period_s / asked if rate_rps else 1.0
        return cls(windows=kept, lengths=lengths, from_s=from_s, period_s=period_s, scale=scale)

    @property
    def requests(self) -> float:
        """How many of them a pass over the period has, but for rounding."""
        return float(self.windows.rate_rps.sum()) * self.windows.window_s * self.scale

    def batches(self, number: int, rng: np.random.Generator) -> Iterator[Arrivals]:
        """The arrivals of the period's repetition of that number, a batch a window of time."""
        times, firsts = np.unique(self.windows.t_s, return_index=True)
        bounds = np.append(firsts, len(self.windows.t_s)).tolist()
        start_s = number * self.period_s - self.from_s
        for t_s, low, high in zip(times.tolist(), bounds, bounds[1:], strict=False):
            at, prompt, output = _window(self.windows, slice(low, high), self.lengths, self.scale, rng)
            yield plain(at + (t_s + start_s), prompt, output)


def _window(windows: Windows, part: slice, lengths: Lengths, scale: float, rng: np.random.Generator) -> Sorted:
    wanted = windows.rate_rps[part] * (windows.window_s * scale)
    counts = np.floor(wanted + rng.random(len(wanted))).astype(np.int64)
    at = _times(windows.family[part], windows.shape[part], counts, rng) * windows.window_s
    row = lengths.rows_of(windows.client[part], float(windows.t_s[part.start]))
    order = np.argsort(at)
    rows = _lent(np.repeat(row, counts)[order], row, wanted, rng)
    return (at[order], *lengths.prompt_and_output(rows, rng))


def _times(family: Ints, shape: Floats, counts: Ints, rng: np.random.Generator) -> Floats:
    """Where in the window, from 0 to 1, the arrivals of each client lie, client by client."""
    gaps = np.empty(int((counts + 1).sum()))
    which = np.repeat(family, counts + 1)
    shapes = np.repeat(np.clip(shape, LEAST_SHAPE, MOST_SHAPE), counts + 1)
    weibull = which == FAMILIES["weibull"]
    gaps[~weibull] = rng.standard_gamma(shapes[~weibull])
    gaps[weibull] = rng.weibull(shapes[weibull])
    ends = cumulated(counts + 1)
    summed = np.cumsum(gaps)
    # One gap more than arrivals: the last runs from the last arrival to the end of the window.
    last = np.zeros(len(gaps), np.bool_)
    last[ends[1:] - 1] = True
    before = np.concatenate([[0.0], summed[ends[1:-1] - 1]])
    whole = np.maximum(summed[ends[1:] - 1] - before, 1e-300)
    found: Floats = (summed[~last] - np.repeat(before, counts)) / np.repeat(whole, counts)
    return np.minimum(found, 1.0 - 1e-12)


def _lent(rows: Ints, known: Ints, wanted: Floats, rng: np.random.Generator) -> Ints:
    """The rows, where there is none one of another client's, as often as those ask."""
    missing = rows < 0
    if not missing.any():
        return rows
    has = known >= 0
    weights = np.cumsum(wanted * has)
    if not weights[-1] > 0.0:
        return np.where(missing, 0, rows)
    place = np.searchsorted(weights, rng.random(int(missing.sum())) * weights[-1], side="right")
    found = rows.copy()
    found[missing] = known[np.minimum(place, len(known) - 1)]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A trace as clients' windows, as the workload's settings hold them."""

    window_s: float
    windows: tuple[tuple[int, float, float, str, float], ...]
    quantiles: tuple[tuple[int, float, tuple[float, ...], tuple[float, ...]], ...]


def observed(sample: Arrivals) -> Observed:
    """One client a model, the trace in equal windows of at most ten minutes; raises `CannotFit`."""
    if len(sample) < LEAST or sample.span_s <= 0.0:
        raise CannotFit(f"{len(sample)} arrivals in {sample.span_s:g} s: a fit needs {LEAST}, not all at once")
    # Just longer than the trace, so that its last arrival lies in its last window.
    window_s = round(sample.span_s / ceil(sample.span_s / WINDOW_S) + 1e-3, 6)
    windows, quantiles = [], []
    for client in np.unique(sample.model).tolist():
        mine = np.flatnonzero(sample.model == client)
        windows += list(_rates(max(client, 0), sample.at[mine] - sample.at[0], window_s))
        for start, inside in _split(sample.at[mine] - sample.at[0], LENGTHS_S):
            prompt, output = (_points(column[mine[inside]]) for column in (sample.prompt_tokens, sample.output_tokens))
            quantiles.append((max(client, 0), start, prompt, output))
    return Observed(window_s=window_s, windows=tuple(windows), quantiles=tuple(quantiles))


def _rates(client: int, at: Floats, window_s: float) -> Iterator[tuple[int, float, float, str, float]]:
    for start, inside in _split(at, window_s):
        family, shape = _gaps(at[inside])
        yield client, start, round(len(inside) / window_s, 9), family, shape


def _gaps(at: Floats) -> tuple[str, float]:
    """The family and shape of one window's gaps; too few are taken as exponential."""
    if len(at) < 10 or at[-1] == at[0]:
        return "exponential", 1.0
    found = burstiness(Arrivals.drawn(at, np.ones(len(at)), np.ones(len(at))))
    if found.family == "weibull":
        return "weibull", round(weibull_shape(found.cv), 6)
    return "gamma", round(min(max(found.cv, 0.01) ** -2.0, MOST_SHAPE), 6)


def _split(at: Floats, window_s: float) -> Iterator[tuple[float, Ints]]:
    """Windows' starts and the places of what lies in them."""
    which = (at // window_s).astype(np.int64)
    for number in np.unique(which).tolist():
        yield number * window_s, np.flatnonzero(which == number)


def _points(tokens: Ids) -> tuple[float, ...]:
    return tuple(round(float(v), 2) for v in np.quantile(tokens, np.linspace(0.0, 1.0, POINTS)))


def made_up() -> tuple[Windows, Lengths]:
    """A day of clients with the published figures."""
    figures = parameters("servegen")
    published, shape = figures.published, figures.shape
    hours = np.arange(0.0, DAY_S, WINDOW_S)
    swing = ((1.0 - np.cos(2.0 * pi * hours / DAY_S)) / 2.0) ** shape["sharpness"]
    peak = published["peak_rps"] / published["rate_rps"]
    day = shape["night"] + (peak - shape["night"]) * swing
    rates = published["rate_rps"] * _zipf(published["clients"], published["top_10_share"])
    gamma = published["cv"] ** -2.0
    found = [
        (client, t_s, rate * share, "gamma", gamma)
        for client, rate in enumerate(rates.tolist())
        for t_s, share in zip(hours.tolist(), (day / day.mean()).tolist(), strict=True)
    ]
    quantiles = (tuple(q.at(np.linspace(0.0, 1.0, 1001)).tolist()) for q in (figures.prompt, figures.output))
    prompt, output = next(quantiles), next(quantiles)
    return Windows.of(found), inline((client, 0.0, prompt, output) for client in range(published["clients"]))


def _zipf(clients: int, top_10: float) -> Floats:
    """Shares of clients by Zipf's law, its exponent such that the first ten have `top_10` together."""
    low, high = 0.0, 5.0
    ranks = np.arange(1, clients + 1, dtype=np.float64)
    for _ in range(50):
        middle = (low + high) / 2.0
        weights = ranks**-middle
        low, high = (middle, high) if weights[:10].sum() / weights.sum() < top_10 else (low, middle)
    weights = ranks ** -((low + high) / 2.0)
    return np.asarray(weights / weights.sum())
