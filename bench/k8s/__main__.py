"""Every command of docs/kubernetes.md, as printed, at a real API server: `python -m bench.k8s`."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cluster.server import Cluster, cluster
from bench.cluster.tools import tools
from bench.envoy.contestants import install
from bench.k8s.machine import Machine
from pool.cluster.api import Api
from pool.cluster.troubles import Trouble

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kubernetes.md"
NAMESPACE = "inference"
PATIENCE_S = 420
HEARD_S = 10.0
SENT = re.compile(r"^weir_requests_total\{.*\} [1-9]", re.MULTILINE)
TARGET: dict[str, dict[str, float]] = {
    "commands_failed": {"most": 0},
    "routed": {"least": 1},
    "told": {"least": 1},
    "through_envoy": {"least": 1},
    "scaled_to": {"least": 3},
    "left_behind": {"most": 0},
}


def main(arguments: list[str] | None = None) -> int:
    """Run them all and print one JSON object; 1 when the API or helm cannot be had."""
    argparse.ArgumentParser(prog="python -m bench.k8s").parse_args(arguments)
    install()
    path = f"{tools()}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="weir-k8s-") as place:
        folder = Path(place)
        say("starting etcd, kube-apiserver and kube-controller-manager")
        with cluster(folder / "cluster", controllers=True) as found:
            figures = walked(found, folder, path)
    met = all(figures[name] >= b.get("least", figures[name]) and figures[name] <= b.get("most", figures[name])
              for name, b in TARGET.items())  # fmt: skip
    print(json.dumps({"name": "k8s", "figures": figures, "target": TARGET, "met": met, "seconds": 0}))
    return 0


def walked(found: Cluster, folder: Path, path: str) -> dict[str, Any]:
    """Do what the page says, one command after another."""
    environment = os.environ | {
        "KUBECONFIG": str(found.kubeconfig), "PATH": path, "HELM_CACHE_HOME": str(folder / "helm/cache"),
        "HELM_CONFIG_HOME": str(folder / "helm/config"), "HELM_DATA_HOME": str(folder / "helm/data"),
    }  # fmt: skip
    machine = Machine(found=found, api=Api(str(found.kubeconfig)), namespace=NAMESPACE, folder=folder / "pods")
    machine.start()
    figures: dict[str, Any] = {"commands": 0, "commands_failed": 0}
    try:
        for line in commands():
            figures["commands"] += 1
            took = ran(line, environment)
            figures["commands_failed"] += took is None
            if took is None:
                say(f"what ran: {spoken(machine)}")
                break
            figures[f"{named(line)}_s"] = round(took, 1)
            if "get pools" in line:
                figures["scaled_to"] = pool_status(machine).get("ready", 0)
            if "condition=Serving" in line:
                figures["told"] = int(decided(machine, "two_choices"))
            if "pod/ask-envoy" in line:
                figures["through_envoy"] = int(answered(machine, "ask-envoy") and placed(machine))
        figures["routed"] = int(answered(machine, "ask"))
        figures = {"told": 0, "scaled_to": 0, "through_envoy": 0} | figures
        figures["left_behind"] = left_behind(machine)
    finally:
        machine.stop()
    return figures


def commands() -> list[str]:
    """The page's first block of commands."""
    block = re.search(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    return block[1].strip().splitlines()


def named(line: str) -> str:
    """A command's name among the figures."""
    words = [word for word in line.split() if not word.startswith("-") and word != NAMESPACE]
    return "_".join(re.sub(r"\W", "_", word) for word in words[:3])


def ran(line: str, environment: dict[str, str]) -> float | None:
    """Seconds that a command took; None when it failed."""
    say(f"$ {line[:150]}")
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", line], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if done.returncode:
        say(f"it failed: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return None
    return time.monotonic() - began


def answered(machine: Machine, name: str) -> bool:
    """Whether a pod that asked for a chat got one."""
    status, answer = machine.ended_with.get(name, (1, ""))
    return status == 0 and '"chat.completion"' in answer


def decided(machine: Machine, policy: str) -> bool:
    """Whether every router says, before long, that its workers decide by a policy."""
    return before_long(machine, lambda pages: all(f'weir_policy{{policy="{policy}"}}' in page for page in pages))


def placed(machine: Machine) -> bool:
    """Whether a router says, before long, that it sent a request somewhere."""
    return before_long(machine, lambda pages: any(map(SENT.search, pages)))


def before_long(machine: Machine, holds: Callable[[list[str]], bool]) -> bool:
    """Whether something comes to be so of what the routers tell Prometheus."""
    until = time.monotonic() + HEARD_S
    while time.monotonic() < until:
        pages = [page for page in map(metrics, machine.pages()) if "weir_policy" in page]
        if pages and holds(pages):
            return True
        time.sleep(0.2)
    return False


def metrics(address: str) -> str:
    """What is told at an address to whoever scrapes; nothing where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=2.0) as reply:
            found: str = reply.read().decode()
            return found
    except OSError:
        return ""


def pool_status(machine: Machine) -> dict[str, Any]:
    """What the Pool is told of itself."""
    try:
        found = json.loads(machine.api.get(f"/apis/weir.dev/v1alpha1/namespaces/{NAMESPACE}/pools/chat"))
    except Trouble:
        return {}
    status: dict[str, Any] = found.get("status", {})
    return status


def left_behind(machine: Machine) -> int:
    """Objects of the release that are there after it was uninstalled."""
    count = 0
    for path in ("api/v1/services", "api/v1/configmaps", "api/v1/secrets", "apis/apps/v1/deployments"):
        root, _, plural = path.rpartition("/")
        items = json.loads(machine.api.get(f"/{root}/namespaces/{NAMESPACE}/{plural}"))["items"]
        count += sum(each["metadata"].get("labels", {}).get("app.kubernetes.io/instance") == "weir" for each in items)
    return count


def spoken(machine: Machine) -> str:
    """The last words of every process."""
    return "\n".join(
        f"--- {each.output.parent.name} ready={each.ready}: {' '.join(map(str, each.child.args))[:200]}\n"  # type: ignore[arg-type]
        f"{each.output.read_text(errors='replace')[-700:]}"
        for each in machine.running.values()
    )


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(f"k8s: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
