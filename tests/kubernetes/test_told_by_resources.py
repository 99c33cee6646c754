"""What routers are told, as resources say at the fake and at a real API: live, and never half-written."""

import asyncio
import json
from typing import Any

from router.core import Core
from router.directing import direct
from router.metrics import Metrics
from router.settings import Settings
from tests.kubernetes.clusters import World
from tests.kubernetes.test_controlling import controlled, rounds
from tests.kubernetes.test_finding import KIND, Seen, found, pool
from tests.pool.fakes import until

EXTENSION = "inference.networking.x-k8s.io/v1alpha2"
ALIAS = {"rules": [{"matches": [{"model": {"type": "Exact", "value": "alias"}}], "targets": [{"modelRewrite": "m"}]}]}


def named(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def extended(kind: str, name: str, spec: dict[str, Any], about: str = "chat") -> dict[str, Any]:
    return named(kind, name, poolRef={"group": "inference.networking.k8s.io", "name": about}, **spec)


async def make(world: World, plural: str, body: dict[str, Any], api: str = KIND) -> None:
    await asyncio.to_thread(world.make, plural, body, api)


async def patch(world: World, plural: str, name: str, spec: dict[str, Any]) -> None:
    await asyncio.to_thread(world.api.patch, f"{world.path(plural, KIND)}/{name}", {"spec": spec})


def policy(seen: Seen) -> str:
    return seen.last.directions.policy if seen.sightings else "nothing seen"


async def test_a_route_policy_changes_what_a_running_router_does_and_a_half_written_one_does_not(world: World) -> None:
    core = Core(Settings(policy="shortest_ttft"), Metrics())
    async with found(world, watch_resources=True) as seen:
        await until(lambda: policy(seen) == "")
        slo = {"ttft_s": 0.7, "classes": [{"name": "gold", "ttft_s": 0.2, "priority": 3}]}
        await make(world, "routepolicies", named("RoutePolicy", "r", policy="two_choices", slo=slo))
        await until(lambda: policy(seen) == "two_choices")
        assert direct(core, seen.last.directions) == ""
        assert (core.placer.name, core.settings.ttft_slo_s, core.promises.priority("gold")) == ("two_choices", 0.7, 3)
        assert seen.fleet.resources is not None
        verdicts = seen.fleet.resources.declared.verdicts
        await patch(world, "routepolicies", "r", {"policy": "two_choice", "slo": {"ttft_s": 0.1}})
        await until(lambda: not verdicts["RoutePolicy", "r"].valid)
        assert "did you mean 'two_choices'?" in verdicts["RoutePolicy", "r"].words
        assert (policy(seen), seen.last.directions.ttft_s) == ("two_choices", 0.7)
        await patch(world, "routepolicies", "r", {"policy": "least_loaded"})
        await until(lambda: policy(seen) == "least_loaded")
        assert seen.last.directions.ttft_s == 0.1


async def test_a_fleets_classes_reach_routers_and_it_names_whose_policy_counts(world: World) -> None:
    async with found(world, watch_resources=True) as seen:
        await make(world, "routepolicies", named("RoutePolicy", "a", policy="two_choices"))
        await make(world, "routepolicies", named("RoutePolicy", "b", policy="least_loaded"))
        await make(world, "fleets", named("Fleet", "f", policy="b", slo={"classes": [{"name": "gold", "priority": 1}]}))
        await until(lambda: policy(seen) == "least_loaded")
        assert [one.name for one in seen.last.directions.classes] == ["gold"]
        await patch(world, "fleets", "f", {"policy": "a", "slo": {"classes": [{"name": "silver"}]}})
        await until(lambda: policy(seen) == "two_choices")
        assert [one.name for one in seen.last.directions.classes] == ["silver"]


async def test_the_extensions_rewrites_and_objectives_reach_routers(world: World) -> None:
    async with found(world, watch_resources=True) as seen:
        await make(world, "inferencemodelrewrites", extended("InferenceModelRewrite", "w", ALIAS), EXTENSION)
        await make(world, "inferenceobjectives", extended("InferenceObjective", "low", {"priority": -5}), EXTENSION)
        await until(lambda: bool(seen.sightings) and len(seen.last.directions.rewrites) == 1)
        await until(lambda: len(seen.last.directions.objectives) == 1)
        said = seen.last.directions
        assert (said.rewrites[0].model, said.rewrites[0].targets[0].model) == ("alias", "m")
        assert (said.objectives[0].name, said.objectives[0].priority) == ("low", -5)
        path = f"{world.path('inferencemodelrewrites', EXTENSION)}/w"
        await asyncio.to_thread(world.api.patch, path, {"spec": {"rules": []}})
        await until(lambda: "Invalid" in seen.reasons())
        assert len(seen.last.directions.rewrites) == 1
        await asyncio.to_thread(world.api.call, "DELETE", path)
        await until(lambda: not seen.last.directions.rewrites)


async def test_those_about_another_inference_pool_are_not_this_fleets(world: World) -> None:
    here = pool("p", discover={"inference_pool": "chat"})
    async with found(world, watch_resources=True) as seen:
        await make(world, "pools", here)
        await make(world, "inferenceobjectives", extended("InferenceObjective", "theirs", {}, "other"), EXTENSION)
        await make(world, "inferenceobjectives", extended("InferenceObjective", "ours", {}), EXTENSION)
        await until(lambda: bool(seen.sightings) and len(seen.last.directions.objectives) == 1)
        assert seen.last.directions.objectives[0].name == "ours"


async def test_a_cluster_without_the_extension_is_one_without_rewrites(world: World) -> None:
    if world.fake is None:
        return  # the real one has the kinds
    for plural in ("inferencemodelrewrites", "inferenceobjectives"):
        for group in ("inference.networking.x-k8s.io", "llm-d.ai"):
            world.fake.unserved.add(f"{group}/v1alpha2/{plural}")
    world.pod("a", "10.0.0.1")
    await make(world, "pools", pool("p"))
    async with found(world, watch_resources=True) as seen:
        await until(lambda: seen.routable() == ["a"])
        assert seen.reasons() == set()


def conditions(world: World, plural: str, name: str) -> dict[str, tuple[str, str]]:
    body = json.loads(world.api.get(f"{world.path(plural, KIND)}/{name}"))
    return {one["type"]: (one["status"], one["reason"]) for one in body.get("status", {}).get("conditions", [])}


async def test_a_route_policy_is_told_whether_it_serves_and_what_served_last_outlives_a_restart(world: World) -> None:
    await make(world, "pools", pool("p"))
    await make(world, "routepolicies", named("RoutePolicy", "r", policy="two_choices"))
    async with controlled(world) as (controller, _):
        serving = {"Valid": ("True", "Valid"), "Serving": ("True", "Serving")}
        await rounds(controller, lambda: conditions(world, "routepolicies", "r") == serving)
        await patch(world, "routepolicies", "r", {"policy": "two_choice"})
        half = {"Valid": ("False", "UnknownName"), "Serving": ("True", "Serving")}
        await rounds(controller, lambda: conditions(world, "routepolicies", "r") == half)
    async with found(world, watch_resources=True) as seen:  # another process, that never saw it whole
        await until(lambda: policy(seen) == "two_choices")


async def test_an_api_that_is_away_at_first_is_asked_again_soon_for_foreign_kinds_too(world: World) -> None:
    if world.fake is None:
        return  # bench/k8s_chaos cuts a real one
    world.pod("a", "10.0.0.1")
    await make(world, "pools", pool("p"))
    world.fake.stop()
    async with found(world, watch_resources=True) as seen:
        assert seen.fleet.resources is None or not seen.fleet.resources.known
        await asyncio.sleep(1.0)
        world.fake.start()
        await until(lambda: seen.routable() == ["a"], within_s=9.0)
