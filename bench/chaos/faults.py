"""The faults: what each does to a part, and what it takes until the part is well again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from bench.chaos.parts import Part, Router

Strike = Callable[[Part, float], Awaitable[float]]
"""Does it to a part for so many seconds; returns the loop's time at which the fault ended."""


async def killed(part: Part, seconds: float) -> float:
    """SIGKILL; another process is started in its place after that time."""
    part.kill()
    for link in part.links:
        if part.is_reached(link):
            link.cut()
    return await _again(part, seconds)


async def worker_killed(part: Part, seconds: float) -> float:
    """SIGKILL of a router's worker: its front starts another one at once."""
    cast("Router", part).kill_worker()
    ended = asyncio.get_running_loop().time()
    await part.ready()
    return ended


async def front_killed(part: Part, seconds: float) -> float:
    """SIGKILL of a router's front; its worker finishes what it has while another router starts in its place."""
    router = cast("Router", part)
    router.kill_front()
    await router.vacant()
    return await _again(part, seconds)


async def stopped(part: Part, seconds: float) -> float:
    """SIGTERM; it finishes what it has while another router starts in its place."""
    router = cast("Router", part)
    router.stop()
    await router.vacant()
    return await _again(part, seconds)


async def paused(part: Part, seconds: float) -> float:
    """SIGSTOP: its connections stand, nothing answers. Then SIGCONT."""
    pids = part.pids
    part.pause(True, pids)
    await asyncio.sleep(seconds)
    part.pause(False, pids)
    return asyncio.get_running_loop().time()


async def cut(part: Part, seconds: float) -> float:
    """Every connection to it is reset and none is taken."""
    for link in part.links:
        link.cut()
    await asyncio.sleep(seconds)
    for link in part.links:
        await link.open()
    return asyncio.get_running_loop().time()


async def silent(part: Part, seconds: float) -> float:
    """Nothing passes to or from it, and nobody is told."""
    return await _held(part, seconds, b"")


async def half_silent(part: Part, seconds: float) -> float:
    """No request passes, but whoever asks whether it is well hears that it is."""
    return await _held(part, seconds, b"POST")


async def _held(part: Part, seconds: float, only: bytes) -> float:
    for link in part.links:
        link.hold(only)
    await asyncio.sleep(seconds)
    for link in part.links:
        link.release()
    return asyncio.get_running_loop().time()


async def _again(part: Part, seconds: float) -> float:
    await asyncio.sleep(seconds)
    part.start()
    ended = asyncio.get_running_loop().time()
    await part.ready()
    return ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault: what is done to which parts, and for how long."""

    part: str
    how: str
    strike: Strike
    seconds: tuple[float, float]

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"{self.part} {self.how}"


AWAY, SHORT, LONG = (0.1, 2.0), (0.3, 1.5), (0.5, 6.0)
KINDS = (
    Kind(part="replica", how="killed", strike=killed, seconds=AWAY),
    Kind(part="replica", how="paused", strike=paused, seconds=LONG),
    Kind(part="replica", how="cut off", strike=cut, seconds=LONG),
    Kind(part="replica", how="silent", strike=silent, seconds=LONG),
    Kind(part="replica", how="half silent", strike=half_silent, seconds=LONG),
    Kind(part="redis", how="killed", strike=killed, seconds=AWAY),
    Kind(part="redis", how="paused", strike=paused, seconds=LONG),
    Kind(part="redis", how="cut off", strike=cut, seconds=LONG),
    Kind(part="redis", how="silent", strike=silent, seconds=LONG),
    Kind(part="pool", how="killed", strike=killed, seconds=AWAY),
    Kind(part="pool", how="paused", strike=paused, seconds=LONG),
    Kind(part="pool", how="cut off", strike=cut, seconds=LONG),
    Kind(part="pool", how="silent", strike=silent, seconds=LONG),
    Kind(part="router", how="killed", strike=killed, seconds=AWAY),
    Kind(part="router", how="worker killed", strike=worker_killed, seconds=AWAY),
    Kind(part="router", how="front killed", strike=front_killed, seconds=AWAY),
    Kind(part="router", how="stopped", strike=stopped, seconds=AWAY),
    Kind(part="router", how="paused", strike=paused, seconds=SHORT),
    Kind(part="router", how="cut off", strike=cut, seconds=LONG),
    Kind(part="router", how="silent", strike=silent, seconds=LONG),
)
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
