"""Weir's own start line."""

import sys
import tomllib
from pathlib import Path

from bench.gateway.installs import InstallError
from bench.gateway.peers import Peer
from bench.gateway.places import MODEL, REPLICA_PORTS, REPO, RUN

NAME = "weir"
PORT = 28100


def peer() -> Peer:
    """Weir's gateway from this checkout, with the interpreter that runs this harness."""
    return Peer(
        name=NAME,
        port=PORT,
        install=version,
        command=lambda: command(write_fleet(), PORT),
        env={"PYTHONPATH": f"{REPO}:{REPO / 'proto'}"},
    )


def command(fleet: Path, port: int) -> tuple[str, ...]:
    """One worker that picks the replica with the least predicted TTFT."""
    options = ("--fleet", str(fleet), "--policy", "shortest_ttft", "--host", "127.0.0.1", "--port", str(port))
    return (sys.executable, "-m", "cli.main", "router", *options, "--workers", "1")


def write_fleet() -> Path:
    """The mock replicas as one pool, by address."""
    addresses = ", ".join(f'"127.0.0.1:{port}"' for port in REPLICA_PORTS)
    path = RUN / "weir-fleet.yaml"
    path.write_text(f"""\
pools:
  - name: mock
    gpu: h100-sxm
    model: llama-3.1-8b
    served_name: {MODEL}
    addresses: [{addresses}]
""")
    return path


def version() -> str:
    """The checkout's version; nothing is installed."""
    if not (REPO / "cli" / "main.py").exists():
        raise InstallError("cli/main.py does not exist in this checkout yet")
    return str(tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["version"])
