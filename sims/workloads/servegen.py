"""Traffic composed of clients as in ServeGen: each has its own rate, burstiness and lengths, window by window.

In every window a client sends as many requests as its rate says, with gaps of its family and shape, stretched to fill
the window: recorded rates are counts, so the counts come back. `rate_rps` asks for more or less of every client at the
same burstiness. Clients whose lengths are not told draw from all the others, as often as those ask. Without a folder
the clients are made up from published figures. Windows over, the period begins again with other draws.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Self

import numpy as np

from policies.registry import BadSetting, known
from sims.arrivals import Arrivals
from sims.workloads.drawing import clients as told
from sims.workloads.drawing.bounds import SECONDS, listed, within
from sims.workloads.drawing.clients import Lengths, Windows
from sims.workloads.drawing.composition import Period, made_up, observed
from sims.workloads.drawing.workload import Drawn, workload

BOUNDS = {"rate_rps": (0.0, 1e7), "from_s": SECONDS, "span_s": SECONDS, "window_s": SECONDS, "clients": (0, 1_000_000)}
Window = tuple[int, float, float, str, float]  # client, t_s, rate_rps, family of gaps, its shape
Spread = tuple[int, float, tuple[float, ...], tuple[float, ...]]  # client, t_s, prompt quantiles, answer quantiles


@workload
@dataclass(frozen=True, slots=True, kw_only=True)
class Servegen(Drawn):
    """Clients of a folder, of the settings themselves (a fit), or made up."""

    folder: str = ""  # with CATEGORY_rates.csv and CATEGORY_lengths.jsonl, gzipped or not
    category: str = ""  # which of them; may be left out where there is only one
    rate_rps: float = 0.0  # mean over the period; 0: as recorded
    from_s: float = 0.0
    span_s: float = 0.0  # seconds of the period; 0: to the end
    clients: int = 0  # only so many, those that ask most; 0: all
    window_s: float = 0.0  # how long `windows` last; 0: as long as the least step between them
    windows: tuple[Window, ...] = ()
    quantiles: tuple[Spread, ...] = ()

    def __post_init__(self) -> None:
        within(self, BOUNDS)
        if self.rate_rps:
            within(self, {"rate_rps": (1e-4, 1e7)})
        if (self.windows != ()) != (self.quantiles != ()) or (self.windows != () and self.folder):
            raise BadSetting("windows and quantiles are given together, and without a folder")
        if self.windows != ():
            told.sensible(listed("windows", self.windows, 5, first=5), listed("quantiles", self.quantiles, 4, first=4))

    def batches(self, seed: int) -> Iterator[Arrivals]:
        """A batch a window, period after period; raises `BadTrace`."""
        rng, period = np.random.Generator(np.random.PCG64(seed)), self.period()
        for number in count():
            yield from period.batches(number, rng)

    def period(self) -> Period:
        """What it goes through; raises `BadTrace`."""
        windows, lengths = self._whole()
        return Period.of(windows, lengths, self.from_s, self.span_s, self.clients, self.rate_rps)

    def _whole(self) -> tuple[Windows, Lengths]:
        if self.windows:
            return Windows.of(self.windows, self.window_s), told.inline(self.quantiles)
        if not self.folder:
            return made_up()
        return _read(Path(self.folder), self._category())

    def _category(self) -> str:
        names = told.categories(Path(self.folder))
        if self.category in names or (not self.category and len(names) == 1):
            return self.category or names[0]
        raise BadSetting(f"no category {self.category!r} in {self.folder}: {known(self.category, names)}")

    @classmethod
    def fit(cls, sample: Arrivals) -> Self:
        """One client a model, in windows of about ten minutes; raises `CannotFit`."""
        found = observed(sample)
        return cls(window_s=found.window_s, windows=found.windows, quantiles=found.quantiles)


@cache
def _read(folder: Path, category: str) -> tuple[Windows, Lengths]:
    rates, lengths = (told.file_of(folder, category, kind) for kind in (told.RATES, told.LENGTHS))
    return told.read_windows(rates), told.read_lengths(lengths)
