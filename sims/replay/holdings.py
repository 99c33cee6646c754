"""What the router believes is cached: the engines' own KV events, a little late."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from policies.native.index import NativeIndex
from sims.replica.kv_events import Cleared, KvEvent, Removed, Stored

BLOCKS = 1 << 22


class Holdings:
    """The index over every replica's blocks, as of `staleness_s` seconds ago."""

    def __init__(self, replicas: int, staleness_s: float) -> None:
        self.index = NativeIndex(BLOCKS, replicas=replicas)
        self._staleness_s = staleness_s
        self._late: deque[tuple[float, int, Sequence[KvEvent]]] = deque()

    def tell(self, now: float, row: int, events: Sequence[KvEvent]) -> None:
        """A replica's events of the moment; calls come in order of time."""
        self._late.append((now + self._staleness_s, row, events))

    def arrive(self, now: float) -> None:
        """Enter what has reached the router by now."""
        late = self._late
        while late and late[0][0] <= now:
            _, row, events = late.popleft()
            for event in events:
                self._enter(row, event)

    def _enter(self, row: int, event: KvEvent) -> None:
        match event:
            case Stored():
                self.index.store(row, np.array(event.hashes, np.uint64))
            case Removed():
                self.index.remove(row, np.array(event.hashes, np.uint64))
            case Cleared():
                self.index.forget(row)
