"""What is planned for: Azure's conversations ×45, Mooncake's ×30, and a mix of agents.

Azure's requests name no session and share no prefix, so its hour is compressed to 78 seconds and every request stays.
Compressing Mooncake would let 30 times the caches find the prefixes of as few users as before: it is 30 times as many
users instead, and the busiest requests of it are simulated. Agents chain: a turn comes when the one before has ended.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np

from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.plan.asked import Asked, Deadline, Limits, Offer, SloClass
from sims.plan.traffic import Sampled, sampled
from sims.traces.reading.growth import grown_columns
from sims.traces.reading.reader import read, read_columns

MODEL = "llama-3.1-8b"
GPUS = ("a10g", "l4", "l40s", "a100-80", "h100-sxm", "h200")
SIZES = (1, 2)
TPOT = Deadline(seconds=0.05, percentile=90.0)
SESSIONS, START_S = 1000, 90.0  # of agents, and the time in which they begin
COARSE = 8  # blocks of 16 tokens taken as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One traffic and its deadline: p99 of TTFT, what vllm-sr-sim plans for, and p90 of TPOT beside it."""

    name: str
    ttft_p99_s: float
    window: int  # requests simulated a seed, at most
    of: Callable[[Path], Arrivals]

    def asked(self, seeds: int = 8, first_seed: int = 0) -> Asked:
        """What the planner is asked."""
        return Asked(
            model=MODEL,
            offers=tuple(Offer(gpu=gpu, sizes=SIZES) for gpu in GPUS),
            classes=(SloClass(ttft=Deadline(seconds=self.ttft_p99_s, percentile=99.0), tpot=TPOT),),
            limits=Limits(availability=0.999),
            seeds=seeds,
            first_seed=first_seed,
        )


@cache
def traffic(name: str, data: Path) -> Sampled:
    """The arrivals of a case, the busiest of them where they are many; read once a process."""
    return sampled(case(name).of(data), most=case(name).window)


def case(name: str) -> Case:
    """The case of that name."""
    return next(one for one in CASES if one.name == name)


def file_of(data: Path, folder: str, pattern: str) -> Path:
    """A trace; raises FileNotFoundError with a sentence that names what is missing."""
    found = sorted(path for path in (data / folder).glob(pattern) if "text" not in path.name)
    if not found:
        raise FileNotFoundError(f"{data / folder} has no {pattern}: name a folder laid out like ../shared/data")
    return found[0]


def azure(data: Path) -> Arrivals:
    """Azure's conversations, 45 times as fast."""
    arrivals = read_columns(file_of(data, "azure_llm_2023", "conv*.csv*"))
    return replace(arrivals, at=arrivals.at / 45.0)


def mooncake(data: Path) -> Arrivals:
    """Mooncake's conversations, 30 times as many."""
    return grown_columns(read_columns(file_of(data, "mooncake_conversation", "*.jsonl*")), 30.0)


def agents(data: Path) -> Arrivals:
    """Sessions of coding, web and tool agents, drawn evenly from each recording, beginning at random."""
    kinds = [
        _sessions(read(file_of(data, "lmcache_agents", f"{name}*.jsonl*"), "lmcache_agents", closed=True))
        for name in ("miniswe", "magagent")
        if any((data / "lmcache_agents").glob(f"{name}*.jsonl*"))
    ]
    kinds.append(_sessions(read(file_of(data, "taubench_sessions", "*.jsonl*"), "taubench_sessions")))
    coins = np.random.Generator(np.random.PCG64([7, 0xA6E27]))
    starts = np.sort(coins.random(SESSIONS)) * START_S
    rows: list[Arrival] = []
    for i, start in enumerate(starts.tolist()):
        kind = i % len(kinds)
        chosen = kinds[kind][int(coins.integers(len(kinds[kind])))]
        rows += _copy(chosen, i, kind, start, len(chosen[0].blocks))
    return Arrivals.of(sorted(rows, key=lambda row: row.at))


def _sessions(rows: Iterator[Arrival]) -> list[list[Arrival]]:
    ordered = sorted(rows, key=lambda row: (row.session, row.turn))
    return [list(turns) for _, turns in groupby(ordered, key=lambda row: row.session)]


def _copy(turns: list[Arrival], number: int, kind: int, start: float, common: int) -> Iterator[Arrival]:
    """One session as somebody else's: the first half of its first prompt, instructions and tools, is everybody's."""
    shared = set(turns[0].blocks[: common // 2])
    for turn in turns:
        own = tuple(
            block * 8 + kind if block in shared else ((number + 1) << 24 | block) * 8 + kind for block in turn.blocks
        )
        yield replace(
            turn,
            at=start,
            session=f"{number}",
            blocks=own[COARSE - 1 :: COARSE],
            block_tokens=COARSE * turn.block_tokens,
        )


CASES = (
    Case(name="azure", ttft_p99_s=2.0, window=20_000, of=azure),
    Case(name="mooncake", ttft_p99_s=15.0, window=8_000, of=mooncake),
    Case(name="agents", ttft_p99_s=5.0, window=24_000, of=agents),
)
