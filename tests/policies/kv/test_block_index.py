"""The block index against a dictionary of sets: plain and compiled, generations and tiers."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from policies.fleet import DISK, HBM, HOST, REMOTE, TIERS
from policies.kv.blocks import Hashes, hash_tokens
from policies.kv.index import FIRST_ROWS, FIRST_SLOTS, FULLEST, BlockIndex, as_hashes
from policies.native.index import NativeIndex

# The slot of a key is in its upper half: these collide in threes, or all, and wrap around the end of the table.
KEYS = [(slot << 32) | low for slot in (FIRST_SLOTS - 1, FIRST_SLOTS - 2, 5) for low in (1, 2, 3)] + list(
    range(100, 112)
)
ROWS = [0, 1, 63, 64, 130]
BLOCK = 16.0


class Model:
    """What the index should know: per replica, blocks seen lately, blocks seen before, and those of slower tiers."""

    def __init__(self, generations: int) -> None:
        self.recent: dict[int, set[int]] = {}
        self.old: dict[int, set[int]] = {}
        self.slower: dict[tuple[int, int], set[int]] = {}
        self.generations = generations

    def holds(self, row: int, tier: int) -> set[int]:
        if tier == HBM:
            return self.recent.get(row, set()) | self.old.get(row, set())
        return self.slower.get((row, tier), set())

    def within(self, row: int, tier: int) -> set[int]:
        return set[int]().union(*[self.holds(row, each) for each in range(tier + 1)])

    def store(self, row: int, blocks: Sequence[int], tier: int) -> int:
        fresh = len(set(blocks) - self.holds(row, tier))
        held = self.recent.setdefault(row, set()) if tier == HBM else self.slower.setdefault((row, tier), set())
        held.update(blocks)
        return fresh

    def remove(self, row: int, blocks: Sequence[int], tier: int) -> None:
        for held in (self.recent, self.old) if tier == HBM else ():
            held.setdefault(row, set()).difference_update(blocks)
        self.slower.setdefault((row, tier), set()).difference_update(blocks)

    def forget(self, row: int) -> None:
        self.recent.pop(row, None)
        self.old.pop(row, None)
        for tier in range(TIERS):
            self.slower.pop((row, tier), None)

    def age(self, row: int) -> None:
        if self.generations == 2:
            self.old[row] = self.recent.pop(row, set())

    def longest(self, blocks: Sequence[int], replicas: int) -> list[list[float]]:
        return [[BLOCK * run(self.within(row, tier), blocks) for tier in range(TIERS)] for row in range(replicas)]

    def live(self) -> int:
        held = [*self.recent.values(), *self.old.values(), *self.slower.values()]
        return len(set[int]().union(*held))


def run(held: set[int], blocks: Sequence[int]) -> int:
    """Leading blocks of a prompt that are held."""
    return next((i for i, block in enumerate(blocks) if block not in held), len(blocks))


def by_tier(index: BlockIndex, blocks: Hashes, replicas: int) -> list[list[float]]:
    """Leading tokens by replica and tier."""
    cached = np.full((replicas, TIERS), 7.0)
    index.longest(blocks, BLOCK, cached)
    found: list[list[float]] = cached.tolist()
    return found


def longest(index: BlockIndex, blocks: Hashes, replicas: int) -> list[float]:
    """Leading tokens by replica, of an index that knows of one tier: all are alike."""
    found = by_tier(index, blocks, replicas)
    assert all(len(set(row)) == 1 for row in found)
    return [row[HBM] for row in found]


class Indexes(RuleBasedStateMachine):
    """Plain index, compiled index and model through the same operations."""

    blocks = st.lists(st.sampled_from(KEYS), max_size=8)
    rows = st.sampled_from(ROWS)
    tiers = st.sampled_from((HBM, HBM, HBM, HOST, DISK, REMOTE))

    @initialize(generations=st.sampled_from((1, 2)), replicas=st.sampled_from((1, 64, 200)))
    def begin(self, generations: int, replicas: int) -> None:
        self.both = [kind(1000, replicas, generations) for kind in (BlockIndex, NativeIndex)]
        self.model = Model(generations)

    @rule(row=rows, blocks=blocks, tier=tiers)
    def store(self, row: int, blocks: list[int], tier: int) -> None:
        fresh = self.model.store(row, blocks, tier)
        assert [index.store(row, as_hashes(blocks), tier) for index in self.both] == [fresh, fresh]

    @rule(row=rows, blocks=blocks, tier=tiers)
    def remove(self, row: int, blocks: list[int], tier: int) -> None:
        self.model.remove(row, blocks, tier)
        for index in self.both:
            index.remove(row, as_hashes(blocks), tier)

    @rule(row=rows)
    def forget(self, row: int) -> None:
        self.model.forget(row)
        for index in self.both:
            index.forget(row)

    @rule(row=rows)
    def age(self, row: int) -> None:
        self.model.age(row)
        for index in self.both:
            index.age(row)

    @rule(blocks=st.lists(st.sampled_from(KEYS), max_size=40), replicas=st.sampled_from((1, 3, 65, 131, 200)))
    def look_up(self, blocks: list[int], replicas: int) -> None:
        expected = self.model.longest(blocks, replicas)
        known = {row for row in range(replicas) if row < self.both[0].replicas}
        for index in self.both:
            found = by_tier(index, as_hashes(blocks), replicas)
            assert [found[row] for row in known] == [expected[row] for row in known]
            assert not blocks or not any(any(found[row]) for row in set(range(replicas)) - known)

    @invariant()
    def counts_agree(self) -> None:
        if hasattr(self, "both"):
            assert [len(index) for index in self.both] == [self.model.live()] * 2


Indexes.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestIndexes = Indexes.TestCase

both = pytest.mark.parametrize("kind", [BlockIndex, NativeIndex])


def chain(n: int, parent: int = 99) -> Hashes:
    return hash_tokens(np.arange(n), 1, parent)


@both
def test_an_index_grows_beyond_its_first_slots_and_loses_nothing(kind: type[BlockIndex]) -> None:
    index, chains = kind(1 << 20, generations=2), [chain(900, 100 + row) for row in range(8)]
    for row, blocks in enumerate(chains):
        assert index.store(row, blocks) == 900
    assert len(index) == 7200
    assert index.nbytes > FIRST_ROWS * 16 + FIRST_SLOTS * 8
    for row, blocks in enumerate(chains):
        assert longest(index, blocks, 8)[row] == 900 * BLOCK


@both
def test_an_index_is_bounded_and_counts_what_it_refused(kind: type[BlockIndex]) -> None:
    index = kind(limit_blocks=3000)
    stored = sum(index.store(0, chain(100, 50 + i)) for i in range(100))
    assert 3000 - 100 <= stored <= 3000
    assert index.nbytes <= 3000 * 16 + 3000 / FULLEST * 2 * 8
    assert index.refused == 100 * 100 - stored
    assert len(index) == stored


@both
def test_room_freed_by_forgetting_is_used_again(kind: type[BlockIndex]) -> None:
    index = kind(limit_blocks=2000)
    for i in range(40):
        assert index.store(0, chain(1000, 500 + i)) == 1000
        index.forget(0)
    assert len(index) == 0
    assert index.nbytes == FIRST_ROWS * 16 + FIRST_SLOTS * 8


@both
@pytest.mark.parametrize("rows", [[64], [0, 63, 64, 127, 128, 500], [1000]])
def test_more_replicas_than_a_word_has_bits(kind: type[BlockIndex], rows: list[int]) -> None:
    index, blocks = kind(replicas=64, generations=2), chain(50)
    for depth, row in enumerate(rows, 1):
        index.store(row, blocks[: 5 * depth])
    found = longest(index, blocks, max(rows) + 1)
    assert {row: tokens for row, tokens in enumerate(found) if tokens} == {
        row: 5 * depth * BLOCK for depth, row in enumerate(rows, 1)
    }


@both
def test_a_replica_is_aged_out_of_what_it_was_not_sent_since(kind: type[BlockIndex]) -> None:
    index, kept, dropped = kind(generations=2), chain(5, 1000), chain(5, 2000)
    index.store(3, kept)
    index.store(3, dropped)
    index.age(3)
    assert index.store(3, kept) == 0
    index.age(3)
    assert longest(index, kept, 4)[3] == 5 * BLOCK
    assert longest(index, dropped, 4)[3] == 0.0
    assert len(index) == 5


@both
def test_what_nobody_knows_of_is_removed_forgotten_and_aged_quietly(kind: type[BlockIndex]) -> None:
    index = kind(generations=2)
    index.remove(900, chain(3))
    index.forget(900)
    index.age(900)
    index.remove(0, chain(3))
    assert len(index) == 0
    assert longest(index, chain(3), 2) == [0.0, 0.0]


@both
def test_the_empty_prompt_is_held_by_nobody(kind: type[BlockIndex]) -> None:
    index = kind()
    index.store(0, chain(3))
    assert longest(index, chain(0), 3) == [0.0, 0.0, 0.0]


@settings(max_examples=25)
@given(depths=st.lists(st.integers(0, 150), min_size=1, max_size=90))
def test_deep_prefixes_end_where_each_replica_lacks_a_block(depths: list[int]) -> None:
    blocks = chain(150)
    for kind in (BlockIndex, NativeIndex):
        index = kind()
        for row, depth in enumerate(depths):
            index.store(row, blocks[:depth])
        assert longest(index, blocks, len(depths)) == [depth * BLOCK for depth in depths]


@both
def test_a_run_goes_on_in_a_slower_tier_and_never_falls_from_tier_to_tier(kind: type[BlockIndex]) -> None:
    index, blocks = kind(), chain(60)
    index.store(1, blocks[:10])
    index.store(1, blocks[10:30], HOST)
    index.store(1, blocks[30:50], REMOTE)
    index.store(2, blocks[:20], REMOTE)
    index.store(2, blocks[5:40], HOST)
    assert by_tier(index, blocks, 3) == [
        [0.0] * TIERS,
        [10 * BLOCK, 30 * BLOCK, 30 * BLOCK, 50 * BLOCK],
        [0.0, 0.0, 0.0, 40 * BLOCK],
    ]


@both
def test_a_hole_ends_the_run_unless_a_slower_tier_fills_it(kind: type[BlockIndex]) -> None:
    index, blocks = kind(), chain(100)
    index.store(0, blocks)
    index.remove(0, blocks[40:41])
    assert longest(index, blocks, 1) == [40 * BLOCK]
    index.store(0, blocks[40:41], HOST)
    assert by_tier(index, blocks, 1) == [[40 * BLOCK, *[100 * BLOCK] * (TIERS - 1)]]
    index.store(0, blocks[40:41])
    index.remove(0, blocks[40:41], HOST)
    assert by_tier(index, blocks, 1) == [[100 * BLOCK] * TIERS]


@both
def test_tiers_and_ageing_cost_memory_only_once_somebody_uses_them(kind: type[BlockIndex]) -> None:
    index, column, slots = kind(generations=2), 8 * FIRST_ROWS, 8 * FIRST_SLOTS
    index.store(0, chain(10))
    assert index.nbytes == 2 * column + slots
    index.age(0)
    assert index.nbytes == 3 * column + slots
    index.store(0, chain(10), DISK)
    assert index.nbytes == 4 * column + slots
    index.remove(0, chain(10), HOST)
    assert index.nbytes == 4 * column + slots
    assert by_tier(index, chain(10), 1) == [[10 * BLOCK] * TIERS]


@both
def test_blocks_that_come_again_after_an_eviction_lie_in_order_and_take_no_more_room(kind: type[BlockIndex]) -> None:
    index = kind()
    for turn in range(5):
        index.store(0, chain(2000, 70 + turn))
        for block in chain(2000, 70 + turn)[::-1]:
            index.remove(0, as_hashes([block]))
    index.store(0, chain(2000, 99))
    rows = index._rows[:2000, 0]
    assert rows.tolist() == chain(2000, 99).tolist()
    assert index.nbytes == FIRST_ROWS * 16 + FIRST_SLOTS * 8


@both
def test_what_is_forgotten_or_left_is_gone_from_every_tier(kind: type[BlockIndex]) -> None:
    index, blocks = kind(), chain(20)
    for tier in (HBM, HOST, DISK, REMOTE):
        index.store(5, blocks, tier)
    index.remove(5, blocks, HBM)
    assert len(index) == 20
    assert by_tier(index, blocks, 6)[5] == [0.0, *[20 * BLOCK] * (TIERS - 1)]
    index.forget(5)
    assert len(index) == 0
    assert by_tier(index, blocks, 6)[5] == [0.0] * TIERS


@both
def test_growing_by_slots_replicas_tiers_and_generations_keeps_every_bit(kind: type[BlockIndex]) -> None:
    index, deep, low = kind(generations=2), chain(300, 7), chain(4000, 8)
    index.store(3, deep[:100])
    index.store(3, deep[100:200], REMOTE)
    index.age(3)
    index.store(3, deep[:50])
    index.store(3, deep[200:], HOST)
    index.store(300, deep)
    index.store(9, low)
    found = by_tier(index, deep, 301)
    assert found[3] == [100 * BLOCK, 100 * BLOCK, 100 * BLOCK, 300 * BLOCK]
    assert found[300] == [300 * BLOCK] * TIERS
    index.age(3)
    assert by_tier(index, deep, 4)[3][HBM] == 50 * BLOCK


@settings(max_examples=25)
@given(
    held=st.lists(
        st.lists(st.sampled_from((HBM, HBM, HOST, DISK, REMOTE, TIERS)), max_size=90), min_size=1, max_size=70
    )
)
def test_blocks_scattered_over_tiers_are_read_in_order(held: list[list[int]]) -> None:
    blocks, model = chain(90), Model(1)
    for kind in (BlockIndex, NativeIndex):
        index = kind()
        for row, places in enumerate(held):
            for tier in range(TIERS):
                of = [block for block, at in zip(blocks.tolist(), places, strict=False) if at == tier]
                index.store(row, as_hashes(of), tier)
                model.store(row, of, tier)
        assert by_tier(index, blocks, len(held)) == model.longest(blocks.tolist(), len(held))
