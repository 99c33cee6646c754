"""Weir's index: the class that a router keeps, and the message by which it hears of blocks."""

from time import perf_counter
from typing import Any

import numpy as np

from bench.kv.stream import REMOVED, Hashes, Numbers, Stream, of_prefix
from policies.fleet import TIERS
from policies.native.index import BlockBuffer, NativeIndex
from weir.v1 import fleet_pb2

TOKENS, BLOCK_TOKENS, REPEATS = 32_768, 16, 200
ROOM = 1.3  # the index may hold so many times the blocks of the stream


class WeirSide:
    """Ways: `message` is the pool's protobuf message, parsed and entered; `array` is hashes in memory already."""

    ways = ("message", "array")

    def __init__(self, stream: Stream) -> None:
        self.index = NativeIndex(int(ROOM * stream.blocks), stream.replicas, generations=2)
        self.cached = np.zeros((stream.replicas, TIERS))

    def prepare(self, way: str, event: Numbers) -> Any:
        """A serialised `FleetUpdate` of one event, or its parts."""
        row, _, first, count, kind = event.tolist()
        blocks = of_prefix(np.arange(first, first + count))
        if way == "array":
            return row, kind, blocks
        told = fleet_pb2.KvEvent.REMOVED if kind == REMOVED else fleet_pb2.KvEvent.STORED
        one = fleet_pb2.KvEvent(replica=str(row), kind=told, blocks=blocks.tolist())
        return fleet_pb2.FleetUpdate(events=[one]).SerializeToString()

    def apply(self, way: str, prepared: Any) -> None:
        """As `router.intake` does it."""
        if way == "array":
            row, kind, blocks = prepared
            self._enter(row, kind == REMOVED, blocks)
            return
        for event in fleet_pb2.FleetUpdate.FromString(prepared).events:
            blocks = np.array(event.blocks, dtype=np.uint64)
            self._enter(int(event.replica), event.kind == fleet_pb2.KvEvent.REMOVED, blocks)

    def asked(self, numbers: Numbers) -> Hashes:
        """A prompt's own hashes, as hashing it leaves them."""
        return of_prefix(numbers)

    def find(self, asked: Hashes) -> Any:
        """Leading tokens by replica and tier, all of them written down."""
        self.index.longest(asked, 1.0, self.cached)
        return self.cached

    def answer(self, found: Any) -> dict[int, int]:
        """Blocks in HBM by replica."""
        return {row: int(held) for row, held in enumerate(found[:, 0].tolist()) if held}

    def overhead_us(self) -> dict[str, float]:
        """A 32,768-token prompt hashed."""
        tokens = np.random.default_rng(1).integers(0, 128_000, TOKENS, dtype=np.uint32)
        buffer = BlockBuffer()
        return {"hash_32k_us": typical_us(lambda: buffer.tokens(tokens, BLOCK_TOKENS))}

    def _enter(self, row: int, removed: bool, blocks: Hashes) -> None:
        if removed:
            self.index.remove(row, blocks)
        else:
            self.index.store(row, blocks)


def typical_us(call: Any) -> float:
    """The median microseconds of a call."""
    taken = []
    for _ in range(REPEATS):
        begun = perf_counter()
        call()
        taken.append(perf_counter() - begun)
    return 1e6 * sorted(taken)[REPEATS // 2]


def side(stream: Stream) -> WeirSide:
    """See `bench.kv.side`."""
    return WeirSide(stream)
