"""A fleet of emulated replicas in one process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sims.emulator.clock import Clock
from sims.emulator.handover import Wire
from sims.emulator.host import Host, Listening
from sims.emulator.replica import EmulatedReplica

Ready = Callable[[list[Listening]], None]


@asynccontextmanager
async def serving(
    replicas: Sequence[EmulatedReplica], *, time_scale: float = 1.0, stream_interval: int = 1, chaos: bool = False
) -> AsyncIterator[list[Listening]]:
    """Replicas that are up inside the block; virtual time runs `time_scale` times as fast as the wall's."""
    clock = Clock(asyncio.get_running_loop(), time_scale)
    wire = Wire()
    hosts = [Host(spec, clock, stream_interval, chaos, wire) for spec in replicas]
    try:
        yield [await host.start() for host in hosts]
    finally:
        for host in hosts:
            host.stop()
        await asyncio.sleep(0)  # aborted connections close in the loop's next turn


async def serve(
    replicas: Sequence[EmulatedReplica],
    *,
    time_scale: float = 1.0,
    stream_interval: int = 1,
    ready: Ready | None = None,
    chaos: bool = False,
) -> None:
    """Serve until cancelled; `ready` is told where once every replica listens. Raises OSError for a taken port."""
    up = serving(replicas, time_scale=time_scale, stream_interval=stream_interval, chaos=chaos)
    async with up as listening:
        if ready is not None:
            ready(listening)
        await asyncio.get_running_loop().create_future()
