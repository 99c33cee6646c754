"""The prefix cache of one engine, in blocks: vLLM v1's reference counts and eviction order."""

from collections import OrderedDict
from collections.abc import Sequence

from sims.replica.kv_events import Cleared, KvEvent, Removed, Stored

Chain = Sequence[int]
"""Hashes of consecutive blocks from a prompt's first on, each over all tokens before it."""


class BlockCache:
    """`capacity` blocks, each plain (no hash: partial or not cacheable) or cached under its hash.

    Freed plain blocks are handed out first; then cached ones in the order in which they were freed, where a request
    frees its tail before its head. A hash is held once: who recomputes a cached block shares it.
    """

    def __init__(self, capacity: int, caching: bool = True, telling: bool = True) -> None:
        self.capacity = capacity
        self.caching = caching
        self.events: list[KvEvent] = []
        self._telling = telling
        self._plain = capacity  # free blocks without a hash
        self._references: dict[int, int] = {}  # cached block → requests that hold it
        self._evictable: OrderedDict[int, None] = OrderedDict()  # cached and free, first to go first

    @property
    def free(self) -> int:
        """Blocks that can be handed out, cached ones included."""
        return self._plain + len(self._evictable)

    @property
    def used(self) -> int:
        """Blocks that requests hold."""
        return self.capacity - self._plain - len(self._evictable)

    def __contains__(self, block: int) -> bool:
        return block in self._references

    def __len__(self) -> int:
        return len(self._references)

    def hits(self, chain: Chain, limit: int) -> int:
        """Leading blocks of a chain that are cached, at most `limit`."""
        count, references = 0, self._references
        for block in chain[:limit]:
            if block not in references:
                break
            count += 1
        return count

    def evictable(self, chain: Chain, count: int) -> int:
        """How many of the first `count` blocks, all cached, nobody holds."""
        references = self._references
        return sum(not references[block] for block in chain[:count])

    def hold(self, chain: Chain, count: int) -> None:
        """Hold the first `count` blocks, all cached."""
        references, evictable = self._references, self._evictable
        for block in chain[:count]:
            if not references[block]:
                del evictable[block]
            references[block] += 1

    def take(self, count: int) -> None:
        """Hold `count` plain blocks, evicting cached ones where none are left; the caller has checked `free`."""
        self._plain -= count
        if self._plain >= 0:
            return
        evict, references = self._evictable.popitem, self._references
        gone = tuple(evict(last=False)[0] for _ in range(-self._plain))
        for block in gone:
            del references[block]
        self._plain = 0
        if self._telling:
            self.events.append(Removed(hashes=gone))

    def name(self, chain: Chain, first: int, last: int, job: str) -> None:
        """Turn plain blocks that a job holds into its blocks `first` to `last` - 1, cached from now on."""
        references, fresh = self._references, first
        for index in range(first, last):
            block = chain[index]
            if block in references:
                self._tell(chain, fresh, index, job)
                self._share(block)
                fresh = index + 1
            else:
                references[block] = 1
        self._tell(chain, fresh, last, job)

    def release(self, chain: Chain, named: int, plain: int) -> None:
        """Give back a job's `plain` blocks and its `named` first ones, its tail first."""
        self._plain += plain
        references, evictable = self._references, self._evictable
        for block in reversed(chain[:named]):
            left = references[block] - 1
            references[block] = left
            if not left:
                evictable[block] = None

    def clear(self) -> bool:
        """Forget every cached block; refused, as vLLM does, while any block is held."""
        if self.used:
            return False
        self._plain = self.capacity
        self._references.clear()
        self._evictable.clear()
        if self._telling:
            self.events.append(Cleared())
        return True

    def _share(self, block: int) -> None:
        """Hold a cached block in place of a plain one just computed, which is given back."""
        if not self._references[block]:
            del self._evictable[block]
        self._references[block] += 1
        self._plain += 1

    def _tell(self, chain: Chain, first: int, last: int, job: str) -> None:
        if first < last and self._telling:
            parent = chain[first - 1] if first else None
            self.events.append(Stored(hashes=tuple(chain[first:last]), parent=parent, job=job, first=first))
