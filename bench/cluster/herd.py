"""A stand-in for the controllers and nodes behind Deployments: as many pods as are asked for, running and ready."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.cluster.node import Node
from pool.cluster.troubles import Absent, Conflict, Trouble

COST = "controller.kubernetes.io/pod-deletion-cost"
EVERY_S = 0.2


@dataclass(kw_only=True)
class Herd:
    """Keeps every Deployment's pods; a pod ends as soon as it is let go."""

    node: Node
    ip: Callable[[int], str]  # of the pod made as the n-th
    history: dict[str, list[int]] = field(default_factory=dict)  # what each Deployment was seen to ask for
    drained_first: bool = True  # nobody ended who was not drained before
    _made: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def deployment(self, name: str, replicas: int) -> None:
        """One more Deployment."""
        labels = {"app": "vllm", "deployment": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "vllm", "image": "vllm"}]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        self.node.make("deployments", {"metadata": {"name": name}, "spec": spec}, "apps/v1")

    def start(self) -> None:
        """Keep them from now on."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """No longer."""
        self._ended.set()

    def replicas(self, name: str) -> int:
        """What a Deployment asks for now; raises `Trouble`."""
        return int(self._get(f"{self.node.path('deployments', 'apps/v1')}/{name}")["spec"]["replicas"])

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                self._round()
            except Trouble:
                continue  # the API is away, as it is meant to be at times

    def _round(self) -> None:
        pods = self._get(self.node.path("pods"))["items"]
        for each in self._get(self.node.path("deployments", "apps/v1"))["items"]:
            name, wanted = each["metadata"]["name"], each["spec"]["replicas"]
            seen = self.history.setdefault(name, [])
            if not seen or seen[-1] != wanted:
                seen.append(wanted)
            mine = [pod for pod in pods if pod["metadata"].get("labels", {}).get("deployment") == name]
            for pod in sorted(mine, key=_keep)[: max(len(mine) - wanted, 0)]:
                self.drained_first &= COST in (pod["metadata"].get("annotations") or {})
                self.node.end(pod["metadata"]["name"])
            for _ in range(wanted - len(mine)):
                self._born(name)

    def _born(self, deployment: str) -> None:
        n, self._made = self._made, self._made + 1
        try:
            labels = {"app": "vllm", "deployment": deployment}
            self.node.pod(f"{deployment}-{n:04d}", self.ip(n), labels=labels)
        except (Absent, Conflict):
            return

    def _get(self, path: str) -> Any:
        return json.loads(self.node.api.get(path))


def _keep(pod: dict[str, Any]) -> tuple[int, str]:
    """Who is let go first: the lowest cost of deletion, as the ReplicaSet controller has it."""
    notes = pod["metadata"].get("annotations") or {}
    return int(notes.get(COST, 0)), pod["metadata"]["name"]
