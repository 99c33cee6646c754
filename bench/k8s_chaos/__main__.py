"""Two pool services, one API, and what goes wrong with all three: `python -m bench.k8s_chaos [--cut SECONDS]`."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.cluster.herd import Herd
from bench.cluster.kinds import define
from bench.cluster.node import Node
from bench.cluster.server import Cluster, cluster
from bench.cluster.service import engines
from bench.k8s_chaos.scene import GROUPS, Scene, say
from bench.k8s_scale.__main__ import within
from pool.cluster.api import Api

TARGET: dict[str, dict[str, float]] = {
    "live_replicas_lost": {"most": 0}, "scaled_beyond": {"most": 0}, "scale_writes_too_many": {"most": 0},
    "ended_undrained": {"most": 0}, "not_as_asked": {"most": 0}, "changes_missed": {"most": 0},
    "watches_expired": {"least": 1},
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.k8s_chaos")
    parser.add_argument("--cut", type=float, default=60.0, help="seconds that the API is away")
    parser.add_argument("--each", type=int, default=15, help="replicas of each of four pools to begin with")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="weir-chaos-") as place, staged(Path(place), options.each) as scene:
        figures = chaos(scene, options.each, options.cut)
    met = all(within(figures[name], bound) for name, bound in TARGET.items())
    print(json.dumps({"name": "k8s-chaos", "figures": figures, "target": TARGET, "met": met, "seconds": 0}))
    return 0


@contextmanager
def staged(folder: Path, each: int) -> Iterator[Scene]:
    """Everything running and routable."""
    say("starting etcd and kube-apiserver")
    with cluster(folder / "cluster") as found, engines() as port:
        define(found)
        node = Node(api=Api(str(found.kubeconfig)), namespace="default")
        herd = Herd(node=node, ip=lambda n: f"127.2.{n // 250}.{n % 250 + 1}")
        scene = Scene(folder=folder, found=found, node=node, herd=herd, port=port)
        herd.start()
        try:
            scene.begin(each)
            yield scene
        finally:
            scene.end()


def chaos(scene: Scene, each: int, cut_s: float) -> dict[str, Any]:
    """Every fault in turn, with something being scaled meanwhile."""
    figures: dict[str, Any] = {"replicas": len(GROUPS) * each}
    up, down = each + 4, each - 3
    say("kill -9 of the leader while it scales up")
    figures["takeover_s"] = leader_killed(scene, GROUPS[0], up)
    say(f"the API is away for {cut_s:.0f} s")
    figures["heard_after_cut_s"] = api_cut(scene, scene.found, cut_s)
    say("etcd restarts while it scales down")
    scene.ask(GROUPS[1], down)
    scene.found.etcd.kill()
    time.sleep(3.0)
    scene.found.etcd.start()
    scene.found.wait()
    figures["scaled_down_s"] = scene.settled(GROUPS[1], down)
    say("watches expire: both services stand still while the API forgets")
    figures["heard_after_expiry_s"] = watches_expired(scene)
    scene.ask(GROUPS[2], up)
    figures["scaled_up_s"] = scene.settled(GROUPS[2], up)
    time.sleep(3.0)
    return figures | scene.verdict({GROUPS[0]: up, GROUPS[1]: down, GROUPS[2]: up, GROUPS[3]: each}, each)


def leader_killed(scene: Scene, group: str, wanted: int) -> float:
    """Seconds from kill -9 until the other has done what the first was asked for."""
    leader = scene.leader()
    scene.ask(group, wanted)
    time.sleep(0.3)
    began = time.monotonic()
    leader.kill()
    scene.settled(group, wanted)
    took = time.monotonic() - began
    scene.restart(leader)
    return round(took, 1)


def api_cut(scene: Scene, found: Cluster, cut_s: float) -> float:
    """Seconds from the API's being ready again until a change made then was heard."""
    found.api.kill(signal.SIGKILL)
    time.sleep(cut_s)
    found.api.start()
    found.wait()
    return scene.heard()


def watches_expired(scene: Scene) -> float:
    """Seconds from when the services run again until what happened meanwhile was heard."""
    before = scene.expired()
    for each in scene.services:
        os.kill(each.child.pid, signal.SIGSTOP)
    again(scene.found)
    name = scene.touch()  # nobody is told: it lies between where they left off and where the API begins again
    again(scene.found)
    for each in scene.services:
        os.kill(each.child.pid, signal.SIGCONT)
    took = scene.heard(name)
    scene.expiries = scene.expired() - before
    return took


def again(found: Cluster) -> None:
    """The API is killed and starts anew: it remembers no change from before."""
    found.api.kill(signal.SIGKILL)
    found.api.start()
    found.wait()


if __name__ == "__main__":
    sys.exit(main())
