"""`weir emulate`: replicas without GPUs."""

from pathlib import Path
from typing import Annotated

import typer

Scale = Annotated[float, typer.Option(min=0.01, help="Emulated seconds that pass in one second.")]
Interval = Annotated[int, typer.Option(min=1, help="Tokens per streamed chunk, at least.")]
Chaos = Annotated[bool, typer.Option("--chaos", help="Let clients kill replicas: POST /emulator/die.")]


def emulate(
    fleet: Annotated[Path, typer.Argument(help="The fleet file.")],
    host: Annotated[str, typer.Option(help="Address to listen on, for pools that give none.")] = "127.0.0.1",
    base_port: Annotated[int | None, typer.Option(help="Count ports up from here; free ones when left out.")] = None,
    time_scale: Scale = 1.0,
    stream_interval: Interval = 1,
    chaos: Chaos = False,
) -> None:
    """Serve a fleet file's replicas from their latency models; prints where each listens, a JSON line each."""
    from sims.emulator.run import run

    run(fleet, host=host, base_port=base_port, time_scale=time_scale, stream_interval=stream_interval, chaos=chaos)
