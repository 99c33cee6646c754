"""Dynamo's radix tree from its wheel, as Python may use it: in a thread of its own, taking events as JSON."""

from time import perf_counter
from typing import Any

import numpy as np
from dynamo.llm import RadixTree, compute_block_hash_for_seq  # type: ignore[import-not-found]

from bench.kv.stream import REMOVED, Numbers, Stream, of_content, of_prefix

TOKENS, BLOCK_TOKENS, REPEATS = 32_768, 16, 200


class DynamoSide:
    """One way: JSON in bytes, the only one that `RadixTree.apply_event` takes."""

    ways = ("json",)

    def __init__(self) -> None:
        self.tree = RadixTree()
        self.told = 0

    def prepare(self, way: str, event: Numbers) -> Any:
        """The event as the wheel reads it."""
        row, before, first, count, kind = event.tolist()
        numbers, parent = np.arange(first, first + count), "null"
        named = of_prefix(numbers).tolist()
        self.told += 1
        if kind == REMOVED:
            data = f'{{"removed":{{"block_hashes":{named[::-1]}}}}}'
        else:
            if before >= 0:
                parent = str(int(of_prefix(np.array([before]))[0]))
            pairs = zip(named, of_content(numbers).tolist(), strict=True)
            blocks = ",".join(f'{{"block_hash":{name},"tokens_hash":{content}}}' for name, content in pairs)
            data = f'{{"stored":{{"parent_hash":{parent},"blocks":[{blocks}]}}}}'
        return row, f'{{"event_id":{self.told},"data":{data}}}'.encode()

    def apply(self, way: str, prepared: Any) -> None:
        """Parsed and entered by the tree's thread, awaited."""
        self.tree.apply_event(*prepared)

    def asked(self, numbers: Numbers) -> list[int]:
        """A prompt's content hashes."""
        asked: list[int] = of_content(numbers).tolist()
        return asked

    def find(self, asked: list[int]) -> Any:
        """The scores as Rust has them: turning them into a dictionary is left out."""
        return self.tree.find_matches(asked)

    def answer(self, found: Any) -> dict[int, int]:
        """Blocks by replica."""
        return {replica: blocks for (replica, _), blocks in found.scores.items()}

    def overhead_us(self) -> dict[str, float]:
        """A 32,768-token prompt hashed."""
        tokens = np.random.default_rng(1).integers(0, 128_000, TOKENS).tolist()
        return {"hash_32k_us": typical_us(lambda: compute_block_hash_for_seq(tokens, BLOCK_TOKENS))}


def typical_us(call: Any) -> float:
    """The median microseconds of a call."""
    taken = []
    for _ in range(REPEATS):
        begun = perf_counter()
        call()
        taken.append(perf_counter() - begun)
    return 1e6 * sorted(taken)[REPEATS // 2]


def side(stream: Stream) -> DynamoSide:
    """See `bench.kv.side`."""
    return DynamoSide()
