"""A real trace as the workload of one seed: a window of it, some of its sessions, each on one model, at one rate."""

import random
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
SESSIONS = 400  # drawn for one seed of a trace of sessions
DAY_S = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One trace of the data folder and how its answers are judged."""

    name: str
    folder: str
    patterns: tuple[str, ...]
    ttft_factor: float  # its deadline for the first token, in the fleet's
    why: str
    closed: bool = False  # sessions whose turns wait for the one before; drawn again, for there are few

    def paths(self, data: Path) -> list[Path]:
        """Its files; raises FileNotFoundError with a sentence that names what is missing."""
        folder = data / self.folder
        found = [sorted(folder.glob(pattern)) for pattern in self.patterns]
        for pattern, paths in zip(self.patterns, found, strict=True):
            if not paths:
                raise FileNotFoundError(f"{folder} has no {pattern}: name a folder laid out like ../shared/data")
        return [paths[0] for paths in found]

    def arrivals(self, data: Path) -> list[Arrival]:
        """All of it, sessions named."""
        if not self.closed:
            return named([one for path in self.paths(data) for one in read(path)])
        parts = [list(read(path, "lmcache_agents", closed=True)) for path in self.paths(data)]
        return together(parts)


CHAT = Trace(name="azure", folder="azure_llm_2023", patterns=("conv*.csv*",), ttft_factor=1.0, why="the fleet file's")
CODE = Trace(
    name="azure_code", folder="azure_llm_2023", patterns=("code*.csv*",), ttft_factor=1.0, why="the fleet file's"
)
LONG = Trace(
    name="mooncake", folder="mooncake_conversation", patterns=("*.jsonl*",), ttft_factor=10.0,
    why="ten times the fleet file's: its prompts are ten times as long",
)  # fmt: skip
AGENTS = Trace(
    name="agents", folder="lmcache_agents", patterns=("miniswe.jsonl*", "magagent.jsonl*"), ttft_factor=1.0,
    why="the fleet file's", closed=True,
)  # fmt: skip
TRACES = (CHAT, CODE, LONG, AGENTS)


def named(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Give requests that name no session one: the first block of their prompt that is not everybody's."""
    shared = Counter(block for arrival in arrivals for block in arrival.blocks)
    most = EVERYBODYS * len(arrivals)
    return [replace(a, session=a.session or _session(a, shared, most)) for a in arrivals]


def _session(arrival: Arrival, shared: Mapping[int, int], most: float) -> str:
    own = next((block for block in arrival.blocks if shared[block] <= most), None)
    return "" if own is None else f"block {own}"


def seeded(trace: Trace, arrivals: Sequence[Arrival], seed: int, rates: Mapping[str, float]) -> list[Arrival]:
    """The workload of one seed, `rates` requests a second of each model; the same for every policy."""
    kept = drawn_again(arrivals, seed) if trace.closed else list(_kept(arrivals, seed))
    return paced([replace(a, model=_model(key, seed, rates)) for key, a in kept], sum(rates.values()))


def paced(arrivals: Sequence[Arrival], rate: float) -> list[Arrival]:
    """The same requests at `rate` a second on average, from 0 on."""
    first, last = arrivals[0].at, arrivals[-1].at
    scale = len(arrivals) / rate / max(last - first, 1e-9)
    return [replace(arrival, at=(arrival.at - first) * scale) for arrival in arrivals]


def together(parts: Sequence[Sequence[Arrival]]) -> list[Arrival]:
    """Several traces as one, their sessions side by side and no block of one the same as another's."""
    found, shift = list[Arrival](), 0
    for part in parts:
        found += [replace(a, blocks=tuple(block + shift for block in a.blocks)) for a in part]
        shift += 1 + max(block for a in part for block in a.blocks)
    return found


def drawn_again(arrivals: Sequence[Arrival], seed: int, count: int = SESSIONS) -> list[tuple[str, Arrival]]:
    """So many sessions drawn with replacement, begun at random times of a day; each is a new conversation.

    Blocks that several sessions hold, such as a system prompt, stay shared; a session's own are new each time.
    """
    sessions: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        sessions.setdefault(arrival.session, []).append(arrival)
    holders = Counter(block for turns in sessions.values() for block in {b for turn in turns for b in turn.blocks})
    names, draws, first_free = list(sessions), random.Random(seed), 1 + max(holders)
    found = list[tuple[str, Arrival]]()
    for copy, at in enumerate(sorted(draws.random() * DAY_S for _ in range(count))):
        shift = first_free * (copy + 1)
        for place, turn in enumerate(sessions[draws.choice(names)]):
            blocks = tuple(b if holders[b] > 1 else b + shift for b in turn.blocks)
            after = turn.after_s if place else None
            found.append((f"{copy}", replace(turn, at=at, session=f"{copy}", blocks=blocks, after_s=after)))
    return found


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
