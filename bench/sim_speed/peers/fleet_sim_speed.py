"""vllm-sr-sim over a CSV of lengths: `python fleet_sim_speed.py LENGTHS.csv REPLICAS RATE REQUESTS`.

Prints the CPU seconds of its loop.
"""

import csv
import json
import random
import sys
import time
from pathlib import Path

from fleet_sim.core.fleet import Fleet, FleetConfig, PoolConfig
from fleet_sim.core.request import Request
from fleet_sim.gpu_profiles.profiles import H100_80GB


def main() -> None:
    lengths, replicas, rate, requests = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    with Path(lengths).open(newline="") as file:
        rows = [(int(row["num_prefill_tokens"]), int(row["num_decode_tokens"])) for row in csv.DictReader(file)]
    draws, at, arrivals = random.Random(0), 0.0, []
    for i in range(requests):
        at += draws.expovariate(rate)
        prompt, output = rows[i % len(rows)]
        arrivals.append((at, Request(req_id=i, arrival_time=at, l_in=prompt, l_out=output)))
    pool = PoolConfig(pool_id="all", gpu=H100_80GB, n_gpus=replicas, max_ctx=16384)
    fleet = Fleet(FleetConfig(pools=[pool], router_type="LeastLoadedRouter"))
    begun = time.process_time()
    fleet.run(arrivals)
    print(json.dumps({"requests": requests, "cpu_s": time.process_time() - begun}))


if __name__ == "__main__":
    main()
