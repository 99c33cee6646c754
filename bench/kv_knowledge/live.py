"""The same on emulated replicas behind a real pool and a real gateway, on loopback: the trace's first minutes."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.kv_knowledge.kinds import POLICY, SETTINGS
from bench.kv_knowledge.scene import GPU, GPUS, MODEL, TPOT_S, TTFT_S, Scene, infinite_share
from cli.contest import reset_caches
from cli.processes import Children
from cli.stack import Emulation, RouterOptions, Stack
from policies.policy import routing
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate
from sims.load.record import Record
from sims.load.replay import replay
from weir.fleetfile import FleetFile, Pool, Slo

REQUESTS = 600
TIME_SCALE = 0.5  # emulated seconds in one of the wall's: the gateway's and the pool's milliseconds then hardly count
KNOWS: Mapping[str, Sequence[str]] = {"exact": (), "approximate": ("--tokens", "estimate")}
"""By kind of knowledge what the router is told: without counting tokens it cannot read events, so goes by its sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What became of the window under one kind of knowledge."""

    share: float  # cached tokens over those that one endless cache finds
    ttft_p50_s: float
    served: int
    late_p50_s: float  # emulated seconds by which the load generator was behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The window, its endless cache, and what the simulator says of it."""

    requests: int
    infinite: float
    simulated: float
    lived: Mapping[str, Lived]


def measure(scene: Scene, requests: int = REQUESTS) -> Live:
    """Play the window under every kind of knowledge."""
    window = scene.arrivals[:requests]
    columns = Arrivals.of(window)
    infinite = infinite_share(columns)
    lived = asyncio.run(_played(scene, window, infinite))
    return Live(requests=len(window), infinite=infinite, simulated=_simulated(scene, columns, infinite), lived=lived)


def _simulated(scene: Scene, columns: Arrivals, infinite: float) -> float:
    conditions = Conditions(ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S, cache_outputs=True)
    run = simulate(columns, scene.fleet, routing(POLICY, SETTINGS), conditions)
    return float(run.cached.sum() / run.prompt_tokens.sum() / infinite)


async def _played(scene: Scene, window: Sequence[Arrival], infinite: float) -> dict[str, Lived]:
    pool = Pool(name=GPU, gpu=GPU, model=MODEL, gpus_per_replica=GPUS, replicas=len(scene.fleet))
    fleet, found = FleetFile(pools=[pool], slo=Slo(ttft_s=TTFT_S, tpot_s=TPOT_S)), dict[str, Lived]()
    with TemporaryDirectory(prefix="weir-") as folder:
        async with Children(_complain) as children:
            stack = Stack(children, Path(folder), fleet)
            await stack.emulate(Emulation(time_scale=TIME_SCALE, stream_interval=64))
            await stack.watch_over(await stack.registry())
            for kind, options in KNOWS.items():
                found[kind] = _summed_up(await _turn(stack, kind, window, options), infinite)
    return found


async def _turn(stack: Stack, kind: str, window: Sequence[Arrival], options: Sequence[str]) -> list[Record]:
    """One kind's turn over empty caches."""
    await reset_caches(stack)
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    url = await stack.route(RouterOptions(policy=POLICY, settings=settings, drain_s=1.0, more=options))
    records = await replay(window, url, model=MODEL, time_scale=TIME_SCALE, run_id=kind)
    await stack.children.stop("router")
    return records


def _summed_up(records: Sequence[Record], infinite: float) -> Lived:
    done = [record for record in records if record.completed]
    if not done:
        raise RuntimeError(f"none of {len(records)} requests was answered: {records[0].error or records[0].status}")
    cached = sum(max(record.cached_tokens, 0) for record in done)
    return Lived(
        share=cached / sum(record.prompt_tokens for record in done) / infinite,
        ttft_p50_s=median(record.ttft_s for record in done if record.ttft_s is not None),
        served=len(done),
        late_p50_s=median(record.lag_s for record in done),
    )


def _complain(name: str, line: str) -> None:
    if "error" in line.lower():
        print(f"{name}: {line}", file=sys.stderr, flush=True)
