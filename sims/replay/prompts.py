"""The arrivals' prompts as chained block hashes, as the engines and the router's index both read them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sims.arrival import Arrival

Words = npt.NDArray[np.uint64]


class Prompts:
    """Every full block of every prompt in one array; ids are scrambled, for the index wants uniform hashes."""

    def __init__(self, arrivals: Sequence[Arrival], block_tokens: int) -> None:
        self.block_tokens = _block_tokens(arrivals) or block_tokens
        full = [arrival.blocks[: arrival.prompt_tokens // self.block_tokens] for arrival in arrivals]
        ends = np.cumsum([0, *map(len, full)])
        self.ends: list[int] = ends.tolist()
        self.hashes = scrambled(np.fromiter((each for blocks in full for each in blocks), np.uint64, int(ends[-1])))

    def of(self, i: int) -> Words:
        """The hashes of arrival i's full blocks."""
        return self.hashes[self.ends[i] : self.ends[i + 1]]


def scrambled(ids: Words) -> Words:
    """64-bit hashes of ids, one to one but for the two that the index reserves: the finish of splitmix64."""
    with np.errstate(over="ignore"):
        mixed = ids + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.maximum(mixed ^ (mixed >> np.uint64(31)), np.uint64(2))


def _block_tokens(arrivals: Sequence[Arrival]) -> int:
    """The one block size of the arrivals, 0 where none has blocks; raises ValueError for several."""
    sizes = {arrival.block_tokens for arrival in arrivals if arrival.blocks}
    if len(sizes) > 1:
        raise ValueError(f"blocks of {sorted(sizes)} tokens in one replay: replay one trace at a time")
    return sizes.pop() if sizes else 0
