"""Measure one claim, or list them all: `python -m bench.show [NAME] [--data DIR]`.

Progress goes to stderr; the last line on stdout is one JSON object. Every run is recorded in docs/results.*, but those
over another folder than the default one: they are figures of other rows.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.evaluation.page import SLUGS, write
from bench.results import Record, list_all, record

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One measurable claim."""

    says: str
    reads_data: bool = False

    def command(self, name: str, data: Path) -> list[str]:
        """How it is measured."""
        module = f"bench.{MODULES.get(name, name.replace('-', '_'))}"
        return [sys.executable, "-m", module, *(["--data", str(data)] if self.reads_data else [])]


CLAIMS: Mapping[str, Claim] = {
    "gateway": Claim(says="requests per core, added latency and memory of the gateway, beside its peers"),
    "decide": Claim(says="microseconds of one decision over 64 and 1,024 replicas"),
    "policies": Claim(says="shortest_ttft against the other policies on two real traces", reads_data=True),
    "kill": Claim(says="10,000 streams while replicas are killed and restarted"),
    "sim-speed": Claim(says="simulated requests a CPU-second, beside Vidur and vllm-sr-sim", reads_data=True),
    "llmd73": Claim(says="llm-d's 73 % capacity experiment: order, knees and throughput of four policies"),
    "mooncake-cache": Claim(says="block hit rates of LRU caches on Mooncake's trace", reads_data=True),
    "aibrix": Claim(says="AIBrix's campaign: six set-ups ranked as measured, TTFT below the knee", reads_data=True),
    "silicon": Claim(says="TPOT and TTFT of measured deployments left out of the fit", reads_data=True),
    "engine": Claim(says="TTFT and TPOT of recorded vLLM runs, request by request", reads_data=True),
    "fleet-sim": Claim(says="fleet-sim's analytic tables and the 1/W tables, then the same with Weir's physics"),
    "order": Claim(says="every policy, ours and peers', on four real traces", reads_data=True),
    "kv-knowledge": Claim(says="cached share by how well the router knows the replicas' caches", reads_data=True),
    "kv-index": Claim(says="the KV index beside Dynamo's radix tree: events, look-ups, bytes a block, hashing"),
    "roles": Claim(
        says="roles switched as code and conversation alternate, beside an oracle and fixed splits", reads_data=True
    ),
    "vllm-e2e": Claim(says="real vLLM: cached tokens as predicted, streams through a kill, prefill handed to decode"),
    "chaos": Claim(says="load with known answers while replicas, Redis, pool and routers are killed, paused, cut off"),
    "router-restart": Claim(says="a router restarted with 10^6 blocks known: seconds to exact, hit rates meanwhile"),
    "k8s": Claim(
        says="installed, routed, scaled, upgraded and uninstalled at a real API server, as docs/kubernetes.md says"
    ),
    "k8s-scale": Claim(says="a thousand pods in forty pools of a real API server: routable, and a change heard"),
    "k8s-chaos": Claim(says="the leader killed, the API cut off, etcd restarted, watches expired: who is lost"),
    "envoy": Claim(says="Envoy with Weir as its endpoint picker, beside Envoy alone and with other processors"),
    "autoscale": Claim(says="GPU-hours and deadlines of a week, beside a clairvoyant and others", reads_data=True),
    "plan": Claim(says="the planner's fleets against homogeneous ones, a peer's and the optimum", reads_data=True),
    "online": Claim(says="bandits on a stream in which the best model gets worse half-way", reads_data=True),
    "ope": Claim(says="off-policy estimates of model choices beside the truth", reads_data=True),
    "route-two": Claim(
        says="two models: share of strong calls, recovered gap, beside RouteLLM's routers", reads_data=True
    ),
    "route-many": Claim(says="29 models: accuracy at the best one's cost, cost at its accuracy", reads_data=True),
    "route-mixed": Claim(says="nine models on fourteen kinds of task: the mean score", reads_data=True),
    "route-arena": Claim(says="two models with real bills beside public routers", reads_data=True),
    "joint": Claim(says="model and replica chosen together, with and without sight of the fleet", reads_data=True),
    "intents": Claim(says="150 intents of an assistant and none of them, 77 of a bank", reads_data=True),
    "difficulty": Claim(says="how hard a prompt is, as a probability", reads_data=True),
    "domain": Claim(says="which of fourteen domains a question is of", reads_data=True),
    "guard": Claim(says="attacks told from benign look-alikes", reads_data=True),
    "pii": Claim(says="spans of personal data, kind and both ends right", reads_data=True),
    "out-length": Claim(says="P75 of output tokens beside the domain's quantile", reads_data=True),
    "classify-latency": Claim(says="ms a prompt of all heads, a gateway under 50 requests", reads_data=True),
}

MODULES = {"kv-index": "kv"}  # of claims whose module has another name


def main(arguments: list[str] | None = None) -> int:
    """0 when it was measured, whatever came out; 1 when it could not be; 2 when asked for nonsense."""
    parser = argparse.ArgumentParser(prog="python -m bench.show", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("name", nargs="?", help=", ".join(CLAIMS))
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    options = parser.parse_args(arguments)
    if options.name is None:
        print(list_all({name: claim.says for name, claim in CLAIMS.items()}))
        return 0
    if options.name not in CLAIMS:
        return wrong(f"there is no claim {options.name!r}; known: {', '.join(CLAIMS)}")
    if CLAIMS[options.name].reads_data and not options.data.is_dir():
        return wrong(f"the data folder {options.data} does not exist: name one with --data (make: DATA=folder)")
    return measure(options.name, options.data.resolve())


def measure(name: str, data: Path) -> int:
    """Run it, record it where its rows are the open ones, pass its JSON on."""
    begun = time.monotonic()
    done = subprocess.run(CLAIMS[name].command(name, data), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    found = last_object(done.stdout)
    if done.returncode or found is None:
        print(f"{name} could not be measured: it ended with status {done.returncode}", file=sys.stderr)
        return done.returncode or 1
    summary = {"name": name, "figures": found["figures"], "target": found["target"], "met": bool(found["met"])}
    summary["seconds"] = round(time.monotonic() - begun, 1)
    if recorded(data) or not CLAIMS[name].reads_data:
        record(Record(**summary), {each: claim.says for each, claim in CLAIMS.items()})
        if name in SLUGS:
            write()
    else:
        print(
            f"{name}: of another folder's rows, so docs/results.md keeps its figures of the open ones", file=sys.stderr
        )
    print(json.dumps(summary), flush=True)
    return 0


def recorded(data: Path) -> bool:
    """Whether figures of this folder are those that docs/ keeps: the default one's."""
    return data == DATA.resolve()


def last_object(said: str) -> dict[str, Any] | None:
    """The JSON object on the last line, if it is one."""
    lines = said.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def wrong(why: str) -> int:
    """Say in one sentence what was wrong."""
    print(why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
