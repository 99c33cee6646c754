"""The fleet as it is found at the fake and at a real API: by pods, Services, InferencePools, and resources."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pool.cluster.api import Api
from pool.discovery.fleet import Fleet
from pool.discovery.kubernetes import Cluster
from pool.discovery.port import Sighting
from tests.kubernetes.clusters import World
from tests.pool.fakes import until

INFERENCE, KIND = "inference.networking.k8s.io/v1", "weir.dev/v1alpha1"
HEAD = "pools:\n  - {name: p, gpu: h100-sxm, model: llama-3.1-8b, discover: %s}\n"


class Seen:
    """A fleet that is watched, and all its sightings."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.sightings: list[Sighting] = []

    @property
    def last(self) -> Sighting:
        return self.sightings[-1]

    def routable(self) -> list[str]:
        return (
            sorted(each.name for each in self.last.replicas if each.name not in self.last.barred)
            if self.sightings
            else []
        )

    def reasons(self) -> set[str]:
        return {each.reason for each in self.fleet.problems}

    async def follow(self) -> None:
        async for seen in self.fleet.sightings():
            self.sightings.append(seen)


@asynccontextmanager
async def found(world: World, path: Path | None = None, *, watch_resources: bool = False) -> AsyncIterator[Seen]:
    def connect(heard: Callable[[], None]) -> Cluster:
        return Cluster(Api(str(world.kubeconfig)), heard)

    seen = Seen(Fleet(path, connect, watch_resources=watch_resources, interval_s=0.05))
    task = asyncio.create_task(seen.follow())
    yield seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def file(folder: Path, discover: str) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(HEAD % discover)
    return path


async def test_pods_are_replicas_by_their_labels_and_ready_when_their_node_says_so(
    world: World, tmp_path: Path
) -> None:
    world.pod("a", "10.0.0.1")
    world.pod("b", "10.0.0.2", ready=False)
    world.pod("other", "10.0.0.3", labels={"app": "web"})
    world.pod("new")
    async with found(world, file(tmp_path, "{pods: app=vllm, events_port: 5557}")) as seen:
        await until(lambda: seen.routable() == ["a"])
        assert seen.last.barred == {"b": "its pod is not ready"}
        assert {each.events for each in seen.last.replicas} == {"tcp://10.0.0.1:5557", "tcp://10.0.0.2:5557"}
        await asyncio.to_thread(world.status, "b", "10.0.0.2")
        await until(lambda: seen.routable() == ["a", "b"])
        await asyncio.to_thread(world.kill, "a")
        await until(lambda: seen.routable() == ["b"])


async def test_an_address_that_another_pod_got_is_that_pods(world: World, tmp_path: Path) -> None:
    world.pod("a", "10.0.0.1")
    await asyncio.sleep(1.1)  # the API tells births apart by the second
    world.pod("b", "10.0.0.1")
    async with found(world, file(tmp_path, "{pods: app=vllm}")) as seen:
        await until(lambda: seen.routable() == ["b"])
        assert seen.reasons() == {"AddressReused"}


async def test_a_pod_that_is_made_again_under_its_name_is_another_process(world: World, tmp_path: Path) -> None:
    world.pod("a-0", "10.0.0.1")
    async with found(world, file(tmp_path, "{pods: app=vllm}")) as seen:
        await until(lambda: seen.routable() == ["a-0"])

        def again() -> None:
            world.kill("a-0")
            world.pod("a-0", "10.0.0.1")

        before = len(seen.sightings)
        await asyncio.to_thread(again)
        await until(lambda: len(seen.sightings) > before and seen.routable() == ["a-0"])
        new = seen.sightings[before:]
        assert any(each.renewed == {"a-0"} or not each.replicas for each in new)


async def test_an_inference_pool_says_whom_and_where(world: World, tmp_path: Path) -> None:
    world.pod("a", "10.0.0.1")
    async with found(world, file(tmp_path, "{inference_pool: chat}")) as seen:
        await until(lambda: seen.reasons() == {"NoInferencePool"})
        spec: dict[str, Any] = {"selector": {"matchLabels": {"app": "vllm"}}, "targetPorts": [{"number": 8200}]}
        await asyncio.to_thread(
            world.make,
            "inferencepools",
            {"kind": "InferencePool", "metadata": {"name": "chat"}, "spec": spec},
            INFERENCE,
        )
        await until(lambda: seen.routable() == ["a"])
        assert [each.address for each in seen.last.replicas] == ["10.0.0.1:8200"]
        path = f"{world.path('inferencepools', INFERENCE)}/chat"
        body = {"spec": {"selector": {"matchLabels": None}}}
        await asyncio.to_thread(world.api.patch, path, body)
        await until(lambda: "SelectorMatchesAll" in seen.reasons())
        assert seen.routable() == ["a"]
        await asyncio.to_thread(world.api.patch, path, {"spec": {"targetPorts": None}})
        await until(lambda: "NoPort" in seen.reasons())
        assert seen.routable() == ["a"]


async def test_a_services_endpoints_are_replicas(world: World, tmp_path: Path) -> None:
    version = "discovery.k8s.io/v1beta1"
    if world.fake is not None:
        world.fake.unserved.add("discovery.k8s.io/v1/endpointslices")
    piece = {
        "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "chat"}},
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": ["10.1.2.3"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": "a", "uid": "1"},
            },
            {"addresses": ["10.1.2.4"], "conditions": {"ready": False}},
        ],
        "ports": [{"name": "http", "port": 8300}],
    }
    world.make("endpointslices", piece, version)
    async with found(world, file(tmp_path, "{service: chat}")) as seen:
        await until(lambda: seen.routable() == ["a"])
        assert [each.address for each in seen.last.replicas] == ["10.1.2.3:8300", "10.1.2.4:8300"]


def pool(name: str, **spec: Any) -> dict[str, Any]:
    whole = {"gpu": "h100-sxm", "model": "llama-3.1-8b", "discover": {"pods": "app=vllm"}} | spec
    return {"kind": "Pool", "metadata": {"name": name}, "spec": {k: v for k, v in whole.items() if v is not None}}


async def test_a_pool_resource_is_a_pool_and_a_half_written_one_is_told_so(world: World) -> None:
    world.pod("a", "10.0.0.1")
    world.make("pools", pool("good"), KIND)
    world.make("pools", pool("half", gpu="no-such-gpu"), KIND)
    async with found(world, watch_resources=True) as seen:
        await until(lambda: seen.routable() == ["a"])
        assert seen.fleet.resources is not None
        verdicts = seen.fleet.resources.declared.verdicts
        assert verdicts["Pool", "good"].valid
        assert (verdicts["Pool", "half"].valid, verdicts["Pool", "half"].reason) == (False, "UnknownProfile")
        path = f"{world.path('pools', KIND)}/good"
        await asyncio.to_thread(world.api.patch, path, {"spec": {"gpu": "no-such-gpu"}})
        await until(lambda: not verdicts["Pool", "good"].valid)
        assert seen.routable() == ["a"]
        await asyncio.to_thread(world.api.call, "DELETE", path)
        await until(lambda: seen.routable() == [])


async def test_while_a_service_starts_without_an_api_it_says_nothing_rather_than_nobody(
    world: World, tmp_path: Path
) -> None:
    if world.fake is None:
        pytest.skip("bench/k8s_chaos cuts a real API")
    world.pod("a", "10.0.0.1")
    world.fake.stop()
    async with found(world, file(tmp_path, "{pods: app=vllm}")) as seen:
        await asyncio.sleep(0.3)
        assert seen.sightings == []
        world.fake.start()
        await until(lambda: seen.routable() == ["a"])
        world.fake.stop()
        await asyncio.sleep(0.3)
        assert seen.routable() == ["a"]


async def test_what_the_role_forbids_is_named_and_the_rest_goes_on(world: World, tmp_path: Path) -> None:
    if world.fake is None:
        pytest.skip("rights are taken from the fake alone")
    world.fake.denied.add(("list", "pods"))
    async with found(world, file(tmp_path, "{pods: app=vllm}")) as seen:
        await until(lambda: seen.reasons() == {"Forbidden", "NoPods"})
        assert "cannot list" in " ".join(each.words for each in seen.fleet.problems)
