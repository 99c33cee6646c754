"""Six hours in which Azure's code completions and conversations take turns.

The recorded hours bring a few requests a second. More of them are more tenants: copies of the recording that begin at
times of their own, so that a burst stays as long as it was. A seed varies where each begins and what it keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sims.arrivals import Arrivals
from sims.traces.reading.reader import read_columns

FOLDER = "azure_llm_2023"
KINDS: Mapping[str, str] = {"code": "code*.csv*", "conv": "conv*.csv*"}
PHASE_S, PHASES = 1800.0, 12

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of one kind of traffic."""

    kind: str
    start: float  # seconds
    arrivals: Arrivals  # from second 0 on


def recorded(data: Path) -> dict[str, Arrivals]:
    """Both recordings; raises FileNotFoundError with a sentence that names what is missing, BadTrace for bad rows."""
    found = {}
    for kind, pattern in KINDS.items():
        paths = sorted((data / FOLDER).glob(pattern))
        if not paths:
            raise FileNotFoundError(f"{data / FOLDER} has no {pattern}: name a folder laid out like ../shared/data")
        found[kind] = read_columns(paths[0])
    return found


def phases(traces: Mapping[str, Arrivals], rates: Mapping[str, float], seed: int, count: int = PHASES) -> list[Phase]:
    """The phases of one seed, one kind after the other, each at its rate."""
    kinds = list(traces)
    return [
        Phase(kind=kind, start=i * PHASE_S, arrivals=tenants(traces[kind], rates[kind], PHASE_S, [seed, i]))
        for i, kind in enumerate(kinds[i % len(kinds)] for i in range(count))
    ]


def together(parts: Sequence[Phase]) -> Arrivals:
    """All phases as one stream."""
    columns = [
        np.concatenate([getattr(part.arrivals, name) for part in parts]) for name in ("prompt_tokens", "output_tokens")
    ]
    return Arrivals.drawn(np.concatenate([part.arrivals.at + part.start for part in parts]), *columns)


def tenants(trace: Arrivals, rate: float, span_s: float, seed: list[int]) -> Arrivals:
    """So many requests a second for so long: copies of a recording, each begun somewhere in it and going round."""
    rng = np.random.Generator(np.random.PCG64(seed))
    round_s = trace.span_s * len(trace) / max(len(trace) - 1, 1)
    copies = ceil(rate * round_s / len(trace))
    kept = rate * round_s / len(trace) / copies
    drawn = [_tenant(trace, round_s, span_s, float(rng.random()), rng, kept) for _ in range(copies)]
    at, rows = np.concatenate([at for at, _ in drawn]), np.concatenate([rows for _, rows in drawn])
    order = np.argsort(at, kind="stable")
    return Arrivals.drawn(at[order], trace.prompt_tokens[rows[order]], trace.output_tokens[rows[order]])


def _tenant(
    trace: Arrivals, round_s: float, span_s: float, begun: float, rng: np.random.Generator, kept: float
) -> tuple[Floats, Rows]:
    first = trace.at - trace.at[0] - begun * round_s
    rounds = np.arange(ceil(span_s / round_s) + 1)
    at = (first + round_s * rounds[:, None]).ravel()
    rows = np.tile(np.arange(len(trace)), len(rounds))
    chosen = (at >= 0.0) & (at < span_s) & (rng.random(len(at)) < kept)
    return at[chosen], rows[chosen]
