"""Two APIs under one kit of tests: the fake of this folder, and a real kube-apiserver where there is one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import build
from bench.cluster.kinds import define
from bench.cluster.node import Node
from bench.cluster.server import Cluster, cluster
from bench.cluster.tools import BIN as TOOLS
from bench.envoy.contestants import PROGRAM as ENVOY
from pool.cluster.api import Api
from tests.kubernetes.fake_api import FakeApi

ABSENT = "no kube-apiserver here: `python -m bench.cluster.ready` builds one, KUBEBUILDER_ASSETS names one"
UNARMED = "no helm, kubectl or Envoy here: `python -m bench.cluster.ready` gets them"
APPROVED = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api-inference-extension"}


def crd(group: str, version: str, kind: str) -> dict[str, Any]:
    """A kind of somebody else's, its objects taken as they are."""
    names = {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()}
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions = [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}]
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}", "annotations": APPROVED},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions},
    }  # fmt: skip


OTHERS = (
    crd("inference.networking.k8s.io", "v1", "InferencePool"),
    crd("inference.networking.x-k8s.io", "v1alpha2", "InferenceModelRewrite"),
    crd("inference.networking.x-k8s.io", "v1alpha2", "InferenceObjective"),
    crd("monitoring.coreos.com", "v1", "ServiceMonitor"),
    crd("monitoring.coreos.com", "v1", "PrometheusRule"),
    crd("leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet"),
)


def real_is_here() -> bool:
    given = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(given) if given else build.BIN
    return (folder / "kube-apiserver").exists() and (folder / "etcd").exists()


def tools_are_here() -> bool:
    return (TOOLS / "helm").exists()


def envoy_is_here() -> bool:
    return Path(ENVOY).exists()


@dataclass(kw_only=True)
class World:
    """An API and a namespace of its own, written to as nodes and people would."""

    api: Api
    kubeconfig: Path
    fake: FakeApi | None = None
    real: Cluster | None = None
    made: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.api.namespace

    @property
    def node(self) -> Node:
        return Node(api=self.api, namespace=self.namespace)

    def path(self, plural: str, api: str = "v1") -> str:
        return self.node.path(plural, api)

    def pod(self, name: str, ip: str = "", *, ready: bool = True, labels: dict[str, str] | None = None) -> None:
        self.node.pod(name, ip, ready=ready, labels=labels)

    def status(self, name: str, ip: str, *, ready: bool = True) -> None:
        self.node.status(name, ip, ready=ready)

    def kill(self, name: str) -> None:
        self.node.end(name)

    def make(self, plural: str, body: dict[str, Any], api: str) -> None:
        self.node.make(plural, body, api)


def fake_world(folder: Path) -> Iterator[World]:
    fake = FakeApi()
    fake.start()
    path = fake.kubeconfig(folder)
    world = World(api=Api(str(path)), kubeconfig=path, fake=fake)
    yield world
    world.api.close()
    fake.stop()


@contextmanager
def real_cluster(folder: Path) -> Iterator[Cluster]:
    if not real_is_here():
        pytest.skip(ABSENT)
    with cluster(folder, controllers=False) as found:
        define(found, *OTHERS)
        yield found
