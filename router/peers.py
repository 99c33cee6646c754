"""What the workers of one port know of each other's sends: a table in shared memory, each worker writing its own part.

Without it a worker learns of the others' requests when the replicas are next scraped, up to a second later; with it,
within one tick. Nothing is locked: a worker writes only its own part, and a torn read is right again a tick later.
Behind the workers' parts lie two more: that of the core which answers Route, and what routers elsewhere have in flight
(`router.registry_load`), so that a worker counts those as it counts its neighbours.
"""

import mmap
import os

import numpy as np
import numpy.typing as npt

from policies.fleet import KEY, KV_USED, RUNNING, Fleet

ROWS = 4096  # replicas that can be told apart; those beyond are not shared
STATE = slice(RUNNING, KV_USED + 1)
WIDTH = KV_USED + 1 - RUNNING
Shares = npt.NDArray[np.float64]


def create(workers: int, beside: int = 0) -> int:
    """A descriptor of the memory that so many workers share, and so many others beside them."""
    descriptor = os.memfd_create("weir-peers")
    os.ftruncate(descriptor, 8 * (ROWS + (workers + beside) * ROWS * WIDTH))
    os.set_inheritable(descriptor, True)
    return descriptor


def parts(descriptor: int) -> int:
    """How many share that memory."""
    return (os.fstat(descriptor).st_size // 8 - ROWS) // (ROWS * WIDTH)


class Peers:
    """One worker's window on that memory; index -1 only looks, and can clear what a dead worker left."""

    def __init__(self, descriptor: int, workers: int, index: int) -> None:
        self._memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        flat = np.frombuffer(self._memory, dtype=np.float64)
        self._keys = flat[:ROWS]  # which replica (its 31-bit key) a row of the shares is about
        self._shares: Shares = flat[ROWS:].reshape(-1, ROWS, WIDTH)
        assert len(self._shares) >= workers
        self.parts = len(self._shares)
        self._index = index
        self._version, self._places = -1, np.empty(0, dtype=np.int64)

    def exchange(self, fleet: Fleet, mine: Shares) -> Shares:
        """Tell this worker's part of every replica's load, shape [replicas, WIDTH]; returns the others' parts."""
        if fleet.version != self._version:
            self._version, self._places = fleet.version, self._slots(fleet.table[:, KEY])
        slots = self._places
        held = slots >= 0
        self._shares[self._index, slots[held]] = mine[held]
        others = np.zeros_like(mine)
        others[held] = self._shares[:, slots[held]].sum(axis=0) - mine[held]
        return np.maximum(others, 0.0)

    def clear(self, index: int) -> None:
        """A worker is gone: so is what it had sent."""
        self._shares[index] = 0.0

    def sent_here(self, elsewhere: int) -> tuple[npt.NDArray[np.float64], Shares]:
        """Keys, and the load this port has on each: the parts before that of `elsewhere`; rows without any left out."""
        here = self._shares[:elsewhere].sum(axis=0)
        busy = np.flatnonzero(here.any(axis=1))
        return self._keys[busy], here[busy]

    def put(self, part: int, keys: npt.NDArray[np.float64], shares: Shares) -> None:
        """Make a part these loads of these replicas, and nothing else; one that no worker here knows is left out."""
        order = np.argsort(self._keys)
        places = np.searchsorted(self._keys, keys, sorter=order).clip(max=ROWS - 1)
        known = (self._keys[order[places]] == keys) & (keys > 0.0)
        fresh = np.zeros((ROWS, WIDTH))
        np.add.at(fresh, order[places[known]], shares[known])
        self._shares[part] = fresh

    def _slots(self, keys: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The row of each key; a key not there yet takes the next free row from its own place on."""
        found = np.full(len(keys), -1)
        for i, key in enumerate(keys.tolist()):
            if key:
                found[i] = self._slot(key)
        return found

    def _slot(self, key: float) -> int:
        slot = int(key) % ROWS
        for _ in range(64):
            if self._keys[slot] in (key, 0.0):
                self._keys[slot] = key
                return slot
            slot = (slot + 1) % ROWS
        return -1
