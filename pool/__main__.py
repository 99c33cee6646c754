"""`python -m pool`: the pool service from the command line."""

import argparse
import logging
import sys
from pathlib import Path

import uvloop

from policies.registry import UnknownName
from pool.app import run
from pool.discovery.static import BadFleet
from pool.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run the service; 2 when it cannot start as asked."""
    options = vars(_parser().parse_args(arguments))
    fleet = options.pop("fleet")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        uvloop.run(run(Settings(**options), fleet))
    except (BadFleet, UnknownName, OSError, ValueError) as error:
        sys.stderr.write(f"weir pool: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m pool", description="The service that knows the fleet.")
    parser.add_argument("--fleet", type=Path, help="the fleet file")
    parser.add_argument("--watch-resources", action="store_true", help="take in Fleet, Pool and RoutePolicy resources")
    parser.add_argument("--listen", default=default.listen, help="gRPC, host:port (default %(default)s)")
    parser.add_argument("--redis", help="URL of the registry; memory alone when left out")
    parser.add_argument("--metrics", dest="metrics_port", type=int, metavar="PORT", help="Prometheus; 0 a free one")
    parser.add_argument("--scrape-interval", dest="scrape_interval_s", type=float, default=default.scrape_interval_s)
    parser.add_argument("--kv-source", default=default.kv_source, help="decoder of KV events (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
