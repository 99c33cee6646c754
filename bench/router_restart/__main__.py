"""Restart a router, alone and with its pool, under load: `python -m bench.router_restart`."""

import argparse
import json
import sys
import time

from bench.router_restart.processes import TrialError
from bench.router_restart.scene import Scene
from bench.router_restart.trial import Plan, trial
from policies.native.library import ensure_built
from router import compiled

MOST_S = 3.0


def main() -> int:
    """Progress on stderr, one JSON line on stdout; 1 when it could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.router_restart", description=(__doc__ or "").partition(":")[0]
    )
    parser.add_argument("--rate", type=float, default=2000.0, help="requests a second (default %(default)g)")
    parser.add_argument("--chains", type=int, default=Scene().chains, help="of 25 blocks each (default %(default)d)")
    options = parser.parse_args()
    begun = time.monotonic()
    ensure_built()
    if why := compiled.ensure():  # beforehand, as installing does: it is no part of a restart
        say(f"the gateway runs interpreted: {why}")
    scene = Scene(chains=options.chains)
    plans = [Plan(name=name, pool_too=name == "both", rate=options.rate) for name in ("router", "both")]
    figures: dict[str, float | int | None] = {"blocks": scene.blocks, "requests_per_s": options.rate}
    try:
        for plan in plans:
            figures |= {f"{plan.name}_{name}": value for name, value in trial(plan, scene, say).items()}
    except TrialError as error:
        say(str(error))
        return 1
    target = {f"{plan.name}_exact_s": {"most": MOST_S} for plan in plans}
    met = all((seconds := figures[name]) is not None and seconds < MOST_S for name in target)
    seconds_ = round(time.monotonic() - begun, 1)
    print(json.dumps({"name": "router-restart", "figures": figures, "target": target, "met": met, "seconds": seconds_}))
    return 0


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
