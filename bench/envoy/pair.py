"""A processor and its Envoy in one process session: `python -m bench.envoy.pair ENVOY CONFIG CONCURRENCY -- ...`."""

import os
import subprocess
import sys


def main() -> None:
    """Start the processor, then become Envoy."""
    envoy, config, concurrency, _, *command = sys.argv[1:]
    subprocess.Popen(command, stdin=subprocess.DEVNULL)
    options = ["--concurrency", concurrency, "--disable-hot-restart", "--log-level", "error"]
    os.execv(envoy, [envoy, "-c", config, *options])


if __name__ == "__main__":
    main()
