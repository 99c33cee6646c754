"""The trial: load on, faults one after another, then calm until everything is known again; the books afterwards."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from bench.chaos.asked import Talk
from bench.chaos.client import Answer, Client
from bench.chaos.fleet import Fleet, running
from bench.chaos.heard import Fate
from bench.chaos.parts import Part
from bench.chaos.recovery import Struck
from bench.chaos.schedule import Round, rounds

WARM_S = 3.0
THINK_S = 0.25  # mean, between a client's requests
STALL_S = 2.0  # of silence, after which a router lets another replica go on
SETTLE_S = 2.5  # until the workers have reported their last counts
TELL_S = 10.0
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything."""

    seconds: float = 600.0
    calm_s: float = 6.0  # before the first fault, to know how fast answers are
    clients: int = 24
    replicas: int = 4
    roles: tuple[str, ...] = ()  # of the replicas in turn; all mixed when left out
    seed: int = 1
    kinds: tuple[str, ...] = ()  # of faults; all when left out


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of it."""

    answers: list[Answer] = field(default_factory=list)
    calm: list[Answer] = field(default_factory=list)  # those before the first fault
    struck: list[Struck] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    known_s: float | None = None  # from the last fault until both routers knew every cache exactly
    left: float = 0.0  # requests that the routers still count as under way
    continued: float = 0.0  # streams that went on at another replica, as routers that live at the end counted them
    handed_over: float = 0.0  # prompts computed on one replica and decoded on another, likewise
    complaints: str = ""


async def trial(plan: Plan, told: Told) -> Report:
    """Run it; nothing is left running, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="weir-chaos-") as scratch:
        async with running(Path(scratch), plan.replicas, STALL_S, plan.roles) as fleet:
            known = await fleet.known()
            told(f"{len(fleet.replicas)} replicas, redis, pool and {len(fleet.routers)} routers; known in {known} s")
            report = Report()
            await loaded(plan, fleet, report, told)
            await asyncio.sleep(SETTLE_S)
            report.left = await fleet.left()
            report.continued = await fleet.counted("weir_continuations_total")
            report.handed_over = await fleet.counted("weir_handovers_total")
            logs = sorted(Path(scratch).glob("*.log"))  # noqa: ASYNC240 (the trial is over)
            report.complaints = "\n".join(f"{log.name}: {log.read_text(errors='replace')}" for log in logs)
            return report


async def loaded(plan: Plan, fleet: Fleet, report: Report, told: Told) -> None:
    """Everything that happens under load."""
    stop = asyncio.Event()
    clients = [asyncio.ensure_future(talk(number, plan, fleet, report, stop)) for number in range(plan.clients)]
    telling = asyncio.ensure_future(tell(report, told))
    try:
        await asyncio.sleep(WARM_S)
        warm = len(report.answers)
        await asyncio.sleep(plan.calm_s)
        report.calm = report.answers[warm:]
        await strike_all(plan, fleet, report, told)
        report.known_s = await fleet.known()
        if report.known_s is None:
            told(f"not all caches are known again: {await fleet.knowledge()}")
        stop.set()
        await asyncio.gather(*clients)
    finally:
        for task in (telling, *clients):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def talk(number: int, plan: Plan, fleet: Fleet, report: Report, stop: asyncio.Event) -> None:
    """One client: conversations one after another, each with the routers in another order."""
    random, client, count = Random(f"{plan.seed} {number}"), Client(fleet.doors), 0
    while not stop.is_set():
        first = random.randrange(len(fleet.doors))
        for asked in Talk(name=f"m{plan.seed}-{number}-{count}", random=random).turns():
            answer = await client.ask(asked, first)
            report.answers.append(answer)
            if answer.fate is not Fate.WHOLE or stop.is_set():
                break
            await asyncio.sleep(random.expovariate(1.0 / THINK_S))
        count += 1
    client.close()


async def strike_all(plan: Plan, fleet: Fleet, report: Report, told: Told) -> None:
    """Faults until the time is over, one after another."""
    parts: dict[str, Sequence[Part]] = {
        "replica": fleet.replicas, "redis": [fleet.redis], "pool": [fleet.pool], "router": fleet.routers
    }  # fmt: skip
    until = monotonic() + plan.seconds
    for each in rounds(plan.seed, {kind: len(some) for kind, some in parts.items()}, plan.kinds):
        if monotonic() > until:
            return
        begun = monotonic()
        ends = await asyncio.gather(
            *(blow.kind.strike(parts[blow.kind.part][blow.victim], blow.seconds) for blow in each.blows)
        )
        well = monotonic()
        await asyncio.sleep(each.calm_s)
        enter(report, each, begun, max(ends), well)
        told(f"{' and '.join(said(each))}; well after {well - max(ends):.2f} s")


def enter(report: Report, each: Round, begun: float, ended: float, well: float) -> None:
    """Note a round that is over."""
    kinds = tuple(blow.kind.name for blow in each.blows)
    report.struck.append(Struck(kinds=kinds, begun=begun, ended=ended, well=max(well, ended), until=monotonic()))
    for kind in kinds:
        report.faults[kind] = report.faults.get(kind, 0) + 1


def said(each: Round) -> list[str]:
    """A round in words."""
    return [f"{blow.kind.part} {blow.victim} {blow.kind.how} for {blow.seconds:.1f} s" for blow in each.blows]


async def tell(report: Report, told: Told) -> None:
    """Say now and then how it stands, and at once what went wrong."""
    shown, at = 0, 0.0
    while True:
        await asyncio.sleep(0.5)
        for answer in report.answers[shown:]:
            if answer.fate is not Fate.WHOLE:
                told(f"{answer.asked.mark} by {answer.router}, {answer.replica}: {answer.fate.value}: {answer.trouble}")
        shown = len(report.answers)
        if monotonic() - at > TELL_S:
            at = monotonic()
            told(f"{shown:,} requests, {len(report.struck)} faults")
