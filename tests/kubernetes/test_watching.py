"""Lists and watches at the fake and at a real API: what there is, what changes, and what happens when it goes wrong."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pool.cluster import resources
from pool.cluster.pauses import Pauses
from pool.cluster.reflector import Reflector
from pool.cluster.troubles import Absent, Conflict, Forbidden, Trouble
from tests.kubernetes.clusters import World
from tests.pool.fakes import until


class Watch:
    """A reflector and what it told."""

    def __init__(self, world: World, resource: resources.Resource) -> None:
        self.told: list[tuple[str, bool]] = []
        self.reflector = Reflector(
            api=world.api, resource=resource, told=self._told, heard=lambda: None, pauses=Pauses(0.02, 0.1)
        )
        self.reflector.start()

    def _told(self, name: str, item: Any | None) -> None:
        self.told.append((name.partition("/")[2], item is not None))

    @property
    def names(self) -> list[str]:
        return sorted(each.metadata.name for each in self.reflector.store)


Begin = Callable[[resources.Resource], Watch]


@pytest.fixture
def watch(world: World) -> Iterator[Begin]:
    begun: list[Watch] = []

    def begin(resource: resources.Resource) -> Watch:
        begun.append(Watch(world, resource))
        return begun[-1]

    yield begin
    for each in begun:
        each.reflector.stop()


async def test_what_there_is_is_listed_and_what_changes_is_heard(world: World, watch: Begin) -> None:
    world.pod("a", "10.0.0.1")
    seen = watch(resources.pods(world.namespace))
    await until(lambda: seen.names == ["a"])
    await asyncio.to_thread(world.pod, "b")
    await until(lambda: seen.names == ["a", "b"])
    await asyncio.to_thread(world.status, "b", "10.0.0.2")
    await until(lambda: {pod.status.ip for pod in seen.reflector.store} == {"10.0.0.1", "10.0.0.2"})
    await asyncio.to_thread(world.kill, "a")
    await until(lambda: seen.names == ["b"])
    assert seen.told[0] == ("a", True)
    assert seen.told[-1] == ("a", False)
    assert seen.reflector.course.lists == 1


async def test_a_long_list_comes_in_pages_and_is_whole(
    world: World, watch: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pool.cluster.reflector.PAGE", "2")
    for n in range(5):
        world.pod(f"p{n}")
    seen = watch(resources.pods(world.namespace))
    await until(lambda: seen.reflector.known)
    assert seen.names == [f"p{n}" for n in range(5)]


async def test_a_kind_that_is_not_served_is_named_and_is_no_reason_to_wait(world: World, watch: Begin) -> None:
    unknown = resources.Resource(api="nobody.dev/v1", plural="nothings", namespace=world.namespace, kind=object)
    seen = watch(unknown)
    await until(lambda: seen.reflector.known)
    assert isinstance(seen.reflector.trouble, Absent)
    assert seen.names == []


async def test_of_two_writers_of_one_version_the_second_is_told_of_a_conflict(world: World) -> None:
    world.make("leases", {"metadata": {"name": "one"}, "spec": {}}, "coordination.k8s.io/v1")
    path = world.path("leases", "coordination.k8s.io/v1") + "/one"
    import json

    read = json.loads(world.api.get(path))
    read["spec"] = {"holderIdentity": "a"}
    world.api.put(path, read)
    read["spec"] = {"holderIdentity": "b"}
    with pytest.raises(Conflict):
        world.api.put(path, read)


async def test_older_endpoint_slices_are_read_where_the_newer_are_not_served(world: World, watch: Begin) -> None:
    if world.fake is not None:
        world.fake.unserved.add("discovery.k8s.io/v1/endpointslices")
    seen = watch(resources.slices(world.namespace))
    world.make(
        "endpointslices",
        {
            "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "svc"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": 8000}],
        },
        "discovery.k8s.io/v1beta1",
    )
    await until(lambda: seen.names == ["s"])
    piece = next(iter(seen.reflector.store))
    assert piece.endpoints[0].addresses == ["10.1.2.3"]
    assert piece.ports[0].port == 8000


@pytest.fixture
def fake(request: pytest.FixtureRequest, world: World) -> World:
    if world.fake is None:
        pytest.skip("faults are injected into the fake alone; bench/k8s_chaos does so to a real API")
    return world


async def test_a_watch_that_breaks_goes_on_where_it_was_without_a_list(fake: World, watch: Begin) -> None:
    fake.pod("a", "10.0.0.1")
    seen = watch(resources.pods(fake.namespace))
    await until(lambda: seen.reflector.course.watches == 1)
    assert fake.fake is not None
    fake.fake.break_watches()
    fake.pod("b")
    await until(lambda: seen.names == ["a", "b"])
    assert seen.reflector.course.lists == 1
    assert ("a", False) not in seen.told


async def test_a_version_that_is_too_old_makes_a_new_list_and_loses_nobody(fake: World, watch: Begin) -> None:
    for name in ("a", "b"):
        fake.pod(name)
    seen = watch(resources.pods(fake.namespace))
    await until(lambda: seen.reflector.course.watches == 1)
    assert fake.fake is not None
    fake.fake.stop()
    path = fake.path("pods")
    with fake.fake.objects.lock:
        fake.fake.objects.remove(path, "b")
    fake.fake.objects.forget()
    fake.fake.start()
    await until(lambda: seen.names == ["a"])
    assert seen.reflector.course.expired >= 1
    assert ("a", False) not in seen.told
    assert ("b", False) in seen.told


async def test_while_the_api_is_away_everything_stays_as_it_was(fake: World, watch: Begin) -> None:
    fake.pod("a", "10.0.0.1")
    seen = watch(resources.pods(fake.namespace))
    await until(lambda: seen.reflector.course.watches == 1)
    assert fake.fake is not None
    fake.fake.stop()
    await until(lambda: seen.reflector.trouble is not None)
    assert isinstance(seen.reflector.trouble, Trouble)
    assert seen.names == ["a"]
    fake.fake.start()
    await until(lambda: seen.reflector.trouble is None)
    assert seen.told == [("a", True)]


async def test_a_right_that_is_missing_is_named_with_its_verb_and_found_when_it_comes(
    fake: World, watch: Begin
) -> None:
    assert fake.fake is not None
    fake.fake.denied.add(("list", "pods"))
    fake.pod("a")
    seen = watch(resources.pods(fake.namespace))
    await until(lambda: seen.reflector.known)
    assert isinstance(seen.reflector.trouble, Forbidden)
    assert "cannot list" in str(seen.reflector.trouble)
    fake.fake.denied.clear()
    await until(lambda: seen.names == ["a"])
    assert seen.reflector.trouble is None


async def test_an_object_that_makes_no_sense_does_not_spoil_the_others(fake: World, watch: Begin) -> None:
    fake.pod("good")
    fake.make("pods", {"metadata": {"name": "bad"}, "status": {"podIP": 7}}, "v1")
    seen = watch(resources.pods(fake.namespace))
    await until(lambda: seen.reflector.known)
    assert seen.names == ["good"]
    assert seen.reflector.course.malformed == 1


async def test_bookmarks_move_the_version_on_so_that_a_quiet_watch_does_not_grow_old(fake: World, watch: Begin) -> None:
    seen = watch(resources.pods(fake.namespace))
    await until(lambda: seen.reflector.course.watches == 1)
    fake.make("leases", {"metadata": {"name": "other"}}, "coordination.k8s.io/v1")
    assert fake.fake is not None
    newest = fake.fake.objects.version
    await until(lambda: int(seen.reflector._version) >= newest)
    assert seen.reflector.course.malformed == 0
