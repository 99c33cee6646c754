"""The scene: four Deployments and their Pool resources, two pool services of which one leads, a router at each."""

import json
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cluster.herd import Herd
from bench.cluster.node import Node
from bench.cluster.routed import Routed
from bench.cluster.server import Cluster
from bench.cluster.service import Service, started, waited
from pool.cluster.troubles import Trouble

GROUPS = ("north", "east", "south", "west")
LEASE = "weir"
KIND = "weir.dev/v1alpha1"
OPTIONS = ("--watch-resources", f"--lease={LEASE}", "--scaling=act", "--scrape-interval=1")


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(f"k8s-chaos: {line}", file=sys.stderr, flush=True)


@dataclass(kw_only=True)
class Scene:
    """All that runs."""

    folder: Path
    found: Cluster
    node: Node
    herd: Herd
    port: int
    services: list[Service] = field(default_factory=list)
    routed: list[Routed] = field(default_factory=list)
    missed: int = 0
    expiries: int = 0
    touched: set[str] = field(default_factory=set)  # pods that were made unready on purpose

    def begin(self, each: int) -> None:
        """Make it, and wait until all is routable."""
        for group in GROUPS:
            self.herd.deployment(group, each)
            self.node.make("pools", self._pool(group, each), KIND)
        for n in range(2):
            self._start(f"pool-{n}")
        wanted = each * len(GROUPS)
        waited(lambda: all(routed.count() == wanted for routed in self.routed))
        waited(lambda: self._holder() != "")
        for routed in self.routed:
            routed.lost.clear()

    def end(self) -> None:
        """Stop it all."""
        self.herd.stop()
        for routed in self.routed:
            routed.close()
        for each in self.services:
            if each.child.poll() is None:
                each.kill()

    def ask(self, group: str, replicas: int) -> None:
        """Ask a Pool for so many replicas, as kubectl scale does."""
        self.node.api.patch(f"{self.node.path('pools', KIND)}/{group}/scale", {"spec": {"replicas": replicas}})

    def settled(self, group: str, wanted: int, within_s: float = 90.0) -> float:
        """Seconds until a Deployment asks for so many and routers have them."""

        def done() -> bool:
            try:
                asked = self.herd.replicas(group)
            except Trouble:
                return False
            return asked == wanted and all(self._count(routed, group) == wanted for routed in self._served())

        try:
            return round(waited(done, within_s), 1)
        except TimeoutError:
            self.missed += 1
            return within_s

    def leader(self) -> Service:
        """The service that holds the Lease."""
        holder = self._holder()
        return next(each for each in self.services if each.log.stem == holder.rpartition("-")[0])

    def restart(self, service: Service) -> None:
        """A service that was killed comes back elsewhere, and its router goes there."""
        at = self.services.index(service)
        fresh = started(self.folder, self.found.kubeconfig, service.log.stem, OPTIONS)
        self.services[at] = fresh
        self.routed[at].address = fresh.address

    def touch(self) -> str:
        """Make one pod unready; its name."""
        name = next(n for n in sorted(self.routed[0].ready) if n.startswith(GROUPS[3]) and n not in self.touched)
        self.touched.add(name)
        self.node.status(name, self._ip(name), ready=False)
        return name

    def heard(self, name: str = "") -> float:
        """Seconds until both routers have heard that a pod is not ready."""
        name = name or self.touch()
        began = time.monotonic()
        try:
            took = waited(lambda: all(routed.ready.get(name) is False for routed in self.routed), 60.0)
        except TimeoutError:
            self.missed += 1
            return 60.0
        self.node.status(name, self._ip(name))
        waited(lambda: all(routed.ready.get(name) is True for routed in self.routed), 60.0)
        return round(min(took, time.monotonic() - began), 2)

    def expired(self) -> int:
        """Watches that had to begin anew, over both services."""
        return sum(_metric(each, 'resource="pods",what="expired"') for each in self.services)

    def verdict(self, wanted: dict[str, int], began_with: int) -> dict[str, Any]:
        """What came of it all."""
        ended = {name for routed in self.routed for name in routed.lost if name not in routed.ready}
        lost = sum(
            times for routed in self.routed for name, times in routed.lost.items()
            if name not in ended and name not in self.touched
        )  # fmt: skip
        let_go = sum(max(began_with - count, 0) for count in wanted.values())
        writes = sum(self._generation(group) - 1 for group in wanted)
        needed = sum(count != began_with for count in wanted.values()) - (let_go > 0) + let_go
        beyond = [
            (group, seen) for group, seen in self.herd.history.items()
            if not min(began_with, wanted[group]) <= min(seen) <= max(seen) <= max(began_with, wanted[group])
        ]  # fmt: skip
        return {
            "live_replicas_lost": lost + max(len(ended) - let_go, 0),
            "scaled_beyond": len(beyond),
            "scale_writes": writes,
            "scale_writes_too_many": max(writes - needed, 0),
            "ended_undrained": int(not self.herd.drained_first),
            "not_as_asked": sum(self.herd.replicas(group) != count for group, count in wanted.items()),
            "changes_missed": self.missed,
            "watches_expired": self.expiries,
        }

    def _served(self) -> list[Routed]:
        """The routers whose service lives."""
        return [one for one, each in zip(self.routed, self.services, strict=True) if each.child.poll() is None]

    def _start(self, name: str) -> None:
        service = started(self.folder, self.found.kubeconfig, name, OPTIONS)
        self.services.append(service)
        self.routed.append(Routed(service.address))

    def _pool(self, group: str, replicas: int) -> dict[str, Any]:
        where = {"pods": f"deployment={group}", "port": self.port}
        spec = {"gpu": "h100-sxm", "model": "llama-3.1-8b", "replicas": replicas, "discover": where,
                "target": {"kind": "Deployment", "name": group}}  # fmt: skip
        return {"kind": "Pool", "metadata": {"name": group}, "spec": spec}

    def _holder(self) -> str:
        try:
            path = f"{self.node.path('leases', 'coordination.k8s.io/v1')}/{LEASE}"
            return str(json.loads(self.node.api.get(path))["spec"].get("holderIdentity") or "")
        except Trouble:
            return ""

    def _count(self, routed: Routed, group: str) -> int:
        return sum(ready for name, ready in list(routed.ready.items()) if name.startswith(f"{group}-"))

    def _ip(self, name: str) -> str:
        return self.routed[0].replicas[name].address.rpartition(":")[0]

    def _generation(self, group: str) -> int:
        path = f"{self.node.path('deployments', 'apps/v1')}/{group}"
        return int(json.loads(self.node.api.get(path))["metadata"]["generation"])


def _metric(service: Service, labels: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{service.metrics_port}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if f"weir_pool_watch_total{{{labels}}}" in line))
