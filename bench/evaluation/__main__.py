"""All claims of signals, heads and model choice: `python -m bench.evaluation [--data DIR] [NAME…]` (`make eval`).

Each is measured as `make show` does, by a process of its own; one that cannot be measured stops no other. Over the
open rows docs/evaluation.md and the pictures are written anew; figures of another folder are told only.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import show
from bench.evaluation.page import SLUGS, write

PICTURE = Path("docs") / "pictures" / "online.svg"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all were measured, whatever came out; 1 when one could not be; 2 when asked for nonsense."""
    parser = argparse.ArgumentParser(prog="python -m bench.evaluation", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(SLUGS)} (default: all)")
    parser.add_argument("--data", type=Path, default=show.DATA, help="folder of data (default ../shared/data)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in SLUGS]
    if unknown:
        return show.wrong(f"{unknown[0]!r} is none of {', '.join(SLUGS)}")
    if not options.data.is_dir():
        return show.wrong(f"the data folder {options.data} does not exist: name one with --data (make: DATA=folder)")
    names, data = options.names or list(SLUGS), options.data.resolve()
    failed = [name for name in names if show.measure(name, data)]
    if show.recorded(data) and "online" in names:
        failed += ["the picture of online"] if draw(data) else []
    if show.recorded(data):
        write()
    for name in failed:
        print(f"{name} could not be measured", file=sys.stderr)
    return 1 if failed else 0


def draw(data: Path) -> int:
    """The stream's picture; the other two are drawn as they are measured."""
    command = [sys.executable, "-m", "bench.online.picture", "--data", str(data), "--out", str(PICTURE)]
    return subprocess.run(command, cwd=show.ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
