"""The block index against a dictionary of sets: plain and compiled, one generation and two."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from policies.kv.blocks import Hashes, hash_tokens
from policies.kv.index import FIRST_SLOTS, FULLEST, BlockIndex, as_hashes
from policies.native.index import NativeIndex

# The slots of a key are its low bits: these collide in threes and wrap around the end of the table.
KEYS = [(high << 40) | low for low in (FIRST_SLOTS - 1, FIRST_SLOTS - 2, 5) for high in (1, 2, 3)] + list(
    range(100, 112)
)
ROWS = [0, 1, 63, 64, 130]
BLOCK = 16.0


class Model:
    """What the index should know: per replica, blocks seen lately and blocks seen before."""

    def __init__(self, generations: int) -> None:
        self.recent: dict[int, set[int]] = {}
        self.old: dict[int, set[int]] = {}
        self.generations = generations

    def holds(self, row: int) -> set[int]:
        return self.recent.get(row, set()) | self.old.get(row, set())

    def store(self, row: int, blocks: Sequence[int]) -> int:
        fresh = len(set(blocks) - self.holds(row))
        self.recent.setdefault(row, set()).update(blocks)
        return fresh

    def remove(self, row: int, blocks: Sequence[int]) -> None:
        for held in (self.recent, self.old):
            held.setdefault(row, set()).difference_update(blocks)

    def forget(self, row: int) -> None:
        self.recent.pop(row, None)
        self.old.pop(row, None)

    def age(self, row: int) -> None:
        self.old[row] = self.recent.pop(row, set())

    def longest(self, blocks: Sequence[int], replicas: int) -> list[float]:
        return [BLOCK * self._run(self.holds(row), blocks) for row in range(replicas)]

    def live(self) -> int:
        return len(set().union(*[self.holds(row) for row in {*self.recent, *self.old}]))

    @staticmethod
    def _run(held: set[int], blocks: Sequence[int]) -> int:
        return next((i for i, block in enumerate(blocks) if block not in held), len(blocks))


def longest(index: BlockIndex, blocks: Hashes, replicas: int) -> list[float]:
    """Leading tokens by replica; the tiers of one index are all alike."""
    cached = np.full((replicas, 3), 7.0)
    index.longest(blocks, BLOCK, cached)
    assert (cached == cached[:, :1]).all()
    return [float(one) for one in cached[:, 0]]


class Indexes(RuleBasedStateMachine):
    """Plain index, compiled index and model through the same operations."""

    blocks = st.lists(st.sampled_from(KEYS), max_size=8)
    rows = st.sampled_from(ROWS)

    @initialize(generations=st.sampled_from((1, 2)), replicas=st.sampled_from((1, 64, 200)))
    def begin(self, generations: int, replicas: int) -> None:
        self.both = [kind(1000, replicas, generations) for kind in (BlockIndex, NativeIndex)]
        self.model = Model(generations)

    @rule(row=rows, blocks=blocks)
    def store(self, row: int, blocks: list[int]) -> None:
        fresh = self.model.store(row, blocks)
        assert [index.store(row, as_hashes(blocks)) for index in self.both] == [fresh, fresh]

    @rule(row=rows, blocks=blocks)
    def remove(self, row: int, blocks: list[int]) -> None:
        self.model.remove(row, blocks)
        for index in self.both:
            index.remove(row, as_hashes(blocks))

    @rule(row=rows)
    def forget(self, row: int) -> None:
        self.model.forget(row)
        for index in self.both:
            index.forget(row)

    @rule(row=rows)
    def age(self, row: int) -> None:
        if self.model.generations == 2:
            self.model.age(row)
            for index in self.both:
                index.age(row)

    @rule(blocks=st.lists(st.sampled_from(KEYS), max_size=40), replicas=st.sampled_from((1, 3, 65, 131, 200)))
    def look_up(self, blocks: list[int], replicas: int) -> None:
        expected = self.model.longest(blocks, replicas)
        known = {row for row in range(replicas) if row < 64 * self.both[0]._words}
        for index in self.both:
            found = longest(index, as_hashes(blocks), replicas)
            assert [found[row] for row in known] == [expected[row] for row in known]
            assert not blocks or not any(found[row] for row in set(range(replicas)) - known)

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
    assert index.nbytes > FIRST_SLOTS * 24
    for row, blocks in enumerate(chains):
        assert longest(index, blocks, 8)[row] == 900 * BLOCK


@both
def test_an_index_is_bounded_and_counts_what_it_refused(kind: type[BlockIndex]) -> None:
    index = kind(limit_blocks=3000)
    stored = sum(index.store(0, chain(100, 50 + i)) for i in range(100))
    assert 3000 - 100 <= stored <= FULLEST * 2.5 * 3000 * 1.1
    assert index.nbytes <= 2.75 * 3000 * 16
    assert index.refused == 100 * 100 - stored
    assert len(index) == stored


@both
def test_room_freed_by_forgetting_is_used_again(kind: type[BlockIndex]) -> None:
    index = kind(limit_blocks=2000)
    for i in range(40):
        assert index.store(0, chain(1000, 500 + i)) == 1000
        index.forget(0)
    assert len(index) == 0
    assert index.nbytes <= 2 * FIRST_SLOTS * 16


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
