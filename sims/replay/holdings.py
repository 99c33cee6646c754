"""What the router believes is cached: the engines' own KV events, a little late."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from policies.native.index import NativeIndex
from policies.native.routes import NativeRoute
from sims.replica.kv_events import Cleared, KvEvent, Removed, Stored

BLOCKS = 1 << 22


class Holdings:
    """The index over every replica's blocks, as of `staleness_s` seconds ago."""

    def __init__(self, route: NativeRoute, replicas: int, staleness_s: float) -> None:
        self._index = NativeIndex(BLOCKS, replicas=replicas)
        self._route, self._replicas, self._staleness_s = route, replicas, staleness_s
        self._late: deque[tuple[float, int, Sequence[KvEvent]]] = deque()

    def tell(self, now: float, row: int, events: Sequence[KvEvent]) -> None:
        """A replica's events of the moment; calls come in order of time."""
        self._late.append((now + self._staleness_s, row, events))

    def look_up(self, now: float, address: int, n: int, block_tokens: int) -> None:
        """Fill the route's `cached` for n hashes at an address."""
        late = self._late
        while late and late[0][0] <= now:
            _, row, events = late.popleft()
            for event in events:
                self._enter(row, event)
        self._index.longest_at(address, n, block_tokens, self._route.cached_at, self._replicas)

    def _enter(self, row: int, event: KvEvent) -> None:
        match event:
            case Stored():
                self._index.store(row, np.array(event.hashes, np.uint64))
            case Removed():
                self._index.remove(row, np.array(event.hashes, np.uint64))
            case Cleared():
                self._index.forget(row)
