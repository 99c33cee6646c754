"""Everything that the Kubernetes tests need, so far as it can be had: `python -m bench.cluster.ready`.

What is missing is said, once, and the tests that need it skip.
"""

import sys
import time
from collections.abc import Callable, Mapping

from bench.cluster.build import built
from bench.cluster.tools import tools
from bench.envoy.contestants import install
from bench.gateway.installs import InstallError

PARTS: Mapping[str, Callable[[], object]] = {
    "helm and kubectl": tools,
    "Envoy": install,
    "kube-apiserver and etcd": built,
}
"""What is installed or built, each once."""


def main() -> int:
    """Get each of them; 0 whatever could be had."""
    for name, get in PARTS.items():
        began = time.monotonic()
        try:
            found = f"{get()}"
        except (InstallError, OSError) as error:
            found = f"not to be had: {error}"
        sys.stderr.write(f"{name}: {found} ({time.monotonic() - began:.0f} s)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
