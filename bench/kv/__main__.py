"""Measure the KV index beside Dynamo's: `python -m bench.kv`."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.gateway.installs import InstallError, wheels
from bench.gateway.places import VENVS, make_folders
from bench.kv.figures import Figures, compare, met, target
from bench.kv.pair import Pair
from bench.kv.stream import draw
from policies.native.library import ensure_built

WHEELS = ("ai-dynamo-runtime==1.6.1", "numpy==2.2.6")
SCENES = ((10**6, 64), (10**6, 256), (10**7, 64), (10**7, 256))
ROUNDS = 5
BYTES_A_BLOCK = 700  # both sides' memory and what is drawn: without so much free a scene is left out


def main() -> int:
    """Progress on stderr, one JSON line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m bench.kv", description=__doc__)
    parser.add_argument("--most", type=int, default=10**7, help="leave out scenes of more blocks")
    options = parser.parse_args()
    begun, scenes = time.monotonic(), [scene for scene in SCENES if scene[0] <= options.most]
    ensure_built()
    make_folders()
    try:
        say(
            f"beside dynamo.llm.RadixTree of ai-dynamo-runtime {wheels('dynamo', *WHEELS)}: the wheel's stub file names"
        )
        say("a KvIndexer, but its module has neither that nor an ApproxKvIndexer")
    except InstallError as error:
        say(f"Dynamo cannot be had here: {error}")
        return 1
    found = Figures()
    for blocks, replicas in scenes:
        if free_bytes() < BYTES_A_BLOCK * blocks:
            say(f"{blocks:,} blocks need {BYTES_A_BLOCK * blocks / 1e9:.0f} GB of free memory: left out")
            continue
        found |= scene(blocks, replicas)
    summary = {"name": "kv-index", "figures": found, "target": target(SCENES), "met": met(found, SCENES)}
    print(json.dumps(summary | {"seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return 0


def scene(blocks: int, replicas: int) -> Figures:
    """One size of index over one size of fleet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.npz"
        drawn = draw(blocks, replicas)
        drawn.save(path)
        say(f"{drawn.blocks:,} blocks, {len(drawn.events):,} events, {replicas} replicas")
        known = drawn.blocks
        del drawn
        with Pair(path, str(VENVS / "dynamo" / "bin" / "python")) as pair:
            loaded, found = pair.ask("load"), [pair.ask("find") for _ in range(ROUNDS)]
            if not pair.agree():
                raise SystemExit("the two sides disagree on who holds what: nothing measured here would mean anything")
            churned, overhead = pair.ask("churn"), pair.ask("overhead")
            if not pair.agree():
                raise SystemExit("the two sides disagree after evictions: nothing measured here would mean anything")
    return shown(compare(f"{blocks // 10**6}m_{replicas}", known, loaded, found, churned, overhead))


def shown(found: Figures) -> Figures:
    """Say what was found."""
    for name, value in found.items():
        say(f"  {name} {value}")
    return found


def free_bytes() -> int:
    """Memory that may be taken without anybody being pushed out."""
    told: Mapping[str, Any] = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return 1024 * int(told["MemAvailable"].split()[0])


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
