"""What only kubelets can do, done by hand: pods are said to run, to be ready or not, and to have ended."""

from dataclasses import dataclass
from typing import Any

from pool.cluster.api import Api
from pool.cluster.resources import root
from pool.cluster.troubles import Absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A stand-in for the nodes of one namespace."""

    api: Api
    namespace: str

    def path(self, plural: str, api: str = "v1") -> str:
        """Where objects of a kind are."""
        return f"{root(api)}/namespaces/{self.namespace}/{plural}"

    def pod(self, name: str, ip: str = "", *, ready: bool = True, labels: dict[str, str] | None = None) -> None:
        """A pod that somebody made and that runs here; without an IP it is only made."""
        container = {"name": "vllm", "image": "vllm", "ports": [{"containerPort": 8000}]}
        meta = {"name": name, "labels": {"app": "vllm"} if labels is None else labels}
        spec = {"containers": [container], "nodeName": "node", "terminationGracePeriodSeconds": 30}
        self.api.post(self.path("pods"), {"metadata": meta, "spec": spec})
        if ip:
            self.status(name, ip, ready=ready)

    def status(self, name: str, ip: str, *, ready: bool = True, phase: str = "Running") -> None:
        """Say how a pod is."""
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        said = {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}], "conditions": conditions}
        self.api.patch(f"{self.path('pods')}/{name}/status", {"status": said})

    def end(self, name: str) -> None:
        """A pod has ended and is forgotten."""
        try:
            self.api.call("DELETE", f"{self.path('pods')}/{name}", [("gracePeriodSeconds", "0")])
        except Absent:
            return

    def make(self, plural: str, body: dict[str, Any], api: str) -> None:
        """Any object."""
        body.setdefault("apiVersion", api)
        self.api.post(self.path(plural, api), body)
