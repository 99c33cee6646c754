"""A cache of KV blocks outside the GPU: host memory of one replica, or one store that several share."""

from collections import OrderedDict
from collections.abc import Sequence


class Store:
    """Block ids, the least recently used leaving first; reading and writing share one path of `bytes_per_s`.

    Transfers wait for one another on that path: a store that several replicas share is one server with one link.
    """

    def __init__(self, capacity: int, block_bytes: float, bytes_per_s: float) -> None:
        self.capacity, self.block_bytes, self.bytes_per_s = capacity, block_bytes, bytes_per_s
        self._kept: OrderedDict[int, None] = OrderedDict()
        self._free_at = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def leading(self, chain: Sequence[int]) -> int:
        """Blocks of a chain that are here before the first that is not."""
        return next((i for i, block in enumerate(chain) if block not in self._kept), len(chain))

    def keep(self, chain: Sequence[int]) -> int:
        """Make a chain's blocks the newest; returns how many of them were not here."""
        kept, before = self._kept, len(self._kept)
        for block in reversed(chain):
            kept[block] = None
            kept.move_to_end(block)
        added = len(kept) - before
        while len(kept) > self.capacity:
            kept.popitem(last=False)
        return added

    def move(self, blocks: int, now: float) -> float:
        """Seconds from `now` until so many blocks are across, the ones before them first; nothing takes no time."""
        if not blocks:
            return 0.0
        begin = max(now, self._free_at)
        self._free_at = begin + blocks * self.block_bytes / self.bytes_per_s
        return self._free_at - now
