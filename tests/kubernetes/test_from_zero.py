"""A pool at zero comes back for a request that waits, and goes again: two pool services, a router and emulated
replicas as processes of their own, at an API in which whoever makes pods does so.
"""

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.cluster.server import free_port
from bench.cluster.service import Service, service
from pool.cluster.troubles import Trouble
from tests.cli.weir_command import start
from tests.kubernetes.clusters import World, fake_world
from tests.kubernetes.test_controlling import annotations, deployment, read
from tests.kubernetes.test_finding import KIND, pool

MODEL, WITHIN_S = "llama-3.1-8b", 240.0
JUDGED = 'weir_pool_routed_judged_total{pool="p",role="mixed"}'
QUICK = ("interval_s=0.5", "idle_s=3", "down_s=3", "settle_s=1", "window_s=2", "mix_s=4")
OPTIONS = [
    "--watch-resources", "--lease=weir", "--scaling=act", "--scaling-policy=slo_model",
    *[f"--scaling-set={each}" for each in QUICK],
]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("POD_NAMESPACE", "test-zero")
    yield from fake_world(tmp_path)


@dataclass(kw_only=True)
class Machine:
    """Makes the pods that a Deployment asks for, each an emulated replica, and ends those that are too many."""

    world: World
    folder: Path
    port: int
    pods: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)
    most: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        fleet = self.folder / "emulated.yaml"
        fleet.write_text(f"pools: [{{name: e, gpu: h100-sxm, model: {MODEL}, replicas: 1}}]\n")
        while not self._ended.wait(0.1):
            with suppress(Trouble):
                wanted = replicas(self.world)
                while len(self.pods) < wanted:
                    self._begin(fleet)
                while len(self.pods) > wanted:
                    self._end(self.pods.popitem())

    def stop(self) -> None:
        self._ended.set()
        for child in self.pods.values():
            end(child)

    def _begin(self, fleet: Path) -> None:
        self.most += 1
        name, ip = f"vllm-{self.most}", f"127.0.9.{self.most}"
        self.world.pod(name)
        child = start("emulate", str(fleet), "--host", ip, "--base-port", str(self.port))
        self.pods[name] = child
        assert child.stdout is not None
        assert child.stdout.readline()
        self.world.status(name, ip)

    def _end(self, pod: tuple[str, "subprocess.Popen[str]"]) -> None:
        name, child = pod
        self.world.kill(name)
        end(child)


def end(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    child.communicate(timeout=30.0)


def replicas(world: World) -> int:
    return int(read(world, "deployments", "vllm", "apps/v1")["spec"]["replicas"])


def until(true: Callable[[], Any]) -> Any:
    """Wait for what other processes bring about."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5.0) as reply:
            return str(reply.read().decode())
    except OSError:
        return ""


def ask(port: int) -> int:
    body = {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as reply:
            assert json.loads(reply.read())["usage"]["completion_tokens"] == 5
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@contextmanager
def router(pools: list[Service]) -> Iterator[int]:
    """A router that watches the second pool service and tells both."""
    port = free_port()
    child = start("router", "--pool", pools[1].address, "--tell", ",".join(each.address for each in pools),
                  "--port", str(port))  # fmt: skip
    try:
        assert child.stdout is not None
        assert "ready" in child.stdout.readline()
        yield port
    finally:
        end(child)


def heard(at: Service, sample: str) -> float:
    found = [line for line in page(f"http://127.0.0.1:{at.metrics_port}/metrics").splitlines()
             if line.startswith(sample + " ")]  # fmt: skip
    return float(found[0].split()[-1]) if found else 0.0


def test_a_pool_at_zero_comes_back_for_a_request_that_waits_and_goes_again_whoever_leads(
    world: World, tmp_path: Path
) -> None:
    port = free_port()
    deployment(world, 0)
    spec = {"target": {"name": "vllm"}, "bounds": {"min": 0, "max": 2},
            "discover": {"pods": "app=vllm", "port": port}}  # fmt: skip
    world.make("pools", pool("p", **spec), KIND)
    machine = Machine(world=world, folder=tmp_path, port=port)
    with (
        service(tmp_path, world.kubeconfig, "one", OPTIONS, namespace=world.namespace) as one,
        service(tmp_path, world.kubeconfig, "two", OPTIONS, namespace=world.namespace) as two,
        ThreadPoolExecutor(2) as threads,
    ):
        leads, follows = until(lambda: leader(world, one, two))
        threads.submit(machine.run)
        try:
            with router([leads, follows]) as gateway:
                goes_and_comes(world, machine, threads, gateway, leads, follows)
        finally:
            machine.stop()


def goes_and_comes(
    world: World, machine: Machine, threads: ThreadPoolExecutor, gateway: int, leads: Service, follows: Service
) -> None:
    """The story: from zero, back to zero, and from zero once more without the one that led."""
    until(lambda: MODEL in page(f"http://127.0.0.1:{gateway}/v1/models"))
    assert "ok" in page(f"http://127.0.0.1:{gateway}/health"), "it takes requests while nobody is there"
    assert replicas(world) == 0
    assert threads.submit(ask, gateway).result(WITHIN_S) == 200
    assert machine.most == 1
    until(lambda: [heard(each, JUDGED) for each in (leads, follows)] == [1.0, 1.0])
    until(lambda: replicas(world) == 0 and not machine.pods)
    assert not any("weir.dev/drain" in notes for notes in annotations(world))
    leads.kill()
    second = threads.submit(ask, gateway)
    until(lambda: heard(follows, f'weir_pool_held_requests{{model="{MODEL}"}}') == 1.0 or second.done())
    assert second.result(WITHIN_S) == 200
    assert machine.most == 2


def leader(world: World, one: Service, two: Service) -> tuple[Service, Service] | None:
    """Who holds the Lease, and who does not; None while nobody does."""
    found = json.loads(world.api.get(world.path("leases", "coordination.k8s.io/v1")))["items"]
    holders = [each["spec"].get("holderIdentity") or "" for each in found]
    if not any(holders):
        return None
    return (one, two) if any(each.startswith("one") for each in holders) else (two, one)
