"""Folders, ports and cores of one measurement."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
CACHE = REPO / ".cache" / "bench"
LOGS = CACHE / "logs"
RUN = CACHE / "run"  # built tools, bodies and configurations
VENVS = CACHE / "venvs"

REPLICA_PORTS = (29001, 29002, 29003, 29004)
MODEL = "mock"

CLIENT_CORE = 0  # mock replicas, load client and this harness
GATEWAY_CORE = 1  # every process of the gateway being measured


def make_folders() -> None:
    """Create the cache's folders."""
    for folder in (LOGS, RUN, VENVS):
        folder.mkdir(parents=True, exist_ok=True)
