"""ServeGen's client windows (Alibaba Cloud Model Studio; Apache-2.0): not requests, but what they are drawn from.

Reading a rates file draws one pass of its windows, its lengths from the file beside it; the same for the same seed.
`sims/workloads/servegen.py` says how, and draws without end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.traces.reading.columns import rows
from sims.traces.reading.format import trace
from sims.traces.reading.row import BadTrace
from sims.workloads.drawing.clients import read_lengths, read_windows
from sims.workloads.drawing.composition import Period

RATES, LENGTHS = "_rates.csv", "_lengths.jsonl"


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class Servegen:
    """CSV named *_rates.csv with client, t_s, rate_rps, cv, dist, p1; beside it *_lengths.jsonl; gzipped or not."""

    seed: int = 1
    rate_rps: float = 0.0  # mean over the period; 0: as recorded
    from_s: float = 0.0
    span_s: float = 0.0  # 0: to the end
    most: int = 30_000_000  # requests of a pass: more is an error, not an hour's wait

    columns: ClassVar[tuple[str, ...]] = ("client", "t_s", "rate_rps", "cv", "dist", "p1")

    def arrivals(self, path: Path) -> Iterator[Arrival]:
        """One pass over the period, times from its first arrival; raises `BadTrace`."""
        return (arrival for batch in self.batches(path) for arrival in rows(batch))

    def batches(self, path: Path) -> Iterator[Arrivals]:
        """The same, a batch of columns a window; raises `BadTrace`."""
        windows, lengths = read_windows(path), read_lengths(beside(path))
        period = Period.of(windows, lengths, self.from_s, self.span_s, 0, self.rate_rps)
        if period.requests > self.most:
            raise BadTrace(
                f"{path} asks for {period.requests:,.0f} requests, more than {self.most:,}: draw fewer with the "
                f"option rate_rps or span_s, or raise the option most"
            )
        origin = None
        for batch in period.batches(0, np.random.Generator(np.random.PCG64(self.seed))):
            if len(batch):
                origin = float(batch.at[0]) if origin is None else origin
                yield replace(batch, at=batch.at - origin)
        if origin is None:
            raise BadTrace(f"{path}: at {self.rate_rps:g} requests a second its windows are empty: ask for more")


def beside(path: Path) -> Path:
    """The lengths file of a rates file; raises `BadTrace`."""
    for suffix in (".gz", ""):
        if RATES in path.name and (found := path.with_name(path.name.partition(RATES)[0] + LENGTHS + suffix)).exists():
            return found
    raise BadTrace(f"{path}: no *{LENGTHS}.gz of that name lies beside it: name the rates *{RATES}.gz and add it")
