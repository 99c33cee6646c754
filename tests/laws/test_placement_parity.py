"""One compiled call places as the plain parts do together: hash, look up, choose, predict."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import TIERS, WIDTH, Fleet, Replica
from policies.kv.blocks import hash_text, hash_tokens
from policies.kv.index import BlockIndex
from policies.native.index import BlockBuffer, NativeIndex
from policies.native.placer import Placer
from policies.perf.profiles import latency_model
from policies.policy import ROUTES, Routing, routing
from policies.predict import tpot_seconds
from policies.request import Ask
from policies.split import first_token_seconds, pair_usd, partner
from tests.laws.fleets import PROFILES, Snapshot, name, snapshots

BLOCK_BYTES, PARENT = 64, 12345
every_policy = pytest.mark.parametrize("policy", [routing(one) for one in ROUTES.names()], ids=repr)


class Both:
    """A placer and its plain twin, told the same."""

    def __init__(self, policy: Routing, seen: Snapshot) -> None:
        self.policy, self.fleet = policy, Fleet(1)
        for one in seen.names:
            perf = latency_model(*PROFILES[0])
            self.fleet.add(Replica(name=one, address="h:1", pool="p", model="m", gpu="l4", perf=perf))
        self.fleet.table[:] = seen.table
        self.index, self.plain = NativeIndex(generations=2), BlockIndex(generations=2)
        self.blocks = BlockBuffer()
        self.placer = Placer(policy, self.fleet, self.index, self.blocks)

    def holds(self, row: int, hashes: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> None:
        self.index.store(row, hashes)
        self.plain.store(row, hashes)

    def expected(self, ask: Ask, hashes: "np.ndarray[tuple[int], np.dtype[np.uint64]]", block: float) -> list[float]:
        cached = np.zeros((len(self.fleet), TIERS))
        self.plain.longest(hashes, block, cached)
        fleet = self.fleet.table
        row, propensity = type(self.policy).kernel(ask, fleet, cached, self.policy.settings(), 0.0)
        if row < 0:
            return [-1.0]
        to = partner(ask, fleet, row)
        told = (first_token_seconds(ask, fleet, cached, row, to), tpot_seconds(ask, fleet, to))
        return [
            row,
            propensity,
            *told,
            pair_usd(ask, fleet, cached, row, to),
            min(cached[row, 0], ask.prompt_tokens),
            to,
        ]

    def placed(self, row: int) -> list[float]:
        return [-1.0] if row < 0 else [row, *self.placer.told[:6]]


@every_policy
@settings(max_examples=40)
@given(seen=snapshots(most=5), text=st.binary(max_size=1000), start=st.integers(0, 100), data=st.data())
def test_a_text_is_placed_as_its_parts_say(
    policy: Routing, seen: Snapshot, text: bytes, start: int, data: st.DataObject
) -> None:
    both, start = Both(policy, seen), min(start, len(text))
    hashes = hash_text(text[start:], BLOCK_BYTES, PARENT)
    for row in range(len(seen.names)):
        both.holds(row, hashes[: data.draw(st.integers(0, len(hashes)))])
    both.placer.ask(*seen.ask)
    row = both.placer.place_text(text, start, BLOCK_BYTES, 16.0, PARENT, 0.0)
    assert both.placed(row) == pytest.approx(both.expected(seen.ask, hashes, 16.0), rel=1e-12)
    assert both.blocks.hashes().tolist() == hashes.tolist()


@every_policy
@settings(max_examples=40)
@given(seen=snapshots(most=5), tokens=st.lists(st.integers(0, 2**32 - 1), max_size=200), data=st.data())
def test_token_ids_are_placed_as_their_parts_say(
    policy: Routing, seen: Snapshot, tokens: list[int], data: st.DataObject
) -> None:
    both, hashes = Both(policy, seen), hash_tokens(tokens, 16)
    for row in range(len(seen.names)):
        both.holds(row, hashes[: data.draw(st.integers(0, len(hashes)))])
    both.blocks.tokens(np.array(tokens, dtype=np.uint32), 16)
    both.placer.ask(*seen.ask)
    row = both.placer.place_hashed(16.0, 0.0)
    assert both.placed(row) == pytest.approx(both.expected(seen.ask, hashes, 16.0), rel=1e-12)


@every_policy
def test_a_fleet_and_an_index_that_grow_are_followed(policy: Routing) -> None:
    both = Both(policy, Snapshot(Ask(1, 0, 0, 512, 0, 10, 1, 1), np.zeros((0, WIDTH)), np.zeros((0, TIERS)), ()))
    perf, text = latency_model(*PROFILES[0]), bytes(range(256)) * 8
    for i in range(130):
        both.fleet.add(Replica(name=name(i), address="h:1", pool="p", model="m", gpu="l4", perf=perf))
        both.fleet.columns.ready[:] = 1.0
        both.holds(i, hash_tokens(np.arange(60) + i * 1000, 1))
        both.placer.ask(7.0, 0.0, 0.0, 512.0, 0.0, 10.0, 1.0, 1.0)
        row = both.placer.place_text(text, 0, BLOCK_BYTES, 16.0, PARENT, 0.0)
        asked = Ask(7.0, 0.0, 0.0, 512.0, 0.0, 10.0, 1.0, 1.0)
        assert both.placed(row)[:2] == both.expected(asked, hash_text(text, BLOCK_BYTES, PARENT), 16.0)[:2]
        both.holds(row, hash_text(text, BLOCK_BYTES, PARENT))
