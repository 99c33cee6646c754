"""The policy on a fleet that runs: emulated replicas, registry, pool service and router, each a process of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.roles.traffic import Phase, tenants, together
from cli.processes import Children
from cli.stack import Emulation, RouterOptions, Stack
from sims.arrivals import Arrivals
from sims.load.record import Record
from sims.load.replay import replay
from sims.report import summarise
from weir.fleetfile import FleetFile

MODEL = "llama-3.1-8b"
SLO = (1.0, 0.05)  # seconds to the first token, and per token after it
RATES: Mapping[str, float] = {"code": 2.5, "conv": 9.0}  # requests a second
LIVE_S, REPLICAS = 50.0, 4  # of each kind
SWITCHED = " turns from "
"""What the pool service's line of a switch has."""


@dataclass(slots=True, kw_only=True)
class Acted:
    """What came of traffic over a fleet whose roles are switched."""

    requests: int = 0
    lost: int = 0  # requests without their whole answer
    in_time: float = 0.0  # share that kept both deadlines
    switches: list[str] = field(default_factory=list)  # the pool service's own words

    def figures(self) -> dict[str, float]:
        """Flat figures of the claim."""
        return {
            "live_requests": self.requests,
            "live_lost": self.lost,
            "live_in_time_share": round(self.in_time, 4),
            "live_switches": len(self.switches),
        }


def fleet(replicas: int) -> FleetFile:
    """Replicas alike, emulated, all mixed."""
    pool = {"name": "chat", "model": MODEL, "gpu": "l40s", "replicas": replicas}
    return FleetFile.model_validate({"pools": [pool], "slo": {"ttft_s": SLO[0], "tpot_s": SLO[1]}})


def alternating(traces: Mapping[str, Arrivals], rates: Mapping[str, float], phase_s: float) -> Arrivals:
    """One phase of each kind, one after the other."""
    return together([
        Phase(kind=kind, start=i * phase_s, arrivals=tenants(traces[kind], rate, phase_s, [i]))
        for i, (kind, rate) in enumerate(rates.items())
    ])  # fmt: skip


async def acted(traffic: Arrivals, replicas: int, told: Callable[[str], None]) -> Acted:
    """Serve traffic over such a fleet in real time while its roles are switched; raises `Died` where a service ends."""
    found = Acted()

    def heard(name: str, line: str) -> None:
        if SWITCHED in line:
            found.switches.append(line.partition("pool.roles: ")[2])
            told(found.switches[-1])

    with TemporaryDirectory(prefix="weir-roles-") as folder:
        async with Children(heard) as children:
            stack = Stack(children, Path(folder), fleet(replicas))
            await stack.emulate(Emulation(stream_interval=4))
            await stack.watch_over(await stack.registry(), "--roles", "switched")
            url = await stack.route(RouterOptions())
            told(f"{len(traffic):,} requests over {replicas} emulated replicas, {traffic.at[-1]:.0f} s")
            records = await replay(traffic, url, model=MODEL)
    return counted(found, records)


def counted(found: Acted, records: Sequence[Record]) -> Acted:
    """The same with what clients saw."""
    summary = summarise(records, usd_per_hour=0.0, slo=SLO)
    found.requests, found.lost = len(records), len(records) - summary.completed
    found.in_time = summary.goodput_share
    return found
