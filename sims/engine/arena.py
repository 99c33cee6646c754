"""The memory of one simulation: arrays, each address where the compiled loop looks for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sims.engine import records
from sims.engine.compiled import layout
from sims.engine.records import NONE

Array = npt.NDArray[Any]

CACHE_LINE = 64


class Memory:
    """Owns every array of one simulation; `world` is the record that the loop is given."""

    def __init__(self) -> None:
        self.world: Array = np.zeros(1, layout(records.World)).view(np.recarray)
        self._kept: dict[str, Array] = {}

    @property
    def address(self) -> int:
        """Where the world is."""
        return int(self.world.ctypes.data)

    def keep(self, name: str, array: Array) -> Array:
        """Write an array's address to the world's field of that name and keep the array alive."""
        self._kept[name] = array
        self.world[name] = array.ctypes.data
        return array

    def array(self, name: str) -> Array:
        """An array by the field that has its address."""
        return self._kept[name]

    def own(self, array: Array) -> Array:
        """Keep an array alive whose address stands elsewhere."""
        self._kept[f"own{len(self._kept)}"] = array
        return array


def powered(least: int) -> int:
    """The least power of two that is not below."""
    return 1 << max(least - 1, 0).bit_length()


def aligned(array: Array) -> Array:
    """A copy whose first item begins a line of the processor's cache: a row of the fleet then has four of its own."""
    room = np.zeros(array.nbytes + CACHE_LINE, np.uint8)
    first = -room.ctypes.data % CACHE_LINE
    copy = room[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[:] = array
    return copy


def share(memory: Memory, owners: Array, name: str, kind: "np.dtype[Any]", counts: Array) -> None:
    """Give each record its part of one array, its address in the field of that name: small parts share pages."""
    ends = np.cumsum(counts)
    whole = memory.own(np.zeros(int(ends[-1]), kind))
    owners[name] = whole.ctypes.data + (ends - counts) * kind.itemsize


def lay_slots(memory: Memory, owners: Array, slots: Sequence[int]) -> None:
    """Give each cache or shelf so many slots and a table of blocks for them."""
    sizes = np.array([powered(2 * int(count) + 2) for count in slots])
    owners["shift"] = [33 - int(size).bit_length() for size in sizes]
    for name in ("oldest", "youngest", "spare"):
        owners[name] = NONE
    share(memory, owners, "blocks_", layout(records.Block), np.array(slots) + 1)
    share(memory, owners, "table_", np.dtype(np.int64), sizes)


def lay_shelves(memory: Memory, name: str, capacities: Sequence[int], distinct_blocks: int) -> None:
    """A shelf a replica, each of so many blocks."""
    shelves: Array = np.zeros(len(capacities), layout(records.Shelf)).view(np.recarray)
    shelves.capacity = capacities
    lay_slots(memory, shelves, [min(count, distinct_blocks) + 1 for count in capacities])
    memory.keep(name, shelves)
