"""What requests on their way will bring: siblings of a burst land together, and nothing guessed becomes known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import TIERS, Fleet
from policies.kv.blocks import hash_tokens
from policies.kv.expected import expected_until
from router.core import Core, Placement
from router.held import Held
from router.intake import apply
from router.order import Order
from router.settings import Settings
from tests.router.routers import core_of, described
from weir.v1 import fleet_pb2

SETTINGS = Settings(policy="prefix_affinity")
IDS = list(range(4001))
STORED, REMOVED, CLEARED = fleet_pb2.KvEvent.STORED, fleet_pb2.KvEvent.REMOVED, fleet_pb2.KvEvent.CLEARED


def exact(n: int = 4, **facts: Any) -> Core:
    """Replicas whose events are believed."""
    told = [described(f"r{i}", f"h:{i}", tokenizer="llama3", events="e", **facts) for i in range(n)]
    core = core_of(SETTINGS, *told)
    reports = [fleet_pb2.ReplicaReport(name=one.name, ready=True, knowledge="exact") for one in told]
    apply(core, fleet_pb2.FleetUpdate(reports=reports))
    return core


def event(core: Core, kind: "fleet_pb2.KvEvent.Kind", name: str, ids: list[int]) -> None:
    blocks = [] if kind == CLEARED else hash_tokens(ids, 16).tolist()
    apply(core, fleet_pb2.FleetUpdate(events=[fleet_pb2.KvEvent(replica=name, kind=kind, blocks=blocks)]))


def placed(core: Core, request: str = "q", ids: list[int] = IDS, now: float = 0.0) -> Placement:
    placement = core.place(Order(request, "m", b"", tokens=list(ids)), now)
    assert isinstance(placement, Placement)
    return placement


def test_siblings_of_a_burst_land_where_the_first_went() -> None:
    core = exact()
    first = placed(core, "q0")
    siblings = [placed(core, f"q{i}", [*IDS[:4000], i]) for i in range(1, 4)]
    assert {one.replica.name for one in siblings} == {first.replica.name}
    assert [one.cached_tokens for one in siblings] == [4000.0] * 3


def test_a_hit_on_what_is_on_its_way_is_told_from_what_is_known() -> None:
    core = exact()
    first = placed(core)
    event(core, STORED, first.replica.name, IDS[:1600])
    second = placed(core, "q1")
    assert (second.known_tokens, second.cached_tokens) == (1600.0, 4000.0)
    assert (first.known_tokens, first.cached_tokens) == (0.0, 0.0)


def test_what_did_not_come_by_its_deadline_is_not_expected_any_more() -> None:
    core = exact()
    first = placed(core)
    due = expected_until(0.0, first.ttft_s)
    assert placed(core, "q1", now=due - 1e-6).cached_tokens == 4000.0
    assert placed(core, "q2", now=due + 1e-6).cached_tokens == 0.0


def test_what_an_event_confirmed_stays_after_the_deadline_and_is_known() -> None:
    core = exact()
    name = placed(core).replica.name
    event(core, STORED, name, IDS[:4000])
    later = placed(core, "q1", now=1000.0)
    assert (later.replica.name, later.known_tokens, later.cached_tokens) == (name, 4000.0, 4000.0)
    assert len(core.held.guessed) == 0


def test_what_the_engine_drops_meanwhile_is_not_expected_either() -> None:
    core = exact()
    name = placed(core).replica.name
    event(core, STORED, name, IDS[:4000])
    event(core, REMOVED, name, IDS[:4000])
    assert placed(core, "q1").cached_tokens == 0.0


@pytest.mark.parametrize("how", ["cleared", "restarted", "left", "unknown"])
def test_a_replica_whose_cache_is_void_is_expected_to_bring_nothing(how: str) -> None:
    core = exact()
    name = placed(core).replica.name
    if how == "cleared":
        event(core, CLEARED, name, [])
    elif how == "restarted":
        facts = {"tokenizer": "llama3", "events": "e", "epoch": 1}
        apply(core, fleet_pb2.FleetUpdate(replicas=[described(name, f"h:{name[1]}", **facts)]))
    elif how == "left":
        apply(core, fleet_pb2.FleetUpdate(removed=[name]))
    else:
        report = fleet_pb2.ReplicaReport(name=name, ready=True, knowledge="unknown")
        apply(core, fleet_pb2.FleetUpdate(reports=[report]))
    assert placed(core, "q1").cached_tokens == 0.0


def test_a_prompt_whose_blocks_are_all_there_is_not_waited_for() -> None:
    core = exact(1)
    event(core, STORED, "r0", IDS[:4000])
    assert placed(core).cached_tokens == 4000.0
    assert not core.held.guesses


def test_guesses_never_enter_what_is_known() -> None:
    core = exact()
    placed(core)
    assert len(core.held.index) == 0
    assert len(core.held.guessed) == 250


def test_candidates_are_recorded_as_they_were_chosen_by() -> None:
    core = exact()
    row = placed(core).row
    placed(core, "q1")
    assert core.placer.cached[:, 0].tolist() == [4000.0 if i == row else 0.0 for i in range(4)]


def test_prompts_that_share_nothing_with_what_is_on_its_way_are_decided_as_ever() -> None:
    one, other = exact(), exact()
    placed(one, "first")
    strange = [10_000 + i for i in range(2000)]
    one.view.end(placed(one, "gone").load)
    lone = placed(other, "q1", strange)
    assert placed(one, "q1", strange).cached_tokens == lone.cached_tokens == 0.0


actions = st.lists(
    st.tuples(
        st.sampled_from(["expect", "store", "remove", "pass", "forget"]), st.integers(0, 2), st.integers(0, 3),
        st.integers(1, 5),
    ),
    max_size=40,
)  # fmt: skip


@settings(deadline=None)
@given(actions)
def test_what_is_known_is_what_the_events_say_whatever_is_guessed(done: list[tuple[str, int, int, int]]) -> None:
    held, told, now = Held(Fleet(), 1000), dict[int, set[int]](), 0.0
    chains = [hash_tokens(np.arange(80) + 1000 * i, 16) for i in range(4)]
    for action, row, chain, blocks in done:
        hashes = chains[chain][:blocks].copy()
        mine = told.setdefault(row, set())
        if action == "expect":
            held.blocks.array[:blocks], held.blocks.n = hashes, blocks
            held.expect(row, now, 0.1)
        elif action == "store":
            held.stored(row, hashes)
            mine.update(hashes.tolist())
        elif action == "remove":
            held.removed(row, hashes)
            mine.difference_update(hashes.tolist())
        elif action == "pass":
            now += 0.4
            held.expire(now)
        else:
            held.forget(row)
            mine.clear()
        cached = np.zeros((3, TIERS))
        for each in chains:
            held.index.longest(each, 1.0, cached)
            for one in range(3):
                run = next((i for i, block in enumerate(each.tolist()) if block not in told.get(one, set())), len(each))
                assert cached[one, 0] == run
    held.expire(now + 1000.0)
    assert len(held.guessed) == 0
