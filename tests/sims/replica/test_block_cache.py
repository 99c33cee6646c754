"""The block cache against a naive one that scans lists."""

from hypothesis import given
from hypothesis import strategies as st

from sims.replica.cache import BlockCache
from sims.replica.kv_events import Cleared, Removed, Stored

CHAIN = (11, 12, 13, 14)


def stored(cache: BlockCache, chain: tuple[int, ...], job: str = "a") -> None:
    cache.take(len(chain))
    cache.name(chain, 0, len(chain), job)


def test_a_chain_is_found_up_to_its_first_unknown_block() -> None:
    cache = BlockCache(8)
    stored(cache, CHAIN)
    assert cache.hits((11, 12, 99, 14), 4) == 2
    assert cache.hits(CHAIN, 3) == 3


def test_the_tail_of_a_prompt_is_evicted_before_its_head() -> None:
    cache = BlockCache(4)
    stored(cache, CHAIN)
    cache.release(CHAIN, 4, 0)
    cache.take(2)
    assert cache.events[-1] == Removed(hashes=(14, 13))
    assert cache.hits(CHAIN, 4) == 2


def test_plain_free_blocks_go_before_cached_ones() -> None:
    cache = BlockCache(6)
    stored(cache, CHAIN)
    cache.release(CHAIN, 4, 0)
    cache.take(2)
    assert len(cache) == 4


def test_a_hit_protects_from_eviction() -> None:
    cache = BlockCache(4)
    stored(cache, CHAIN)
    cache.release(CHAIN, 4, 0)
    cache.hold(CHAIN, 2)
    assert cache.free == 2
    cache.take(2)
    assert cache.hits(CHAIN, 4) == 2


def test_stored_blocks_are_told_with_their_parent_and_place() -> None:
    cache = BlockCache(8)
    stored(cache, CHAIN[:2])
    cache.take(2)
    cache.name(CHAIN, 2, 4, "a")
    assert cache.events == [
        Stored(hashes=(11, 12), parent=None, job="a", first=0),
        Stored(hashes=(13, 14), parent=12, job="a", first=2),
    ]


def test_a_block_computed_twice_is_held_once_and_told_once() -> None:
    cache = BlockCache(8)
    stored(cache, CHAIN[:3], "a")
    cache.take(3)
    cache.name((11, 12, 15), 0, 3, "b")
    assert cache.used == 4
    assert cache.events[-1] == Stored(hashes=(15,), parent=12, job="b", first=2)


def test_it_is_cleared_only_when_nobody_holds_a_block() -> None:
    cache = BlockCache(8)
    stored(cache, CHAIN)
    assert not cache.clear()
    cache.release(CHAIN, 4, 0)
    assert cache.clear()
    assert (len(cache), cache.free, cache.events[-1]) == (0, 8, Cleared())


class Naive:
    """The same cache as lists: who holds what, and the order in which free blocks go."""

    def __init__(self, capacity: int) -> None:
        self.plain, self.free = capacity, list[int]()
        self.held = list[list[int]]()

    def admit(self, chain: tuple[int, ...]) -> int:
        known = set(self.free).union(*self.held)
        hits = next((i for i, block in enumerate(chain) if block not in known), len(chain))
        self.free = [block for block in self.free if block not in chain[:hits]]
        for _ in chain[hits:]:
            if self.plain:
                self.plain -= 1
            else:
                self.free.pop(0)
        self.held.append(list(chain))
        return hits

    def leave(self, index: int) -> None:
        for block in reversed(self.held.pop(index)):
            if not any(block in held for held in self.held):
                self.free.append(block)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(1, 6)), max_size=60))
def test_hits_and_evictions_are_those_of_a_naive_cache(moves: list[tuple[int, int, int]]) -> None:
    cache, naive, held = BlockCache(24), Naive(24), list[tuple[int, ...]]()
    for family, fork, length in moves:
        chain = tuple(100 * family + i + (1000 * fork if i > fork else 0) for i in range(length))
        if len(held) == 4:
            naive.leave(fork % 4)
            cache.release(gone := held.pop(fork % 4), len(gone), 0)
        hits = cache.hits(chain, length)
        cache.hold(chain, hits)
        cache.take(length - hits)
        cache.name(chain, hits, length, "x")
        held.append(chain)
        assert hits == naive.admit(chain)
        assert cache.free == naive.plain + len(naive.free)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=60))
def test_events_replayed_give_the_blocks_that_are_cached(moves: list[tuple[int, int]]) -> None:
    cache, seen = BlockCache(8), set[int]()
    for family, length in moves:
        chain = tuple(100 * family + i for i in range(length))
        hits = cache.hits(chain, length)
        cache.hold(chain, hits)
        cache.take(length - hits)
        cache.name(chain, hits, length, "x")
        cache.release(chain, length, 0)
    for event in cache.events:
        match event:
            case Stored(hashes=hashes):
                assert seen.isdisjoint(hashes)
                seen |= set(hashes)
            case Removed(hashes=hashes):
                seen -= set(hashes)
    assert len(seen) == len(cache)
    assert all(block in cache for block in seen)
