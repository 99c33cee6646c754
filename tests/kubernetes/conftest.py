import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cluster.server import Cluster
from pool.cluster.api import Api
from pool.cluster.troubles import Trouble
from tests.kubernetes.clusters import World, fake_world, real_cluster

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with real_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A namespace of its own, at the fake or at a real API."""
    namespace = f"test-{next(NUMBERS)}"
    monkeypatch.setenv("POD_NAMESPACE", namespace)
    monkeypatch.delenv("POD_NAME", raising=False)
    if request.param == "fake":
        yield from fake_world(tmp_path)
        return
    found: Cluster = request.getfixturevalue("real")
    made = World(api=Api(str(found.kubeconfig)), kubeconfig=found.kubeconfig, real=found)
    made.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    served(made)
    yield made
    made.api.close()


def served(world: World) -> None:
    """Kinds that were just defined are served a moment later."""
    until = time.monotonic() + 20.0
    for plural, api in (("pools", "weir.dev/v1alpha1"), ("inferencepools", "inference.networking.k8s.io/v1")):
        while True:
            try:
                world.api.get(world.path(plural, api))
                break
            except Trouble:
                assert time.monotonic() < until
                time.sleep(0.05)
