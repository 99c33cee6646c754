import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cluster.server import Cluster
from pool.cluster.api import Api
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
    yield made
    made.api.close()
