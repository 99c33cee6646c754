"""A stand-in for nodes: binds pods, runs their processes at addresses of their own, probes and ends them."""

import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cluster.server import Cluster
from bench.k8s.containers import Place, command, needs
from pool.cluster.api import Api
from pool.cluster.troubles import Absent, Conflict, Trouble

ROOT = Path(__file__).parents[2]
EVERY_S = 0.3
Object = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Running:
    """One pod's process."""

    ip: str
    child: subprocess.Popen[bytes]
    output: Path
    probe: Object | None
    ready: bool | None = None  # as last said to the API
    asked_to_end: float | None = None


@dataclass(kw_only=True)
class Machine:
    """Runs every pod of one namespace."""

    found: Cluster
    api: Api
    namespace: str
    folder: Path
    running: dict[str, Running] = field(default_factory=dict)  # by the pods' uid
    ended_with: dict[str, tuple[int, str]] = field(default_factory=dict)  # status and output of pods by name

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Run what there is from now on."""
        self.api.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}})
        self._thread.start()

    def stop(self) -> None:
        """End every process."""
        self._ended.set()
        self._thread.join(10.0)
        for each in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(each.child.pid, signal.SIGKILL)
            each.child.wait()

    def pages(self) -> list[str]:
        """Where the metrics of every pod would be."""
        return [f"{each.ip}:9090" for each in list(self.running.values())]

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                self._round()
            except Trouble as trouble:
                if not isinstance(trouble, Absent | Conflict):
                    time.sleep(EVERY_S)

    def _round(self) -> None:
        pods = self._items("pods")
        services = self._services(pods)
        for pod in pods:
            uid = pod["metadata"]["uid"]
            running = self.running.get(uid)
            if pod["metadata"].get("deletionTimestamp"):
                self._end(pod, running)
            elif running is not None:
                self._look(pod, running)
            elif pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                self._begin(pod, services)
        there = {pod["metadata"]["uid"] for pod in pods}
        for uid in [uid for uid in self.running if uid not in there]:
            self._kill(self.running.pop(uid))

    def _begin(self, pod: Object, services: Mapping[str, str]) -> None:
        """Bind it and start its process; it waits while a Service it names has nobody behind it."""
        meta = pod["metadata"]
        if needs(pod, self._read) - services.keys():
            return
        ip = f"127.3.0.{next(self._numbers)}"
        folder = self.folder / meta["uid"]
        folder.mkdir(parents=True, exist_ok=True)
        place = Place(pod=pod, ip=ip, folder=folder, read=self._read, services=services)
        words, given = command(place)
        if not pod["spec"].get("nodeName"):
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]},
                       "target": {"apiVersion": "v1", "kind": "Node", "name": "node"}}  # fmt: skip
            self.api.post(f"{self._path('pods')}/{meta['name']}/binding", binding)
        account = pod["spec"].get("serviceAccountName", "default")
        fixed = {"KUBECONFIG": self._kubeconfig(account), "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}",
                 "WEIR_CACHE": os.environ.get("WEIR_CACHE", str(ROOT / ".cache/weir"))}  # fmt: skip
        with (folder / "output").open("wb") as output:
            child = subprocess.Popen(
                words,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={**os.environ, **given, **fixed},
                start_new_session=True,
            )
        container = pod["spec"]["containers"][0]
        self.running[meta["uid"]] = Running(
            ip=ip, child=child, output=folder / "output", probe=container.get("readinessProbe")
        )

    def _look(self, pod: Object, running: Running) -> None:
        """Say how it is, when that is news."""
        status = running.child.poll()
        if status is not None:
            output = running.output.read_text(errors="replace")
            self.ended_with[pod["metadata"]["name"]] = (status, output)
            self._say(pod, running, "Failed" if status else "Succeeded", ready=False)
            self.running.pop(pod["metadata"]["uid"])
            return
        ready = running.probe is None or probed(pod, running)
        if ready != running.ready:
            running.ready = ready
            self._say(pod, running, "Running", ready=ready)

    def _say(self, pod: Object, running: Running, phase: str, *, ready: bool) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        said = "True" if ready else "False"
        conditions = [{"type": kind, "status": said if kind != "PodScheduled" else "True", "lastTransitionTime": at}
                      for kind in ("Ready", "ContainersReady", "PodScheduled")]  # fmt: skip
        status = {"phase": phase, "podIP": running.ip, "podIPs": [{"ip": running.ip}], "conditions": conditions,
                  "startTime": at}  # fmt: skip
        self.api.patch(f"{self._path('pods')}/{pod['metadata']['name']}/status", {"status": status})

    def _end(self, pod: Object, running: Running | None) -> None:
        """SIGTERM, its time, then the pod is forgotten."""
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        if running is not None and running.child.poll() is None:
            if running.asked_to_end is None:
                running.asked_to_end = time.monotonic()
                os.killpg(running.child.pid, signal.SIGTERM)
                return
            if time.monotonic() - running.asked_to_end < grace:
                return
            self._kill(running)
        self.running.pop(pod["metadata"]["uid"], None)
        self.api.call("DELETE", f"{self._path('pods')}/{pod['metadata']['name']}", [("gracePeriodSeconds", "0")])

    def _kill(self, running: Running) -> None:
        with suppress(ProcessLookupError):
            os.killpg(running.child.pid, signal.SIGKILL)
        running.child.wait()

    def _services(self, pods: list[Object]) -> dict[str, str]:
        """Each Service's ports by a ready pod behind it, by all where it is headless: the part of cluster DNS and
        kube-proxy that is needed.
        """
        found = {}
        for service in self._items("services"):
            wanted = (service["spec"].get("selector") or {}).items()
            behind = [each for each in pods if wanted and wanted <= each["metadata"].get("labels", {}).items()]
            ready = [each for each in behind if (run := self.running.get(each["metadata"]["uid"])) and run.ready]
            for port in service["spec"]["ports"]:
                at = {each["metadata"]["uid"]: _port(each, port.get("targetPort", port["port"])) for each in ready}
                if there := [f"{self.running[uid].ip}:{number}" for uid, number in at.items() if number]:
                    headless = service["spec"].get("clusterIP") == "None"
                    found[f"{service['metadata']['name']}:{port['port']}"] = ",".join(there if headless else there[:1])
        return found

    def _kubeconfig(self, account: str) -> str:
        """The pod's own account, so that what its role forbids is forbidden; the default one may do nothing."""
        if account == "default":
            return os.devnull
        path = self.folder / f"kubeconfig-{account}"
        if not path.exists():
            asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
            made = json.loads(self.api.post(f"{self._path('serviceaccounts')}/{account}/token", asked))
            admin = self.found.kubeconfig.read_text()
            path.write_text(admin.replace(self.found.token, made["status"]["token"]))
        return str(path)

    def _read(self, plural: str, name: str) -> Object:
        found: Object = json.loads(self.api.get(f"{self._path(plural)}/{name}"))
        return found

    def _items(self, plural: str) -> list[Object]:
        found: list[Object] = json.loads(self.api.get(self._path(plural)))["items"]
        return found

    def _path(self, plural: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{plural}"


def probed(pod: Object, running: Running) -> bool:
    """Whether its readiness probe succeeds."""
    probe = running.probe or {}
    way = probe.get("httpGet") or probe.get("tcpSocket") or {}
    port = _port(pod, way.get("port", 0))
    try:
        if "httpGet" in probe:
            with urllib.request.urlopen(f"http://{running.ip}:{port}{way['path']}", timeout=1.0) as reply:
                return bool(reply.status < 400)
        with socket.create_connection((running.ip, port), timeout=1.0):
            return True
    except OSError:
        return False


def _port(pod: Object, wanted: str | int) -> int:
    """A container port by name or number; 0 where the pod has none of that name."""
    if isinstance(wanted, int):
        return wanted
    ports = pod["spec"]["containers"][0].get("ports", [])
    return int(next((each["containerPort"] for each in ports if each.get("name") == wanted), 0))
