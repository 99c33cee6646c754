"""What keeps a pool from being scaled has a name, and what is told of it is within its bounds; clocks may differ."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from pool.cluster.objects import Pod
from pool.cluster.troubles import Forbidden
from pool.control.events import Events
from pool.control.observe import Target
from pool.reconcile import DRAIN_S
from pool.scrape import Reading
from tests.kubernetes.clusters import World
from tests.kubernetes.test_controlling import controlled, deployment, read, reasons, rounds
from tests.kubernetes.test_finding import KIND, pool
from tests.pool.fakes import described, until


def scalable(world: World) -> tuple[str, str, str]:
    """The condition of pool p: status, reason, message."""
    conditions = (read(world, "pools", "p", KIND).get("status") or {}).get("conditions", [])
    found: dict[str, str] = next((each for each in conditions if each["type"] == "Scalable"), {})
    return found.get("status", ""), found.get("reason", ""), found.get("message", "")


@pytest.mark.parametrize(
    ("target", "reason", "words"),
    [
        ({"target": {"name": "vlm"}}, "NoWorkload", "there is no Deployment vlm"),
        ({}, "NoTarget", "give `target`"),
        ({"target": {"name": "a", "kind": "LeaderWorkerSet"}}, ("NoWorkload", "NotFound"), "leaderworkerset"),
    ],
)
async def test_a_pool_that_cannot_be_scaled_is_told_why_and_the_others_are(
    world: World, target: dict[str, Any], reason: str | tuple[str, ...], words: str
) -> None:
    await asyncio.to_thread(deployment, world, 1)
    await asyncio.to_thread(world.make, "pools", pool("p", replicas=3, **target), KIND)
    await asyncio.to_thread(world.make, "pools", pool("q", replicas=2, target={"name": "vllm"}), KIND)
    async with controlled(world, scaling="act") as (controller, fleet):
        await rounds(controller, lambda: scalable(world)[0] == "False")
        await rounds(controller, lambda: read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == 2)
        assert scalable(world)[1] in reason
        assert words in scalable(world)[2].lower() or words in scalable(world)[2]
        assert fleet.unable.keys() == {"p"}


@pytest.mark.parametrize("way", ["service", "inference_pool", "dns"])
async def test_a_pool_that_is_not_found_by_labels_is_told_how_it_is_too(world: World, way: str) -> None:
    """An API server of 1.20 refuses a status whole of which one text is empty."""
    made = pool("p", discover={way: "chat.invalid", "port": 8000})
    await asyncio.to_thread(world.make, "pools", made, KIND)
    async with controlled(world) as (controller, _):
        await rounds(controller, lambda: bool(read(world, "pools", "p", KIND).get("status")))
        conditions = {each["type"]: each for each in read(world, "pools", "p", KIND)["status"]["conditions"]}
        assert conditions["Valid"]["status"] == "True"
        await rounds(
            controller,
            lambda: any(
                each["type"] == "Found" and each["status"] == "False"
                for each in read(world, "pools", "p", KIND)["status"]["conditions"]
            ),
        )


async def test_a_right_to_scale_that_is_missing_is_a_condition_until_it_comes(world: World) -> None:
    await asyncio.to_thread(deployment, world, 1)
    await asyncio.to_thread(world.make, "pools", pool("p", replicas=3, target={"name": "vllm"}), KIND)
    async with controlled(world, scaling="act") as (controller, _):
        performed = controller._performer.perform

        def forbidden(action: Any, pod: Pod | None) -> None:
            raise Forbidden("PATCH scale: cannot patch resource deployments/scale", 403)

        controller._performer = SimpleNamespace(perform=forbidden)  # type: ignore[assignment]
        await rounds(controller, lambda: scalable(world)[:2] == ("False", "Forbidden"))
        assert "cannot patch" in scalable(world)[2]
        controller._performer = SimpleNamespace(perform=performed)  # type: ignore[assignment]
        await rounds(controller, lambda: scalable(world)[:2] == ("True", "Scalable"))


async def test_what_is_recommended_and_told_is_within_the_bounds_and_only_said_where_it_is_another(
    world: World,
) -> None:
    await asyncio.to_thread(deployment, world, 1)
    wanted = pool("p", replicas=30, target={"name": "vllm"}, bounds={"min": 1, "max": 2})
    await asyncio.to_thread(world.make, "pools", wanted, KIND)
    async with controlled(world, scaling="recommend") as (controller, _):
        await rounds(controller, lambda: "Recommended" in reasons(world))
        (event,) = json.loads(world.api.get(world.path("events")))["items"]
        assert event["message"] == "2 replicas: Pool p asks for 30"
        await rounds(controller, lambda: read(world, "pools", "p", KIND).get("status", {}).get("wanted") == 2)
        for name in ("a", "b"):
            controller.roster.enter(described(name, pool="p"))
        controller._events = Events(api=controller.cluster.api, me="test")  # it forgets what it said
        await controller.round(controller.wanted())
        assert reasons(world) == ["Recommended"]


async def test_how_long_a_pod_is_drained_is_counted_here_whatever_anybodys_clock_says(world: World) -> None:
    def drained_long_ago() -> None:
        world.pod("a", "10.0.0.1")
        notes = {"weir.dev/drain": "scale-down", "weir.dev/drain-since": "2020-01-01T00:00:00+00:00"}
        world.api.patch(f"{world.path('pods')}/a", {"metadata": {"annotations": notes}})
        deployment(world, 1)
        world.make("pools", pool("p", replicas=0, target={"name": "vllm"}, bounds={"min": 0, "max": 2}), KIND)

    await asyncio.to_thread(drained_long_ago)
    async with controlled(world, scaling="act") as (controller, _):
        now = [0.0]
        controller.clock = lambda: now[0]
        busy = controller.roster.enter(described("a", pool="p"))
        controller.roster.answered(busy)
        controller.roster.read(busy, Reading(running=1, started=1.0), 0.0)
        await until(lambda: controller._workloads(Target(kind="Deployment", name="vllm")).known)
        for at, replicas in ((0.0, 1), (DRAIN_S - 1.0, 1), (DRAIN_S, 0)):
            now[0] = at
            await controller.round(controller.wanted())
            assert read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"] == replicas
