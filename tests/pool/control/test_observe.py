"""Pods and what their engines said of themselves, as `reconcile` sees them."""

from typing import Any

import pytest

from pool.cluster.objects import Meta, Pod, PodCondition, PodStatus
from pool.control.observe import Target, drains, pool
from pool.reconcile import Replica, Wanted, reconcile
from pool.roster import Roster
from pool.scrape import Reading
from tests.pool.fakes import described, roster
from weir import fleetfile

CHAT = fleetfile.Pool(name="chat", gpu="h100-sxm", model="llama-3.1-8b", replicas=1)
OURS = {"weir.dev/drain": "scale-down", "weir.dev/drain-since": "2020-01-01T00:00:00+00:00"}


def pod(name: str = "a", notes: dict[str, str] | None = None, **more: Any) -> Pod:
    meta = Meta(name=name, uid=f"uid-{name}", annotations=notes, **more)
    return Pod(metadata=meta, status=PodStatus(ip="10.0.0.1", conditions=[PodCondition(type="Ready", status="True")]))


def running(fleet: Roster, name: str, address: str, running: int, *, ready: bool = True) -> None:
    entry = fleet.enter(described(name, pool="chat", address=address))
    if ready:
        fleet.answered(entry)
    fleet.read(entry, Reading(running=running, started=1.0), 0.0)


def seen(fleet: Roster, *pods: Pod, kind: str = "Deployment", drained: dict[str, float] | None = None) -> list[Replica]:
    return list(pool(CHAT, pods, fleet, Target(kind=kind, name="vllm"), None, drained or {}).replicas)


def test_a_pod_of_one_port_has_the_work_of_its_replica() -> None:
    fleet = roster()
    running(fleet, "a", "10.0.0.1:8000", 3)
    (found,) = seen(fleet, pod())
    assert (found.in_flight, found.ready, found.drained_s) == (3.0, True, None)


def test_a_pod_of_several_ports_has_the_work_of_all_of_them() -> None:
    fleet = roster()
    for port, work in ((8000, 2), (8001, 5)):
        running(fleet, f"a-{port}", f"10.0.0.1:{port}", work)
    (found,) = seen(fleet, pod(notes=OURS), drained={"uid-a": 60.0})
    assert found.in_flight == 7.0
    assert (
        reconcile({"chat": pool(CHAT, [pod(notes=OURS)], fleet, None, None, {"uid-a": 60.0})}, {"chat": Wanted()}) == []
    )


def test_it_is_ready_while_one_of_its_ports_is() -> None:
    fleet = roster()
    running(fleet, "a-8000", "10.0.0.1:8000", 0)
    running(fleet, "a-8001", "10.0.0.1:8001", 0, ready=False)
    assert seen(fleet, pod())[0].ready


@pytest.mark.parametrize(("drained", "seconds"), [({}, 0.0), ({"uid-a": 7.0}, 7.0)])
def test_how_long_it_is_drained_is_what_was_counted_here(drained: dict[str, float], seconds: float) -> None:
    assert seen(roster(), pod(notes=OURS), drained=drained)[0].drained_s == seconds


def test_one_that_somebody_else_drained_is_not_ours_to_end_or_take_back() -> None:
    theirs = pod(notes={"weir.dev/drain": "maintenance"})
    assert not drains(theirs)
    assert seen(roster(), theirs, drained={"uid-a": 500.0})[0].drained_s is None


def test_whoever_ends_or_has_ended_is_not_there() -> None:
    ending = pod("b", deletion_timestamp="2026-01-01T00:00:00Z")
    assert [each.name for each in seen(roster(), pod(), ending)] == ["a"]


def test_of_a_numbered_set_each_knows_its_number() -> None:
    assert [each.ordinal for each in seen(roster(), pod("large-0"), pod("large-12"), kind="LeaderWorkerSet")] == [0, 12]
    assert [each.ordinal for each in seen(roster(), pod("large-0"))] == [None]
