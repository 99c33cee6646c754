"""A thousand pods in forty pools of a real API server: `python -m bench.k8s_scale [--pods N] [--pools N]`."""

import argparse
import json
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from bench.cluster.node import Node
from bench.cluster.routed import Routed
from bench.cluster.server import cluster
from bench.cluster.service import Service, engines, service, waited
from pool.cluster.api import Api

TARGET: dict[str, dict[str, float]] = {
    "listed_to_routable_s": {"most": 5.0}, "change_p99_ms": {"most": 250.0}, "routable": {"least": 1000},
    "changes_missed": {"most": 0},
}  # fmt: skip
IDLE_S, PACE_S = 10.0, 0.05
SCRAPE_S = 5


def main(arguments: list[str] | None = None) -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.k8s_scale")
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--pools", type=int, default=40)
    parser.add_argument("--changes", type=int, default=400, help="readiness changes that are timed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="weir-k8s-") as place:
        folder = Path(place)
        say("starting etcd and kube-apiserver")
        with cluster(folder / "cluster") as found, engines() as port:
            node = Node(api=Api(str(found.kubeconfig)), namespace="default")
            say(f"making {options.pods} pods")
            populate(node, options.pods, options.pools)
            path = fleet_file(folder / "fleet.yaml", options.pools, port)
            figures = measured(folder, found.kubeconfig, path, node, options.pods, options.changes)
    met = all(within(figures[name], bound) for name, bound in TARGET.items())
    print(json.dumps({"name": "k8s-scale", "figures": figures, "target": TARGET, "met": met, "seconds": 0}))
    return 0


def populate(node: Node, pods: int, pools: int) -> None:
    """Pods that run and are ready."""
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda n: node.pod(name(n), ip(n), labels={"app": "vllm", "group": f"g{n % pools}"}), range(pods)
            )
        )


def measured(folder: Path, kubeconfig: Path, path: Path, node: Node, pods: int, changes: int) -> dict[str, Any]:
    """The figures of one run."""
    say("starting the pool service")
    began = time.monotonic()
    options = [f"--fleet={path}", f"--scrape-interval={SCRAPE_S}"]
    with service(folder, kubeconfig, "pool", options) as pool:
        routed = Routed(pool.address)
        waited(lambda: routed.count() >= pods or pool.child.poll() is not None)
        at, wall = time.monotonic(), time.time()
        startup = pool.cpu_s()
        figures = {
            "routable": routed.count(),
            "started_to_routable_s": round(at - began, 2),
            "listed_to_routable_s": round(wall - listed_at(pool), 2),
            "startup_cpu_s": round(startup, 2),
        }
        say(f"routable: {figures}")
        figures |= idle(pool)
        say(f"changing the readiness of pods {changes} times")
        figures |= changed(pool, routed, node, pods, changes)
        figures["rss_mb"] = round(pool.memory_mb(), 1)
        routed.close()
        return figures


def listed_at(pool: Service) -> float:
    """When it first asked the API for pods, seconds since 1970, as its log says."""
    line = next(line for line in pool.log.read_text().splitlines() if "listing pods" in line)
    return datetime.strptime(" ".join(line.split()[:2]), "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


def idle(pool: Service) -> dict[str, float]:
    """What it uses while nothing changes and every replica is scraped every 5 s."""
    before, began = pool.cpu_s(), time.monotonic()
    time.sleep(IDLE_S)
    return {"idle_cores": round((pool.cpu_s() - before) / (time.monotonic() - began), 3)}


def changed(pool: Service, routed: Routed, node: Node, pods: int, changes: int) -> dict[str, Any]:
    """From before a readiness change is sent to the API until a router hears of it."""
    draw, took, missed = random.Random(1), [], 0
    before, began = pool.cpu_s(), time.monotonic()
    for _ in range(changes // 2):
        each = draw.randrange(pods)
        for ready in (False, True):
            since = time.monotonic()
            node.status(name(each), ip(each), ready=ready)
            at = routed.wait(name(each), ready, since, 10.0)
            missed += at is None
            took.append(1e3 * ((at or time.monotonic()) - since))
            time.sleep(PACE_S)
    took.sort()
    return {
        "change_p50_ms": round(median(took), 1),
        "change_p99_ms": round(took[int(0.99 * len(took))], 1),
        "change_most_ms": round(took[-1], 1),
        "changes": len(took),
        "changes_missed": missed,
        "changing_cores": round((pool.cpu_s() - before) / (time.monotonic() - began), 3),
    }


def fleet_file(path: Path, pools: int, port: int) -> Path:
    """Forty pools found by label."""
    made = [
        {"name": f"pool-{n}", "gpu": "h100-sxm", "model": "llama-3.1-8b",
         "discover": {"pods": f"app=vllm,group=g{n}", "port": port}}
        for n in range(pools)
    ]  # fmt: skip
    path.write_text(yaml.safe_dump({"pools": made}))
    return path


def name(n: int) -> str:
    """A pod's name."""
    return f"vllm-{n:04d}"


def ip(n: int) -> str:
    """A pod's address: all of 127/8 is this machine."""
    return f"127.1.{n // 250}.{n % 250 + 1}"


def within(value: float, bound: dict[str, float]) -> bool:
    """Whether a figure keeps its bound."""
    return value <= bound.get("most", value) and value >= bound.get("least", value)


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(f"k8s-scale: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
