"""Two APIs under one kit of tests: the fake of this folder, and a real kube-apiserver where there is one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import build
from bench.cluster.server import Cluster, cluster
from bench.cluster.tools import BIN as TOOLS
from pool.cluster.api import Api
from pool.cluster.resources import root
from tests.kubernetes.fake_api import FakeApi

ROOT = Path(__file__).parents[2]
ABSENT = "no kube-apiserver here: `make test-k8s` builds one, KUBEBUILDER_ASSETS names one"
INFERENCE_CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "inferencepools.inference.networking.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api-inference-extension"},
    },
    "spec": {
        "group": "inference.networking.k8s.io", "scope": "Namespaced",
        "names": {"kind": "InferencePool", "plural": "inferencepools", "singular": "inferencepool"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
            "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}],
    },
}  # fmt: skip


def real_is_here() -> bool:
    given = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(given) if given else build.BIN
    return (folder / "kube-apiserver").exists() and (folder / "etcd").exists()


def tools_are_here() -> bool:
    return (TOOLS / "helm").exists()


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

    def path(self, plural: str, api: str = "v1") -> str:
        return f"{root(api)}/namespaces/{self.namespace}/{plural}"

    def pod(self, name: str, ip: str = "", *, ready: bool = True, labels: dict[str, str] | None = None) -> None:
        """A pod that its node runs."""
        container: dict[str, Any] = {"name": "vllm", "image": "vllm", "ports": [{"containerPort": 8000}]}
        meta = {"name": name, "labels": {"app": "vllm"} if labels is None else labels}
        spec = {"containers": [container], "nodeName": "node", "terminationGracePeriodSeconds": 30}
        self.api.post(self.path("pods"), {"metadata": meta, "spec": spec})
        if ip:
            self.status(name, ip, ready=ready)

    def status(self, name: str, ip: str, *, ready: bool = True, phase: str = "Running") -> None:
        """What its node says of a pod."""
        said = {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}],
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}  # fmt: skip
        self.api.patch(f"{self.path('pods')}/{name}/status", {"status": said})

    def kill(self, name: str) -> None:
        """A pod is gone at once."""
        self.api.call("DELETE", f"{self.path('pods')}/{name}", [("gracePeriodSeconds", "0")])

    def make(self, plural: str, body: dict[str, Any], api: str) -> None:
        body.setdefault("apiVersion", api)
        self.api.post(self.path(plural, api), body)


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
        prepare(found)
        yield found


def prepare(found: Cluster) -> None:
    """Weir's and the inference extension's kinds."""
    import yaml

    api = Api(str(found.kubeconfig))
    crds = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "helm/crds").glob("*.yaml"))]
    for crd in [*crds, INFERENCE_CRD]:
        api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
    api.close()
