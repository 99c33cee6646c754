"""What the leader does at the fake and at a real API: drains, scales, switches roles, says why, tells resources."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from policies.scale.scaling import Boundary, Move
from pool.cluster.api import Api
from pool.cluster.objects import Pod
from pool.cluster.troubles import Conflict, Trouble
from pool.control.controller import Controller
from pool.control.election import LEASE_S
from pool.control.events import About, Events
from pool.control.leadership import Alone, Leadership
from pool.control.perform import Performer
from pool.control.statuses import Statuses, same, status
from pool.discovery.declared import Verdict
from pool.discovery.fleet import Fleet
from pool.discovery.kubernetes import Cluster
from pool.reconcile import Drain, Resume, Scale, Wanted, Workload
from pool.settings import Settings
from tests.kubernetes.clusters import World
from tests.kubernetes.test_finding import KIND, pool
from tests.pool.control.test_wishes import Said
from tests.pool.fakes import described, roster, until


def performer(world: World) -> Performer:
    return Performer(api=world.api, events=Events(api=world.api, me="test"))


def read(world: World, plural: str, name: str, api: str = "v1") -> Any:
    return json.loads(world.api.get(f"{world.path(plural, api)}/{name}"))


def pod_of(world: World, name: str) -> Pod:
    import msgspec

    return msgspec.json.decode(world.api.get(f"{world.path('pods')}/{name}"), type=Pod)


def deployment(world: World, replicas: int) -> Workload:
    labels = {"app": "vllm"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "vllm", "image": "vllm"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    world.make("deployments", {"metadata": {"name": "vllm"}, "spec": spec}, "apps/v1")
    version = read(world, "deployments", "vllm", "apps/v1")["metadata"]["resourceVersion"]
    return Workload(kind="Deployment", name="vllm", replicas=replicas, version=version)


def reasons(world: World) -> list[str]:
    return sorted(each["reason"] for each in json.loads(world.api.get(world.path("events")))["items"])


class TestPerforming:
    def test_a_workload_is_scaled_in_the_version_that_was_seen_and_in_no_other(self, world: World) -> None:
        seen = deployment(world, 2)
        acts = performer(world)
        acts.perform(Scale(pool="p", workload=seen, replicas=5, why="asked for"), None)
        assert read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == 5
        with pytest.raises(Conflict):
            acts.perform(Scale(pool="p", workload=seen, replicas=9, why="asked for"), None)
        assert read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == 5
        assert reasons(world) == ["ScaledUp"]

    def test_a_drained_pod_is_marked_and_a_resumed_one_is_as_before(self, world: World) -> None:
        world.pod("a", "10.0.0.1")
        acts = performer(world)
        acts.perform(Drain(pool="p", replica="a", why="scale-down"), pod_of(world, "a"))
        notes = read(world, "pods", "a")["metadata"]["annotations"]
        assert notes["weir.dev/drain"] == "scale-down"
        assert int(notes["controller.kubernetes.io/pod-deletion-cost"]) < 0
        acts.perform(Resume(pool="p", replica="a", why="wanted again"), pod_of(world, "a"))
        assert not read(world, "pods", "a")["metadata"].get("annotations")
        assert read(world, "pods", "a")["metadata"]["labels"] == {"app": "vllm"}
        assert reasons(world) == ["Draining", "Resumed"]

    def test_a_role_that_was_given_outlasts_the_next_drain(self, world: World) -> None:
        world.pod("a", "10.0.0.1")
        acts = performer(world)
        acts.perform(Resume(pool="p", replica="a", why="", role="decode"), pod_of(world, "a"))
        assert read(world, "pods", "a")["metadata"]["labels"]["weir.dev/role"] == "decode"
        acts.perform(Drain(pool="p", replica="a", why="scale-down"), pod_of(world, "a"))
        assert read(world, "pods", "a")["metadata"]["labels"]["weir.dev/role"] == "decode"

    def test_a_pod_of_the_same_name_that_was_made_since_is_not_touched(self, world: World) -> None:
        world.pod("a", "10.0.0.1")
        old = pod_of(world, "a")
        world.kill("a")
        world.pod("a", "10.0.0.2")
        with pytest.raises(Trouble):
            performer(world).perform(Drain(pool="p", replica="a", why="scale-down"), old)
        assert not read(world, "pods", "a")["metadata"].get("annotations")

    def test_an_event_is_said_once_and_not_again_soon(self, world: World) -> None:
        now = [0.0]
        events = Events(api=world.api, me="test", clock=lambda: now[0])
        about = About(api="v1", kind="Pod", name="a")
        assert [events.say(about, "Draining", "why") for _ in range(3)] == [True, False, False]
        now[0] = 301.0
        assert events.say(about, "Draining", "why")
        assert reasons(world) == ["Draining", "Draining"]


class TestLeading:
    def test_of_two_one_leads_and_the_other_takes_over_when_it_falls_silent(self, world: World) -> None:
        now = [0.0]
        a, b = (Leadership(world.api, "weir", name, clock=lambda: now[0]) for name in "ab")
        for each in (a, b, a, b):
            each.round()
        assert (a.leads(), b.leads()) == (True, False)
        now[0] += LEASE_S - 1.0
        b.round()
        assert not b.leads()
        assert not a.leads()  # it could not renew for ten seconds: it does nothing any more
        now[0] += 2.0
        b.round()
        assert b.leads()
        a.round()
        assert not a.leads()
        assert read(world, "leases", "weir", "coordination.k8s.io/v1")["spec"]["leaseTransitions"] == 1

    def test_one_that_ends_lets_another_lead_at_once(self, world: World) -> None:
        a, b = (Leadership(world.api, "weir", name) for name in "ab")
        a.round()
        a.release()
        b.round()
        assert (a.leads(), b.leads()) == (False, True)


class TestStatuses:
    def test_a_status_keeps_its_time_while_nothing_is_another(self) -> None:
        from pool.cluster.objects import Meta

        first = status(Verdict(kind="Pool", meta=Meta(name="p"), valid=True), None, [], 0, "2026-01-01T00:00:00Z")
        then = Verdict(kind="Pool", meta=Meta(name="p"), valid=False, reason="Invalid", words="no", status=first)
        second = status(then, None, [], 0, "2026-01-02T00:00:00Z")
        times = {each["type"]: each["lastTransitionTime"] for each in second["conditions"]}
        assert times == {
            "Valid": "2026-01-02T00:00:00Z",
            "Found": "2026-01-01T00:00:00Z",
            "Ready": "2026-01-01T00:00:00Z",
        }
        assert same(first, first)
        assert not same(first, second)

    def test_it_is_written_when_it_is_another_and_at_most_every_two_seconds(self, world: World) -> None:
        world.make("pools", pool("p"), KIND)
        now = [0.0]
        writer = Statuses(api=world.api, clock=lambda: now[0])
        import msgspec

        from pool.cluster.objects import Custom

        found = msgspec.json.decode(world.api.get(f"{world.path('pools', KIND)}/p"), type=Custom)
        verdict = Verdict(kind="Pool", meta=found.metadata, valid=True, status=found.status)
        made = status(verdict, None, [], 0, "2026-01-01T00:00:00Z")
        assert writer.write(verdict, made)
        stored = read(world, "pools", "p", KIND)["status"]
        assert same(stored, made)
        other = made | {"ready": 3}
        assert not writer.write(verdict, other)
        now[0] = 2.0
        assert writer.write(verdict, other)
        assert read(world, "pools", "p", KIND)["status"]["ready"] == 3


@asynccontextmanager
async def controlled(world: World, **settings: Any) -> AsyncIterator[tuple[Controller, Fleet]]:
    def connect(heard: Callable[[], None]) -> Cluster:
        return Cluster(Api(str(world.kubeconfig)), heard)

    fleet = Fleet(None, connect, watch_resources=True)

    async def follow() -> None:
        async for _ in fleet.sightings():
            pass

    task = asyncio.create_task(follow())
    await until(lambda: fleet.pools)
    controller = Controller(
        settings=Settings(watch_resources=True, **settings), fleet=fleet, cluster=fleet.reached(), roster=roster(),
        leadership=Alone(), me="test",
    )  # fmt: skip
    yield controller, fleet
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def rounds(controller: Controller, done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30.0):
        while not await asyncio.to_thread(done):
            await controller.round(controller.wanted())
            await asyncio.sleep(0.02)


async def test_a_pool_that_asks_for_more_gets_more_and_is_told_how_it_is(world: World, tmp_path: Path) -> None:
    world.pod("a", "10.0.0.1")
    await asyncio.to_thread(deployment, world, 1)
    await asyncio.to_thread(world.make, "pools", pool("p", replicas=3, target={"name": "vllm"}), KIND)
    async with controlled(world, scaling="act") as (controller, _):
        await rounds(controller, lambda: read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == 3)
        await rounds(controller, lambda: "status" in read(world, "pools", "p", KIND))
        said = read(world, "pools", "p", KIND)["status"]
        assert said["wanted"] == 3
        assert {each["type"]: each["status"] for each in said["conditions"]} == {
            "Valid": "True", "Found": "True", "Ready": "False", "Scalable": "True",
        }  # fmt: skip
        assert controller.performed["Scale"] == 1


async def test_a_pool_that_asks_for_fewer_has_them_drained_first(world: World) -> None:
    for n in range(2):
        world.pod(f"a{n}", f"10.0.0.{n + 1}")
    await asyncio.to_thread(deployment, world, 2)
    await asyncio.to_thread(world.make, "pools", pool("p", replicas=1, target={"name": "vllm"}), KIND)

    def drained() -> int:
        items = json.loads(world.api.get(world.path("pods")))["items"]
        return sum("weir.dev/drain" in (each["metadata"].get("annotations") or {}) for each in items)

    async with controlled(world, scaling="act") as (controller, _):
        await rounds(controller, lambda: drained() == 1)
        assert read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == 2
        await rounds(controller, lambda: read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == 1)
        assert drained() == 1


async def test_one_that_only_recommends_says_so_and_does_nothing(world: World) -> None:
    await asyncio.to_thread(deployment, world, 1)
    await asyncio.to_thread(world.make, "pools", pool("p", replicas=3, target={"name": "vllm"}), KIND)
    async with controlled(world, scaling="recommend") as (controller, _):
        await rounds(controller, lambda: "Recommended" in reasons(world))
        assert read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == 1


async def test_an_autoscaler_outside_is_told_the_same_number(world: World) -> None:
    await asyncio.to_thread(world.make, "pools", pool("p", replicas=3, target={"name": "vllm"}), KIND)
    async with controlled(world, scaling="recommend") as (controller, _):
        running = asyncio.create_task(controller.run())
        await until(lambda: controller.wanting.replicas == {"p": 3})
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_wanted_is_put_together_once_a_turn_for_whoever_is_told(world: World) -> None:
    await asyncio.to_thread(deployment, world, 1)
    await asyncio.to_thread(world.make, "pools", pool("p", replicas=3, target={"name": "vllm"}), KIND)
    async with controlled(world, scaling="act") as (controller, _):
        before, asked = controller.wanted, 0

        def counted() -> dict[str, Wanted]:
            nonlocal asked
            asked += 1
            return before()

        controller.wanted = counted  # type: ignore[method-assign]
        for turn in range(1, 4):
            await controller.turn()
            assert asked == turn
        assert controller.wanting.replicas == {"p": 3}


async def test_a_resource_that_flips_is_taken_in_now_and_then_and_told_so(world: World) -> None:
    await asyncio.to_thread(world.make, "pools", pool("p"), KIND)
    path = f"{world.path('pools', KIND)}/p"
    async with controlled(world) as (controller, fleet):
        for n in range(8):
            await asyncio.to_thread(world.api.patch, path, {"spec": {"price_per_gpu_hour": 1.0 + n % 2 + n}})
        assert fleet.resources is not None
        declared = fleet.resources.declared
        await until(lambda: declared.verdicts["Pool", "p"].reason == "Flapping")
        await rounds(controller, lambda: "Flapping" in json.dumps(read(world, "pools", "p", KIND).get("status", {})))
        price = fleet.pools["p"].price_per_gpu_hour
        assert price is not None
        assert price < 9.0
        assert declared.waiting


def roles(world: World) -> dict[str, str]:
    items = json.loads(world.api.get(world.path("pods")))["items"]
    return {each["metadata"]["name"]: each["metadata"]["labels"].get("weir.dev/role", "") for each in items}


@pytest.mark.parametrize("drains", [True, False])
async def test_a_move_that_a_policy_wishes_is_made_by_draining_and_labelling_a_pod(world: World, drains: bool) -> None:
    for n in range(2):
        world.pod(f"a{n}", f"10.0.0.{n + 1}")
    await asyncio.to_thread(world.make, "pools", pool("p"), KIND)
    async with controlled(world, scaling="act", scaling_policy="roles") as (controller, _):
        for n in range(2):
            told = described(f"a{n}", pool="p", model="llama-3.1-8b", role="mixed")
            controller.roster.answered(controller.roster.enter(told))
        assert controller._wishes is not None
        controller._wishes._policy = Said(moves=(Move(source="p", target="decode", drains=drains),))
        controller.look()
        controller._wishes._policy = Said()
        await rounds(controller, lambda: sorted(roles(world).values()) == ["", "decode"])
        assert controller.performed["Drain"] == int(drains)
        assert "RoleSwitched" in reasons(world)
        await rounds(controller, lambda: not any("weir.dev/drain" in notes for notes in annotations(world)))


def annotations(world: World) -> list[dict[str, str]]:
    items = json.loads(world.api.get(world.path("pods")))["items"]
    return [each["metadata"].get("annotations") or {} for each in items]


@pytest.mark.parametrize("scaling", ["act", "recommend"])
async def test_a_boundary_that_a_policy_wishes_is_told_to_routers_and_kept_in_both_statuses(
    world: World, scaling: str
) -> None:
    at = Boundary(short="p", long="q", tokens=2048.0)
    for name in ("p", "q"):
        await asyncio.to_thread(world.make, "pools", pool(name), KIND)
    async with controlled(world, scaling=scaling, scaling_policy="boundary") as (controller, fleet):
        await until(lambda: len(fleet.pools) == 2)
        assert controller._wishes is not None
        controller.look()
        controller._wishes._policy, controller._wishes._due = Said(boundaries=(at,)), 0.0
        controller.look()
        told = [(each.short, each.long, each.tokens) for each in controller.roster.directions.boundaries]
        reason, acts = ("BoundaryMoved", True) if scaling == "act" else ("Recommended", False)
        assert told == ([("p", "q", 2048.0)] if acts else [])
        await rounds(controller, lambda: reason in reasons(world))
        if acts:
            await rounds(controller, lambda: "boundary" in read(world, "pools", "q", KIND).get("status", {}))
            assert read(world, "pools", "q", KIND)["status"]["boundary"]["tokens"] == 2048
