"""`python -m sims.emulator FLEET.yaml`."""

import argparse
from pathlib import Path

from sims.emulator.run import run


def main() -> None:
    """Read the arguments and emulate."""
    parser = argparse.ArgumentParser(prog="sims.emulator", description="Emulate a fleet of vLLM replicas.")
    parser.add_argument("fleet", type=Path, help="the fleet file")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--base-port", type=int, help="count ports up from here; free ones when left out")
    parser.add_argument("--time-scale", type=float, default=1.0, help="virtual seconds per second")
    parser.add_argument("--stream-interval", type=int, default=1, help="tokens per streamed chunk, at least")
    parser.add_argument("--no-events", action="store_true", help="publish no KV events")
    parser.add_argument("--chaos", action="store_true", help="let clients POST /emulator/die")
    given = parser.parse_args()
    run(
        given.fleet,
        host=given.host,
        base_port=given.base_port,
        time_scale=given.time_scale,
        stream_interval=given.stream_interval,
        events=not given.no_events,
        chaos=given.chaos,
    )


if __name__ == "__main__":
    main()
