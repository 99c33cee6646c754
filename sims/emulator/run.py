"""Emulate a fleet file from the command line, until told to stop."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import uvloop

from sims.emulator.fleet import emulated
from sims.emulator.host import Listening
from sims.emulator.replica import EmulatedReplica
from sims.emulator.serve import serve
from weir.fleetfile import read_fleet
from weir.stopping import told_to_stop


def run(
    fleet_path: Path,
    *,
    host: str = "127.0.0.1",
    base_port: int | None = None,
    time_scale: float = 1.0,
    stream_interval: int = 1,
    events: bool = True,
    chaos: bool = False,
    recomputes: bool = False,
) -> None:
    """Emulate every replica of the fleet file; returns on SIGTERM or SIGINT. With `recomputes` a prompt that cannot be
    fetched from another process's replica is computed again.

    Prints one JSON line per replica, {name, address, events, replay}, once all of them listen. Raises what reading
    the file raises, and OSError for a taken port.
    """
    replicas = [
        replace(each, recomputes=recomputes) for each in emulated(read_fleet(fleet_path), host, base_port, events)
    ]
    uvloop.run(_until_signalled(replicas, time_scale, stream_interval, chaos))


async def _until_signalled(
    replicas: Sequence[EmulatedReplica], time_scale: float, stream_interval: int, chaos: bool
) -> None:
    serving = asyncio.ensure_future(
        serve(replicas, time_scale=time_scale, stream_interval=stream_interval, ready=announce, chaos=chaos)
    )
    with told_to_stop(serving.cancel), suppress(asyncio.CancelledError):
        await serving


def announce(listening: Sequence[Listening]) -> None:
    """Print where every replica listens, a JSON line each."""
    for each in listening:
        sys.stdout.write(msgspec.json.encode(asdict(each)).decode() + "\n")
    sys.stdout.flush()
