"""A sweep over a Ray cluster: two nodes on this machine, where Ray is installed."""

import socket
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from sims.measure.outcome import Outcome
from sims.sweep import on_ray
from sims.sweep.inputs import Inputs, Unit
from sims.sweep.on_ray import BadUrl, OnRay, ray_or_say, reach, remotely
from sims.sweep.study import Here, Study, carry_out
from sims.sweep.trial import compiled
from tests.sims.sweep.studies import inputs

UNITS = [Unit(point=(("policy", name),), seed=seed) for seed in range(2) for name in ("random", "least_loaded")]


class Errand:
    """A task and what it was given."""

    def __init__(self, function: Any, given: tuple[Any, ...]) -> None:
        self.function, self.given = function, given


class Pretended:
    """As much of Ray as a sweep uses, in this process: the last task is done first."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses, self.said, self.open = refuses, dict[str, Any](), False

    def init(self, **told: Any) -> None:
        if self.refuses:
            raise ConnectionError(f"{self.refuses}\nand more")
        self.said, self.open = told, True

    def shutdown(self) -> None:
        self.open = False

    def put(self, value: object) -> object:
        return value

    def remote(self, **_: Any) -> Any:
        return lambda function: SimpleNamespace(remote=lambda *given: Errand(function, given))

    def wait(self, left: list[Any]) -> tuple[list[Any], list[Any]]:
        return left[-1:], left[:-1]

    def get(self, task: Any) -> Any:
        return task.function(*task.given)


def test_every_unit_is_done_once_whatever_ends_first() -> None:
    compiled()
    ray = Pretended()
    with OnRay(inputs(), ray, "auto") as there:
        places = [place for place, _ in there.run(UNITS)]
    assert places == [3, 2, 1, 0]
    assert ray.said["address"] == "auto"
    assert "PYTHONPATH" in ray.said["runtime_env"]["env_vars"]
    assert not ray.open


def test_what_is_wrong_with_a_unit_is_raised_here() -> None:
    with OnRay(inputs(), Pretended()) as there, pytest.raises(LookupError, match="nobody"):
        list(there.run([Unit(point=(("policy", "nobody"),), seed=0)]))


def test_a_cluster_that_refuses_is_one_sentence() -> None:
    refusing = OnRay(inputs(), Pretended("it refuses"), "auto")
    with pytest.raises(BadUrl, match=r"no Ray cluster at auto: it refuses$"), refusing:
        pass


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_where_nobody_listens_is_told_at_once(scheme: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(BadUrl, match="connection refused: start one there"):
            reach(address)


def test_who_listens_is_reached() -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen(1)
        reach(f"127.0.0.1:{somebody.getsockname()[1]}")


@pytest.mark.parametrize("address", ["127.0.0.1:99999999", "::::1"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(BadUrl, match="no Ray cluster at"):
        reach(address)


def test_an_errand_is_an_outcome_or_what_is_wrong() -> None:
    compiled()
    assert isinstance(remotely(inputs(), UNITS[0]), Outcome)
    assert isinstance(remotely(inputs(), Unit(point=(("rate", "fast"),), seed=0)), ValueError)


def test_without_ray_its_installation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "find_spec", lambda _: None)
    with pytest.raises(BadUrl, match=r"pip install 'weir\[ray\]'"):
        ray_or_say()


def test_ray_is_imported_only_when_it_is_asked_for() -> None:
    assert "ray" not in sys.modules or find_spec("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes with one core each."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'weir[ray]'")
    compiled()
    two = import_module("ray.cluster_utils").Cluster()
    try:
        for _ in range(2):
            two.add_node(num_cpus=1, object_store_memory=100 << 20)
        two.wait_for_nodes()
        yield two.address
    finally:
        import_module("ray").shutdown()
        two.shutdown()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_nodes_find_what_one_process_finds(cluster: str) -> None:
    def ttft(study: Study) -> list[float]:
        return [study.found[unit].metrics.ttft_s.mean for unit in study.units]

    mine: Inputs = inputs(again=True)
    points = [unit.point for unit in UNITS[:2]]
    there = carry_out(Study(points=points, seeds=3), mine, OnRay(mine, ray_or_say(), cluster))
    here = carry_out(Study(points=points, seeds=3), mine, Here(mine))
    assert ttft(there) == ttft(here)
