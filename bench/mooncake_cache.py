"""Hold the prefix cache against the published Mooncake hit table: `python -m bench.mooncake_cache --data DIR`.

The published table is over the whole conversation trace. Over any other rows it cannot be compared with; then the
engine's cache is held against a textbook LRU over the same rows, and the figures say what the rows here make of it.
The table counts a prompt's blocks as used from its head on; vLLM frees the tail first, which small pools feel. Both
orders are measured and held against the textbook; only the first is comparable with the table.
"""

import argparse
import json
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from sims.replica.cache import BlockCache
from sims.traces.reading.reader import read

DATA = Path(__file__).parents[2] / "shared" / "data"
FOLDER = "mooncake_conversation"

Prompt = tuple[int, ...]
Serve = Callable[[Prompt], int]
Pick = Callable[[Sequence["Lru"], Prompt, int], int]
"""Which of several caches a prompt is sent to; the last argument is its place in the trace."""

WHOLE = 12_031  # rows of the conversation trace
WHOLE_BLOCKS = 289_000  # 12,031 prompts of 12,035 tokens on average, and half a block each for the partial one
POINTS = 0.2  # percentage points within which a rate must lie
PUBLISHED: Mapping[float, float] = {
    1_000: 4.5, 5_000: 11.0, 10_000: 21.1, 30_000: 32.6, 50_000: 35.5, 100_000: 36.4, math.inf: 36.6,
}  # fmt: skip
"""Percent of all blocks found in one pool of so many blocks, over the whole trace."""

APART = ((1, 5_859, 13.6), (8, 5_859, 11.3), (16, 5_859, 9.4), (8, 800, 5.5))
"""Caches, blocks of each, published percent; prompts sent round in turn."""

AWARE = ((8, 5_859, 35.2), (16, 5_859, 36.2), (8, 800, 14.1))
"""The same, sent where most of the prompt is; how ties were broken is not published."""


class Lru:
    """A textbook LRU over block ids, written apart from the engine's: what the engine's is held against."""

    def __init__(self, capacity: float, tail_first: bool = False) -> None:
        self.capacity, self.tail_first = capacity, tail_first
        self.kept: OrderedDict[int, None] = OrderedDict()

    def leading(self, prompt: Prompt) -> int:
        """Blocks found before the first that is missing."""
        return next((i for i, block in enumerate(prompt) if block not in self.kept), len(prompt))

    def serve(self, prompt: Prompt) -> int:
        """The blocks found; then all of them are the newest, in the order they are read or tail first."""
        found, kept = self.leading(prompt), self.kept
        for block in reversed(prompt) if self.tail_first else prompt:
            kept[block] = None
            kept.move_to_end(block)
        while len(kept) > self.capacity:
            kept.popitem(last=False)
        return found


class Served:
    """The engine's own cache, one prompt at a time."""

    def __init__(self, capacity: float, tail_first: bool = False) -> None:
        self.tail_first = tail_first
        self.cache = BlockCache(int(min(capacity, 1 << 40)), telling=False)

    def serve(self, prompt: Prompt) -> int:
        """Find, hold, compute, name and free a prompt's blocks as an engine does that serves nothing else."""
        cache, found = self.cache, self.cache.hits(prompt, len(prompt))
        cache.hold(prompt, found)
        cache.take(len(prompt) - found)
        cache.name(prompt, found, len(prompt), "")
        cache.release(prompt if self.tail_first else prompt[::-1], len(prompt), 0)
        return found


def prompts_of(data: Path) -> list[Prompt]:
    """The block ids of every prompt, partial last blocks included; raises FileNotFoundError, BadTrace."""
    folder = data / FOLDER
    files = sorted(folder.glob("*.jsonl*"))
    if not files:
        raise FileNotFoundError(f"{folder} has no *.jsonl.gz: name a folder laid out like ../shared/data")
    parts = sorted((list(_first_ids(path)) for path in files), key=len)
    whole = [part for part in parts if len(part) == WHOLE]
    # Parts of one trace continue each other by the ids that are new: the earlier part has the smaller ones.
    chosen = whole[:1] or sorted(parts, key=lambda part: max(map(max, part)))
    return [prompt for part in chosen for prompt in part]


def _first_ids(path: Path) -> Iterator[Prompt]:
    return (arrival.blocks for arrival in read(path, "mooncake", spread=False) if arrival.blocks)


def rate(prompts: Sequence[Prompt], serve: Serve) -> float:
    """Percent of all blocks that were found."""
    return 100.0 * sum(map(serve, prompts)) / sum(map(len, prompts))


def apart(prompts: Sequence[Prompt], caches: int, blocks: int, pick: Pick) -> float:
    """The same over several caches, each prompt sent where `pick` says."""
    pools = [Lru(blocks) for _ in range(caches)]
    found = sum(pools[pick(pools, prompt, i)].serve(prompt) for i, prompt in enumerate(prompts))
    return 100.0 * found / sum(map(len, prompts))


def in_turn(pools: Sequence[Lru], prompt: Prompt, place: int) -> int:
    """Round robin."""
    return place % len(pools)


def where_most_is(pools: Sequence[Lru], prompt: Prompt, place: int) -> int:
    """The cache with most of the prompt; round robin where nobody has more than the block that begins every prompt."""
    most, best = max((pool.leading(prompt), -i) for i, pool in enumerate(pools))
    return -best if most > 1 else place % len(pools)


def label(capacity: float) -> str:
    """A capacity as a figure's name has it."""
    return "inf" if math.isinf(capacity) else f"{capacity / 1000:g}k"


def pooled(prompts: Sequence[Prompt]) -> tuple[dict[str, float], float]:
    """The table over one pool, and by how many points the engine's cache and the textbook LRU differ at most."""
    table, differs = {}, 0.0
    for name, tail_first in (("hit", False), ("vllm", True)):
        for capacity in PUBLISHED:
            table[f"{name}_{label(capacity)}"] = found = rate(prompts, Served(capacity, tail_first).serve)
            differs = max(differs, abs(found - rate(prompts, Lru(capacity, tail_first).serve)))
            say(f"one pool of {label(capacity)} blocks, {'tail' if tail_first else 'head'} freed first: {found:.2f} %")
    return table, differs


def several(prompts: Sequence[Prompt]) -> dict[str, float]:
    """The rates over several caches."""
    table = {f"turn_{n}x{blocks}": apart(prompts, n, blocks, in_turn) for n, blocks, _ in APART}
    table |= {f"aware_{n}x{blocks}": apart(prompts, n, blocks, where_most_is) for n, blocks, _ in AWARE}
    for name, found in table.items():
        say(f"{name}: {found:.2f} %")
    return table


def published() -> dict[str, float]:
    """What must come out over the whole trace, by figure."""
    table = {f"hit_{label(capacity)}": percent for capacity, percent in PUBLISHED.items()}
    return table | {f"turn_{n}x{blocks}": percent for n, blocks, percent in APART}


def implied(prompts: Sequence[Prompt], table: Mapping[str, float]) -> dict[str, float]:
    """The rate that the rest of the trace must have for the published one to hold over all of it."""
    here = sum(map(len, prompts))
    rest = WHOLE_BLOCKS - here
    return {
        f"rest_{label(capacity)}": (percent * WHOLE_BLOCKS - table[f"hit_{label(capacity)}"] * here) / rest
        for capacity, percent in PUBLISHED.items()
    }


def summary(prompts: Sequence[Prompt]) -> dict[str, object]:
    """Figures and targets over these rows."""
    table, differs = pooled(prompts)
    found = table | several(prompts)
    figures: dict[str, object] = {"rows": len(prompts), "whole_trace": len(prompts) == WHOLE}
    figures |= {name: round(percent, 3) for name, percent in found.items()}
    figures["apart_from_lru"] = round(differs, 6)
    target: dict[str, object] = {"apart_from_lru": {"most": 0.0}}
    met = differs == 0.0
    if len(prompts) == WHOLE:
        wanted = published()
        figures["apart_from_published"] = off = round(max(abs(found[name] - wanted[name]) for name in wanted), 3)
        target |= {"apart_from_published": {"most": POINTS}}
        met = met and off <= POINTS
    elif len(prompts) < WHOLE:
        figures |= {name: round(percent, 2) for name, percent in implied(prompts, table).items()}
        say(f"{len(prompts):,} rows, not the {WHOLE:,} of the published table: held against a textbook LRU instead")
    return {"name": "mooncake-cache", "figures": figures, "target": target, "met": met}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when measured, 2 when there is nothing to measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.mooncake_cache", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    try:
        found = summary(prompts_of(options.data))
    except (FileNotFoundError, ValueError) as error:
        say(f"{error}")
        return 2
    print(json.dumps({**found, "seconds": round(time.monotonic() - begun, 1)}, allow_nan=False), flush=True)
    return 0


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
