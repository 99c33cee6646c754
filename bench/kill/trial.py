"""The trial itself: herd, pool and router up, streams through them, death meanwhile, the books afterwards."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.kill.client import Client, expected_text
from bench.kill.herd import MODELS, Herd, make_herd
from bench.kill.killer import Killer, Toll
from bench.kill.tally import Left, Tally, left
from cli.places import free_port
from cli.processes import Children
from cli.stack import RouterOptions, Stack
from policies.perf.profiles import model as profile
from weir.fleetfile import read_fleet

SETTLE_S = 2.5  # until the workers have reported their last counts
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything."""

    requests: int = 10_000
    streams: int = 64  # open at a time
    processes: int = 4
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it."""

    tally: Tally
    toll: Toll
    left: Left


async def trial(plan: Plan, told: Told) -> Report:
    """Run it; nothing is left running, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="weir-kill-") as scratch, herded(Path(scratch), plan.processes) as herd:
        told(f"{plan.processes} processes with a replica of {' and '.join(MODELS)} each")
        async with Children(lambda name, line: None) as children:
            stack = Stack(children, Path(scratch), read_fleet(herd.fleet))
            await stack.watch_over(await stack.registry())
            metrics = free_port("127.0.0.1", 0)
            url = await stack.route(RouterOptions(drain_s=1.0, more=("--metrics-port", str(metrics))))
            host, _, port = url.removeprefix("http://").rpartition(":")
            tally, toll = await under_fire(plan, herd, (host, int(port)), told)
            await asyncio.sleep(SETTLE_S)
            children.check()
            return Report(tally=tally, toll=toll, left=await asyncio.to_thread(left, metrics))


@contextmanager
def herded(folder: Path, size: int) -> Iterator[Herd]:
    """A herd that listens, and is gone afterwards."""
    herd = make_herd(folder, size)
    try:
        herd.start()
        yield herd
    finally:
        herd.stop()


async def under_fire(plan: Plan, herd: Herd, router: tuple[str, int], told: Told) -> tuple[Tally, Toll]:
    """All requests, while the killer is about."""
    tally, stop = Tally(), asyncio.Event()
    numbers = iter(range(plan.requests))
    killer = Killer(herd, Random(plan.seed), told)
    killing = asyncio.ensure_future(killer.run(stop))
    telling = asyncio.ensure_future(tell(tally, killer.toll, plan.requests, told))
    try:
        await asyncio.gather(*(stream(numbers, router, tally) for _ in range(plan.streams)))
    finally:
        telling.cancel()
        stop.set()
        await killing
    return tally, killer.toll


async def stream(numbers: Iterator[int], router: tuple[str, int], tally: Tally) -> None:
    """One client: its requests one after another."""
    client, models = Client(*router), list(MODELS)
    for number in numbers:
        model, identity = models[number % len(models)], f"kill-{number}"
        sheet = profile(model)
        heard = await client.ask(identity, model, f"Tell me of case {number} and of {number * 7919 % 10007}.")
        tally.add(heard, heard.fate(expected_text(identity, sheet.tokenizer, sheet.template)))
    client.close()


async def tell(tally: Tally, toll: Toll, of: int, told: Told) -> None:
    """Say every few seconds how it stands."""
    while True:
        await asyncio.sleep(5.0)
        fates = ", ".join(f"{count} {fate.value}" for fate, count in tally.fates.items())
        told(f"{tally.total:,} of {of:,}: {fates}; {toll.kills} kills")
