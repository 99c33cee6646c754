"""A real trace as the workload of one seed: a window of it, some of its sessions, each on one model, at one rate."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from policies.request import coin
from sims.arrival import Arrival
from sims.traces.reading.reader import read

WINDOW = 0.75  # share of the trace that one seed sees; the seeds' windows lie evenly over the whole
KEPT = 0.75  # share of the window's sessions that one seed keeps
WARM_UP = 0.2  # share of a replay that is not counted
EVERYBODYS = 0.05  # a block that a greater share of prompts begins with says nothing of the session
SEEDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One trace of the data folder and how its answers are judged."""

    name: str
    folder: str
    pattern: str
    ttft_factor: float  # its deadline for the first token, in the fleet's
    why: str

    def path(self, data: Path) -> Path:
        """Its file; raises FileNotFoundError with a sentence that names what is missing."""
        folder = data / self.folder
        found = sorted(folder.glob(self.pattern))
        if not found:
            raise FileNotFoundError(f"{folder} has no {self.pattern}: name a folder laid out like ../shared/data")
        return found[0]

    def arrivals(self, data: Path) -> list[Arrival]:
        """All of it, sessions named."""
        return named(list(read(self.path(data))))


TRACES = (
    Trace(name="azure", folder="azure_llm_2023", pattern="conv*.csv*", ttft_factor=1.0, why="the fleet file's"),
    Trace(name="mooncake", folder="mooncake_conversation", pattern="*.jsonl*", ttft_factor=10.0,
          why="ten times the fleet file's: its prompts are ten times as long"),
)  # fmt: skip


def named(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Give requests that name no session one: the first block of their prompt that is not everybody's."""
    shared = Counter(block for arrival in arrivals for block in arrival.blocks)
    most = EVERYBODYS * len(arrivals)
    return [replace(a, session=a.session or _session(a, shared, most)) for a in arrivals]


def _session(arrival: Arrival, shared: Mapping[int, int], most: float) -> str:
    own = next((block for block in arrival.blocks if shared[block] <= most), None)
    return "" if own is None else f"block {own}"


def seeded(arrivals: Sequence[Arrival], seed: int, rates: Mapping[str, float]) -> list[Arrival]:
    """The workload of one seed, `rates` requests a second of each model; the same for every policy."""
    return paced([replace(a, model=_model(key, seed, rates)) for key, a in _kept(arrivals, seed)], sum(rates.values()))


def paced(arrivals: Sequence[Arrival], rate: float) -> list[Arrival]:
    """The same requests at `rate` a second on average, from 0 on."""
    first, last = arrivals[0].at, arrivals[-1].at
    scale = len(arrivals) / rate / max(last - first, 1e-9)
    return [replace(arrival, at=(arrival.at - first) * scale) for arrival in arrivals]


def _kept(arrivals: Sequence[Arrival], seed: int) -> Iterator[tuple[str, Arrival]]:
    size = int(WINDOW * len(arrivals))
    start = (len(arrivals) - size) * (seed % SEEDS) // (SEEDS - 1)
    for i in range(start, start + size):
        key = arrivals[i].session or f"request {i}"
        if coin(f"{seed} keeps {key}") < KEPT:
            yield key, arrivals[i]


def _model(key: str, seed: int, rates: Mapping[str, float]) -> str:
    bounds = list(accumulate(rates.values()))
    draw = coin(f"{seed} sends {key}") * bounds[-1]
    return next(name for name, bound in zip(rates, bounds, strict=True) if draw < bound)
