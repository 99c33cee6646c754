"""Updates of the fleet taken into a core, and what is believed to be held where."""

from typing import Any

import pytest

from policies.kv.blocks import hash_tokens
from router.core import Core, Placement
from router.intake import apply
from router.order import Order
from router.settings import Settings
from tests.router.routers import core_of, described, update
from weir.v1 import fleet_pb2

SETTINGS = Settings(policy="prefix_affinity")
IDS = list(range(321))  # twenty blocks, and a token that is always computed
STORED, REMOVED, CLEARED = fleet_pb2.KvEvent.STORED, fleet_pb2.KvEvent.REMOVED, fleet_pb2.KvEvent.CLEARED


def counted(name: str, address: str, **facts: Any) -> fleet_pb2.Replica:
    """A replica of a model whose prompts can be counted in tokens."""
    return described(name, address, **{"tokenizer": "llama3", **facts})


def two(knowledge: str = "", tokenizer: str = "llama3") -> Core:
    core = core_of(SETTINGS, *(counted(name, "h:1", tokenizer=tokenizer) for name in ("a", "b")))
    for name in ("a", "b"):
        report = fleet_pb2.ReplicaReport(name=name, ready=True, knowledge=knowledge)
        apply(core, fleet_pb2.FleetUpdate(reports=[report]))
    return core


def cached(core: Core, ids: list[int] = IDS) -> dict[str, float]:
    """What each replica is believed to hold of a prompt."""
    assert isinstance(core.place(Order("probe", "m", b"", tokens=list(ids)), 0.0), Placement)
    found = core.placer.cached[:, 0].tolist()
    return {name: found[row] for name, row in core.fleet.rows.items()}


def event(core: Core, kind: "fleet_pb2.KvEvent.Kind", name: str, ids: list[int] = IDS, tier: str = "") -> None:
    blocks = [int(one) for one in hash_tokens(ids, 16)] if kind != CLEARED else []
    told = fleet_pb2.KvEvent(replica=name, kind=kind, blocks=blocks, tier=tier)
    apply(core, fleet_pb2.FleetUpdate(events=[told]))


def test_blocks_that_a_replica_stored_are_found_there() -> None:
    core = two("exact")
    event(core, STORED, "b", IDS[:160])
    assert cached(core) == {"a": 0.0, "b": 160.0}


def test_blocks_that_a_replica_removed_or_cleared_are_not() -> None:
    core = two("exact")
    event(core, STORED, "a")
    event(core, STORED, "b")
    event(core, REMOVED, "a", IDS)
    event(core, CLEARED, "b")
    assert cached(core) == {"a": 0.0, "b": 0.0}


def test_a_replica_that_sends_events_is_not_believed_to_hold_what_it_was_sent() -> None:
    core = two("exact")
    cached(core)
    core.held.expire(1000.0)
    assert cached(core) == {"a": 0.0, "b": 0.0}


@pytest.mark.parametrize("knowledge", ["", "approximate", "unknown"])
def test_any_other_replica_is(knowledge: str) -> None:
    core = two(knowledge)
    cached(core)
    assert sorted(cached(core).values()) == [0.0, 320.0]


def test_knowledge_of_another_kind_voids_what_was_believed() -> None:
    core = two("approximate")
    cached(core)
    for name in ("a", "b"):
        apply(core, fleet_pb2.FleetUpdate(reports=[fleet_pb2.ReplicaReport(name=name, ready=True, knowledge="exact")]))
    assert cached(core) == {"a": 0.0, "b": 0.0}


def test_a_restarted_replica_holds_nothing() -> None:
    core = two("exact")
    event(core, STORED, "b")
    apply(core, update(counted("b", "h:2", epoch=1)))
    assert cached(core) == {"a": 0.0, "b": 0.0}


def test_a_snapshot_replaces_all_that_was_known() -> None:
    core = two("exact")
    event(core, STORED, "a")
    apply(core, update(counted("a", "h:1"), counted("c", "h:3"), snapshot=True))
    assert set(core.fleet.rows) == {"a", "c"}
    assert cached(core)["a"] == 0.0


def test_a_new_replica_in_a_freed_row_holds_nothing() -> None:
    core = two("exact")
    event(core, STORED, "a")
    apply(core, fleet_pb2.FleetUpdate(removed=["a"]))
    apply(core, update(counted("c", "h:3")))
    assert core.fleet.rows["c"] == 0
    assert cached(core) == {"b": 0.0, "c": 0.0}


def test_a_new_replica_in_a_freed_row_does_not_inherit_how_well_the_old_one_was_known() -> None:
    core = two("exact")
    apply(core, fleet_pb2.FleetUpdate(removed=["a"]))
    apply(core, update(counted("c", "h:3")))
    assert core.held.knowledge(core.fleet.rows["c"]) == "approximate"


def test_events_of_strangers_and_of_slower_tiers_are_passed_over() -> None:
    core = two("exact")
    event(core, STORED, "nobody")
    event(core, STORED, "a", tier="host")
    event(core, STORED, "b", tier="hbm")
    assert cached(core) == {"a": 0.0, "b": 320.0}


def test_reports_of_strangers_and_removals_of_strangers_are_passed_over() -> None:
    core = two()
    apply(core, fleet_pb2.FleetUpdate(removed=["x"], reports=[fleet_pb2.ReplicaReport(name="x", ready=True)]))
    assert set(core.fleet.rows) == {"a", "b"}


def test_the_kv_capacity_that_an_engine_states_replaces_the_models() -> None:
    core = two()
    apply(core, fleet_pb2.FleetUpdate(reports=[fleet_pb2.ReplicaReport(name="a", ready=True, kv_tokens=777)]))
    assert core.fleet.columns.kv_tokens[0] == 777.0


def test_a_replica_is_believed_to_forget_what_it_was_not_sent_lately() -> None:
    core = core_of(SETTINGS, counted("a", "h:1"))
    apply(core, fleet_pb2.FleetUpdate(reports=[fleet_pb2.ReplicaReport(name="a", ready=True, kv_tokens=1000)]))
    cached(core)
    for i in range(1, 12):
        cached(core, [i * 1000 + one for one in range(320)])
    assert cached(core) == {"a": 0.0}


def test_the_same_text_is_found_again_and_other_texts_are_not() -> None:
    core = two()
    first = core.place(Order("1", "m", b"x" * 4096), 0.0)
    again = core.place(Order("2", "m", b"x" * 4096), 1.0)
    other = core.place(Order("3", "m", b"y" * 4096), 2.0)
    assert isinstance(first, Placement)
    assert isinstance(again, Placement)
    assert isinstance(other, Placement)
    assert (first.cached_tokens, other.cached_tokens) == (0.0, 0.0)
    assert again.replica.name == first.replica.name
    assert again.cached_tokens == pytest.approx(1024.0)


def test_events_that_cannot_be_matched_with_prompts_are_not_relied_on() -> None:
    core = two("exact", tokenizer="")
    event(core, STORED, "a")
    assert core.held.known() == {"exact": 0, "approximate": 2, "unknown": 0}
    text = b"x" * 4096
    first = core.place(Order("one", "m", text), 0.0)
    assert isinstance(first, Placement)
    again = core.place(Order("two", "m", text), 0.0)
    assert isinstance(again, Placement)
    assert again.row == first.row
    assert again.cached_tokens > 0
