"""Policies compared: each in turn routes the same requests over the same fleet, its caches emptied before."""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from cli.kin import Processor, processor
from cli.live import Live
from cli.stack import RouterOptions, Stack
from sims.arrival import Arrival
from sims.load.record import Record
from sims.load.replay import replay

RESET_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one policy did."""

    policy: str
    records: list[Record]
    wall_s: float
    cores: dict[str, float]  # processors used on average, by process
    waits: dict[str, float]  # share of the time that each waited for a processor


async def contest(
    stack: Stack, policies: Sequence[str], arrivals: Sequence[Arrival], time_scale: float, live: Live
) -> list[Turn]:
    """Every policy's turn, in order; raises `Died` when a process ends meanwhile."""
    return [await _watched(stack, _turn(stack, policy, arrivals, time_scale, live)) for policy in policies]


async def _watched(stack: Stack, turn: Coroutine[Any, Any, Turn]) -> Turn:
    """The turn, unless a child dies first."""
    playing, watching = asyncio.ensure_future(turn), asyncio.ensure_future(stack.children.watch())
    try:
        await asyncio.wait([playing, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        return await playing
    finally:
        for task in (playing, watching):
            task.cancel()
        await asyncio.gather(playing, watching, return_exceptions=True)


async def _turn(stack: Stack, policy: str, arrivals: Sequence[Arrival], time_scale: float, live: Live) -> Turn:
    live.begin(policy, len(arrivals))
    await reset_caches(stack)
    url = await stack.route(RouterOptions(policy=policy, drain_s=1.0))
    before, began = processors(stack), asyncio.get_running_loop().time()
    records = await replay(
        arrivals,
        url,
        model=stack.fleet.pools[0].serves,
        time_scale=time_scale,
        run_id=policy,
        on_progress=live.progress,
        on_record=live.record,
    )
    wall_s, after = asyncio.get_running_loop().time() - began, processors(stack)
    await stack.children.stop("router")
    return Turn(
        policy=policy,
        records=records,
        wall_s=wall_s,
        cores={name: (after[name].used_s - before[name].used_s) / wall_s for name in before},
        waits={name: (after[name].waited_s - before[name].waited_s) / wall_s for name in before},
    )


def processors(stack: Stack) -> dict[str, Processor]:
    """Processor time so far: the children's, and our own as the load generator."""
    return {**stack.children.processor(), "load generator": processor(os.getpid(), alone=True)}


async def reset_caches(stack: Stack) -> None:
    """Empty the prefix cache of every replica that we emulate."""
    addresses = [address for pool in stack.fleet.pools for address in pool.addresses]
    await asyncio.gather(*map(_reset, addresses))


async def _reset(address: str) -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(RESET_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"POST /reset_prefix_cache HTTP/1.1\r\nHost: %b\r\nContent-Length: 0\r\n" % address.encode())
            writer.write(b"Connection: close\r\n\r\n")
            status = (await reader.readline()).split()
            if status[1:2] != [b"200"]:
                raise ConnectionError(f"{address} did not empty its cache: {status}")
        finally:
            writer.close()
