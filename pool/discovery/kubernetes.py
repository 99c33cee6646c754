"""Replicas from Kubernetes: pods by label, EndpointSlices of a Service, InferencePools.

One list and one watch a kind and namespace, however many pools look there; which pod is of which pool is matched here.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from pool.cluster import resources
from pool.cluster.api import Api
from pool.cluster.objects import InferencePool, Pod, key
from pool.cluster.reflector import Reflector
from pool.cluster.resources import Resource
from pool.cluster.store import Told
from pool.discovery import pods, slices
from pool.discovery.members import Members, Selection
from pool.discovery.places import Found, Problem
from weir import fleetfile
from weir.selectors import Selector, equals, selector

Heard = Callable[[], None]


class Watched:
    """The objects of one kind in one namespace, and who selects among them."""

    def __init__(self, api: Api, resource: Resource, heard: Heard) -> None:
        self._members = Members()
        self._heard = heard
        self.listeners: list[Told] = []
        self.reflector = Reflector(api=api, resource=resource, told=self._told, heard=heard)
        self.reflector.start()

    @property
    def known(self) -> bool:
        """Whether what there is has been listed once, or never can be."""
        return self.reflector.known

    def problems(self, about: str) -> list[Problem]:
        """What keeps it from being heard of."""
        trouble = self.reflector.trouble
        return [Problem(reason=trouble.reason, words=str(trouble), about=about)] if trouble else []

    def select(self, name: str, wanted: Selector) -> Selection:
        """What a selector selects, kept up."""
        return self._members.select(name, wanted, ((key(each.metadata), each) for each in self.reflector.store))

    def drop(self, name: str) -> None:
        """Nobody asks for that selection any more."""
        self._members.drop(name)

    def _told(self, name: str, item: Any | None) -> None:
        self._members.told(name, item)
        for listener in self.listeners:
            listener(name, item)
        self._heard()


class Cluster:
    """What is watched of one API, each kind and namespace once."""

    def __init__(self, api: Api, heard: Heard) -> None:
        self.api = api
        self._heard = heard
        self._watched: dict[tuple[str, str], Watched] = {}

    def __iter__(self) -> Iterator[Watched]:
        return iter(list(self._watched.values()))

    def watched(self, resource: Resource) -> Watched:
        """What there is of a resource, watched from the first time it is asked for."""
        place = (resource.plural, resource.namespace)
        if place not in self._watched:
            self._watched[place] = Watched(self.api, resource, self._heard)
        return self._watched[place]

    def own_pod(self, namespace: str) -> Pod | None:
        """The pod that this process runs in, when it is in that namespace."""
        name = os.environ.get("POD_NAME", "")
        if not name or namespace != self.api.namespace:
            return None
        found: Pod | None = self.watched(resources.pods(namespace)).reflector.store.get(f"{namespace}/{name}")
        return found

    def stop(self) -> None:
        """Watch nothing any more."""
        for watched in self:
            watched.reflector.stop()
        self.api.close()


class Selected(ABC):
    """A pool's objects of one kind, by label, read again only when they are others."""

    def __init__(self, cluster: Cluster, pool: fleetfile.Pool, resource: Resource, wanted: Selector) -> None:
        self._cluster, self._name = cluster, pool.name
        self._watched = cluster.watched(resource)
        self._found = Found()
        self._select(wanted)

    @property
    def known(self) -> bool:
        """Whether they have been listed."""
        return self._watched.known

    def found(self) -> Found:
        """Where the pool's replicas are now."""
        if self._selection.changed:
            self._selection.changed = False
            self._found = self._read()
        problems = [*self._found.problems, *self._watched.problems(self._name)]
        return Found(places=self._found.places, problems=problems, usable=self._found.usable)

    def close(self) -> None:
        """Ask no more."""
        self._watched.drop(self._name)

    def _select(self, wanted: Selector) -> None:
        self._selection = self._watched.select(self._name, wanted)

    @abstractmethod
    def _read(self) -> Found:
        """The places of what is selected."""


class Pods(Selected):
    """A pool's pods."""

    def __init__(self, cluster: Cluster, pool: fleetfile.Pool) -> None:
        assert pool.discover is not None
        self._namespace = pool.discover.namespace or cluster.api.namespace
        self._ports = [pool.discover.port]
        super().__init__(cluster, pool, resources.pods(self._namespace), selector(pool.discover.pods))

    def members(self) -> list[Pod]:
        """The pods that are selected."""
        return list(self._selection.members.values())

    def _read(self) -> Found:
        wide = pods.too_wide(self._selection.selector, self._cluster.own_pod(self._namespace))
        if wide is not None:
            return Found(problems=[wide], usable=False)
        return pods.places(self._selection.members.values(), self._ports)


class InferencePods(Pods):
    """The pods that an InferencePool selects, at its target ports."""

    def __init__(self, cluster: Cluster, pool: fleetfile.Pool) -> None:
        assert pool.discover is not None
        super().__init__(cluster, pool.model_copy(update={"discover": pool.discover.model_copy(update={"pods": ""})}))
        self._pools = cluster.watched(resources.inference_pools(self._namespace))
        self._wanted = f"{self._namespace}/{pool.discover.inference_pool}"
        self._version: str | None = None
        self._given = pool.discover.port if "port" in pool.discover.model_fields_set else 0

    @property
    def known(self) -> bool:
        """Whether both the InferencePool and the pods have been listed."""
        return self._watched.known and self._pools.known

    def found(self) -> Found:
        """Where they are now; an InferencePool that makes no sense leaves them where they were."""
        pool: InferencePool | None = self._pools.reflector.store.get(self._wanted)
        if pool is None:
            words = f"there is no InferencePool {self._wanted}"
            missing = Problem(reason="NoInferencePool", words=words)
            return Found(problems=[missing, *self._pools.problems(self._name)], usable=False)
        if pool.metadata.resource_version != self._version:
            self._version = pool.metadata.resource_version
            self._ports = [self._given] if self._given else pods.inference_ports(pool)
            self._select(pods.inference_selector(pool))
        if not self._ports:
            words = f"InferencePool {self._wanted} names no target port"
            return Found(problems=[Problem(reason="NoPort", words=words)], usable=False)
        return super().found()


class Slices(Selected):
    """The endpoints of a Service."""

    def __init__(self, cluster: Cluster, pool: fleetfile.Pool) -> None:
        assert pool.discover is not None
        where = pool.discover
        self._port = where.port if "port" in where.model_fields_set else None
        watched = resources.slices(where.namespace or cluster.api.namespace)
        super().__init__(cluster, pool, watched, equals({slices.SERVICE: where.service}))

    def _read(self) -> Found:
        return slices.places(self._selection.members.values(), self._port)


def source(cluster: Cluster, pool: fleetfile.Pool) -> Selected:
    """What finds a pool's replicas."""
    assert pool.discover is not None
    if pool.discover.pods:
        return Pods(cluster, pool)
    return Slices(cluster, pool) if pool.discover.service else InferencePods(cluster, pool)
