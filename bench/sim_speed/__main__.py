"""Measure the simulator's speed: `python -m bench.sim_speed --data DIR`."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from bench.gateway.installs import InstallError, wheels
from bench.gateway.places import RUN, VENVS, make_folders
from bench.sim_speed.scenes import AZURE, MOONCAKE, at_once, lengths_csv, to_rate, trace
from bench.sim_speed.weir_speed import fleet, least_loaded, speed
from policies.policy import routing
from sims.arrivals import Arrivals

DATA = Path(__file__).parents[3] / "shared" / "data"
WHEELS = ("vidur==0.0.26", "vllm-sr-sim==0.1.0.dev20260713123629")
AZURE_COPIES, MOONCAKE_COPIES, REPLICAS = 45, 30, 64
PEER_REQUESTS = {"vidur": 3000, "fleet_sim": 10000}
SIZES = (16, 64, 256, 1024)
FLAT_REQUESTS, RATE_A_REPLICA = 200_000, 4.0
TARGET = {
    "azure_least_loaded_rps": 500_000.0,
    "mooncake_least_loaded_rps": 150_000.0,
    "azure_python_policy_rps": 50_000.0,
    "cost_1024_over_16": 3.0,
}

Figures = dict[str, float]


def main() -> int:
    """Progress on stderr, one JSON line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m bench.sim_speed", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        azure, mooncake = trace(options.data, AZURE), trace(options.data, MOONCAKE)
    except FileNotFoundError as error:
        say(f"{error}")
        return 2
    found = ours(at_once(azure, AZURE_COPIES), at_once(mooncake, MOONCAKE_COPIES)) | flat(at_once(azure, 12))
    found |= peers(azure, AZURE_COPIES * azure.rate_rps)
    for name in PEER_REQUESTS:
        if found.get(f"{name}_rps"):
            found[f"azure_over_{name}"] = round(found["azure_least_loaded_rps"] / found[f"{name}_rps"], 1)
    met = all(found[name] >= at for name, at in TARGET.items() if name.endswith("_rps"))
    met = met and found["cost_1024_over_16"] <= TARGET["cost_1024_over_16"]
    print(json.dumps({"name": "sim-speed", "figures": found, "target": TARGET, "met": met}), flush=True)
    return 0


def ours(azure: Arrivals, mooncake: Arrivals) -> Figures:
    """Requests a CPU-second of each scene."""
    replicas, found = fleet(REPLICAS), Figures()
    scenes = {"azure": azure, "mooncake": mooncake}
    policies = {"least_loaded": routing("least_loaded"), "shortest_ttft": routing("shortest_ttft")}
    for scene, arrivals in scenes.items():
        for name, policy in (policies | {"python_policy": least_loaded}).items():
            measured = speed(arrivals, replicas, policy)
            found[f"{scene}_{name}_rps"] = round(measured.requests_per_s)
            say(f"{scene} x {name}: {measured.requests_per_s:,.0f} requests/s ({measured.served:.1%} served)")
    return found


def flat(azure: Arrivals) -> Figures:
    """Microseconds a request as the fleet grows at the same load a replica."""
    found = Figures()
    for size in SIZES:
        arrivals = to_rate(azure, RATE_A_REPLICA * size, FLAT_REQUESTS)
        measured = speed(arrivals, fleet(size), routing("least_loaded"), rounds=3)
        found[f"us_a_request_{size}_replicas"] = round(1e6 / measured.requests_per_s, 3)
        say(f"{size} replicas: {1e6 / measured.requests_per_s:.2f} us a request")
    found["cost_1024_over_16"] = round(found["us_a_request_1024_replicas"] / found["us_a_request_16_replicas"], 2)
    return found


def peers(azure: Arrivals, rate: float) -> Figures:
    """The same traffic through the peers; one that cannot be had here is said so and left out."""
    make_folders()
    try:
        wheels("simulators", *WHEELS)
    except InstallError as error:
        say(f"the peers cannot be had here: {error}")
        return {}
    lengths, found = lengths_csv(azure, RUN / "azure-lengths.csv"), Figures()
    for name, requests in PEER_REQUESTS.items():
        script = Path(__file__).parent / "peers" / f"{name}_speed.py"
        given = [str(lengths), str(REPLICAS), f"{rate:.1f}", str(requests)]
        command = [str(VENVS / "simulators" / "bin" / "python"), str(script), *given]
        done = subprocess.run(command, cwd=RUN, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode:
            say(f"{name} ended with status {done.returncode}")
            continue
        measured = json.loads(done.stdout.strip().splitlines()[-1])
        found[f"{name}_rps"] = round(measured["requests"] / measured["cpu_s"], 1)
        say(f"{name}: {found[f'{name}_rps']:,.0f} requests/s")
    return found


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
