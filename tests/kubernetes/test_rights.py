"""The chart's Role at the real API: what a pool service does it may do, and nothing is granted that it never does."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from pool.cluster.api import Api
from pool.cluster.objects import Pod
from pool.cluster.troubles import Forbidden, Trouble
from pool.control.controller import Controller
from pool.control.leadership import Leadership
from pool.discovery.fleet import Fleet
from pool.discovery.kubernetes import Cluster
from pool.reconcile import Drain, Scale, Workload
from pool.settings import Settings
from tests.helm.rendering import CHART, helm
from tests.kubernetes.clusters import World
from tests.kubernetes.test_controlling import deployment, reasons
from tests.kubernetes.test_finding import INFERENCE, KIND, pool
from tests.pool.fakes import roster, until

RBAC = "rbac.authorization.k8s.io/v1"
FALLBACK = "llm-d.ai"  # asked only where the extension's own group is not served
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}

Right = tuple[str, str, str]
"""Group, resource with its subresource, verb."""


class Recorder(Api):
    """An API that knows what it was asked, and what was refused."""

    def __init__(self, kubeconfig: str) -> None:
        super().__init__(kubeconfig)
        self.asked: set[Right] = set()
        self.refused: list[str] = []
        inner = self.client.call_api

        def call_api(method: str, url: str, *words: Any, **more: Any) -> Any:
            self.asked.add(right(method, url))
            answer = inner(method, url, *words, **more)
            if answer.status == 403:
                self.refused.append(f"{method} {url}")
            return answer

        self.client.call_api = call_api  # type: ignore[method-assign]


def right(method: str, url: str) -> Right:
    """What a request needs a right to."""
    path, _, query = url.partition("?")
    parts = path.partition("/api")[2].split("/")  # ["", "v1", ...] or ["s", GROUP, VERSION, ...]
    group, rest = (parts[1], parts[3:]) if parts[0] == "s" else ("", parts[2:])
    _, _, plural, *name = rest
    resource = "/".join([plural, *name[1:2]])
    if method != "GET":
        return group, resource, VERBS[method]
    return group, resource, "get" if name else "watch" if "watch=true" in query else "list"


def granted(role: dict[str, Any]) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if group != FALLBACK
    }


def account(world: World, folder: Path) -> tuple[set[Right], str]:
    """The chart's account and Role, made; what it grants, and a kubeconfig of that account."""
    text = helm("template", "weir", str(CHART), "--namespace", world.namespace, "--set", "pool.scaling.mode=act")
    places = {
        "ServiceAccount": ("serviceaccounts", "v1"), "Role": ("roles", RBAC), "RoleBinding": ("rolebindings", RBAC),
    }  # fmt: skip
    objects = {each["kind"]: each for each in yaml.safe_load_all(text) if each and each["kind"] in places}
    for kind, (plural, api) in places.items():
        world.make(plural, objects[kind], api)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    made = json.loads(world.api.post(f"{world.path('serviceaccounts')}/weir/token", asked))
    path = folder / "account"
    assert world.real is not None
    path.write_text(world.kubeconfig.read_text().replace(world.real.token, made["status"]["token"]))
    return granted(objects["Role"]), str(path)


def fleet_of(folder: Path, api: Api) -> Fleet:
    """Pools that are found in every way there is."""
    ways = ("{pods: app=vllm}", "{service: chat}", "{inference_pool: chat}")
    told = [f"  - {{name: f{n}, gpu: h100-sxm, model: llama-3.1-8b, discover: {way}}}" for n, way in enumerate(ways)]
    path = folder / "fleet.yaml"
    path.write_text("\n".join(["pools:", *told]) + "\n")

    def connect(heard: Callable[[], None]) -> Cluster:
        return Cluster(api, heard)

    return Fleet(path, connect, watch_resources=True)


def scene(world: World) -> None:
    """Somebody else's engines, and the resources that declare them."""
    world.pod("a", "10.0.0.1")
    deployment(world, 1)
    spec = {"selector": {"matchLabels": {"app": "vllm"}}, "targetPorts": [{"number": 8000}]}
    world.make("inferencepools", {"kind": "InferencePool", "metadata": {"name": "chat"}, "spec": spec}, INFERENCE)
    for kind in ("Deployment", "StatefulSet", "LeaderWorkerSet"):
        target = {"kind": kind, "name": "vllm"}
        world.make("pools", pool(kind.lower(), replicas=3, target=target), KIND)
    written: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("Fleet", "fleets", {}),
        ("RoutePolicy", "routepolicies", {"policy": "two_choices"}),
    )
    for kind, plural, said in written:
        world.make(plural, {"kind": kind, "metadata": {"name": "chat"}, "spec": said}, KIND)


def all_is_done(world: World) -> bool:
    """Whether every resource has its status and the Deployment its replicas."""
    plurals = ("pools", "fleets", "routepolicies")
    items = [each for plural in plurals for each in json.loads(world.api.get(world.path(plural, KIND)))["items"]]
    return all(each.get("status") for each in items) and "ScaledUp" in reasons(world)


async def control(world: World, controller: Controller, leadership: Leadership) -> None:
    """All that a leader does: hold the Lease, scale each kind, drain, write statuses and Events."""
    for _ in range(2):
        await asyncio.to_thread(leadership.round)
    async with asyncio.timeout(30.0):
        while not await asyncio.to_thread(all_is_done, world):
            controller.look()
            await controller.round(controller.wanted())
            await asyncio.sleep(0.05)
    perform = controller._performer.perform
    seen = await asyncio.to_thread(world.api.get, f"{world.path('pods')}/a")
    await asyncio.to_thread(
        perform, Drain(pool="p", replica="a", why="scale-down"), msgspec.json.decode(seen, type=Pod)
    )
    for kind in ("StatefulSet", "LeaderWorkerSet"):  # there are none: it is asked all the same
        there = Workload(kind=kind, name="vllm", replicas=1, version="1")
        with pytest.raises(Trouble) as raised:
            await asyncio.to_thread(perform, Scale(pool="p", workload=there, replicas=2, why=""), None)
        assert not isinstance(raised.value, Forbidden)


async def test_the_role_is_what_a_pool_service_that_acts_needs_and_no_more(world: World, tmp_path: Path) -> None:
    if world.real is None:
        pytest.skip("it is the real API that knows rights")
    rights, kubeconfig = await asyncio.to_thread(account, world, tmp_path)
    await asyncio.to_thread(scene, world)
    api = Recorder(kubeconfig)
    fleet = fleet_of(tmp_path, api)

    async def follow() -> None:
        async for _ in fleet.sightings():
            pass

    task = asyncio.create_task(follow())
    await until(lambda: len(fleet.pools) == 6, 30.0)
    leadership = Leadership(api, "weir-pool", "test")
    controller = Controller(
        settings=Settings(watch_resources=True, scaling="act"), fleet=fleet, cluster=fleet.reached(),
        roster=roster(), leadership=leadership, me="test",
    )  # fmt: skip
    await control(world, controller, leadership)
    watched = {(group, resource, "watch") for group, resource, verb in rights if verb == "watch"}
    await until(lambda: watched <= api.asked, 30.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert api.refused == []
    assert "Draining" in reasons(world)
    assert api.asked - rights == set(), "asked and not granted"
    assert rights - api.asked == set(), "granted and never asked"
