"""The loop's own functions as plain Python, over records made as a simulation makes them."""

from typing import Any

import numpy as np

from sims.engine import control, records
from sims.engine.arena import Memory, lay_slots, share
from sims.engine.compiled import layout
from sims.engine.memory import record_at
from sims.engine.records import NONE


def plainly(address: int, what: int, argument: int) -> int:
    """`sims.engine.native.library.asked`, uncompiled."""
    return int(control.asked(record_at(records.World, address), what, argument))


def an_engine(memory: Memory, *, capacity: int = 100, slots: int = 50, block: int = 16, places: int = 64) -> Any:
    """An engine with an empty cache and an empty batch."""
    engines = np.zeros(1, layout(records.Engine)).view(np.recarray)
    engines.capacity = engines.plain = capacity
    engines.block, engines.max_seqs, engines.chunk_tokens = block, places, 512
    for name in ("partial", "first_waiting", "first_coming"):
        engines[name] = NONE
    share(memory, engines, "needing_", np.dtype(np.int32), np.array([block]))
    share(memory, engines, "heap_", layout(records.Entry), np.array([places]))
    lay_slots(memory, engines, [slots])
    memory.keep("engines_", engines)
    return record_at(records.Engine, engines.ctypes.data)


def a_shelf(memory: Memory, capacity: int) -> Any:
    """An empty shelf."""
    shelves = np.zeros(1, layout(records.Shelf)).view(np.recarray)
    shelves.capacity = capacity
    lay_slots(memory, shelves, [capacity + 1])
    return record_at(records.Shelf, memory.own(shelves).ctypes.data)
