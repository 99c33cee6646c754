"""What `weir plan` does once it knows what is asked: reads traffic, plans, and says what it found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.door import WrongUse
from cli.output import STDOUT, console, write_json
from cli.simulated import WORKLOAD

if TYPE_CHECKING:
    from rich.table import Table

    from sims.arrivals import Arrivals
    from sims.plan.asked import Asked
    from sims.plan.outcome import Design, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much is simulated, and whether prompts may be compressed."""

    window: int
    trials: int
    compressible: float
    most_gamma: float


@contextmanager
def sentences() -> Iterator[None]:
    """Let what is wrong with a plan leave as wrong use does: one sentence, exit code 2."""
    from sims.plan.asked import NoPlan

    try:
        yield
    except NoPlan as error:
        raise WrongUse(str(error)) from error


@contextmanager
def stopped() -> Iterator[None]:
    """Ctrl-C ends the search; half a plan is none."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped: there is no plan yet, nothing is written", err=True)
        raise typer.Exit(130) from None


def read_traffic(
    trace: str, format_name: str, rate: str, start_s: float, end_s: float, requests: int
) -> "Arrivals":  # fmt: skip
    """The arrivals to plan for; raises `BadTrace` and `WrongUse`."""
    from dataclasses import replace

    from sims.sweep.inputs import Rate
    from sims.sweep.traffic import Generated, window
    from sims.traces.reading.reader import read_columns

    speed = Rate.of(rate)
    if trace.startswith(WORKLOAD):
        arrivals = Generated(workload=trace.removeprefix(WORKLOAD), requests=requests, span_s=end_s or inf).drawn(0)
    else:
        arrivals = read_columns(Path(trace), format_name)
        if start_s or end_s:
            try:
                arrivals = window(arrivals, start_s, end_s or inf)
            except ValueError as error:
                raise WrongUse(f"{trace}: {error}: change --from or --to") from None
    if len(arrivals) < 2 or not arrivals.span_s > 0.0:
        raise WrongUse(f"{trace}: {len(arrivals)} requests at one instant have no rate to plan for")
    return replace(arrivals, at=arrivals.at * (arrivals.rate_rps / speed.requests_a_second(arrivals.rate_rps)))


def planned(asked: "Asked", arrivals: "Arrivals", wanted: Wanted) -> "Plan":
    """The plan; raises `WrongUse` where there is none."""
    from rich.console import Console

    from policies.perf.profiles import model
    from policies.policy import routing
    from sims.engine.simulate import simulate
    from sims.plan.planner import plan
    from sims.plan.schedule import hourly_load
    from sims.plan.search import Budget
    from sims.plan.traffic import sampled

    model(asked.model)
    routing(asked.policy, dict(asked.settings))
    with sentences(), stopped(), Console(stderr=True).status("sizing by the latency model") as status:
        return plan(
            asked, sampled(arrivals, most=wanted.window), simulate=simulate, budget=Budget(trials=wanted.trials),
            load=hourly_load(arrivals), told=status.update, compressible=wanted.compressible,
            most_gamma=wanted.most_gamma, roles=True,
        )  # fmt: skip


def publish(
    plan: "Plan", asked: "Asked", *, json_to: str, html: Path | None, out: Path | None, helm: Path | None
) -> None:
    """Print the plan and write the files that were asked for."""
    from sims.plan.deploy import fleet_yaml, helm_yaml, write
    from sims.plan.outcome import as_json

    screen = console(json_to)
    screen.print(table(plan))
    screen.print(*told(plan), sep="\n", soft_wrap=True)
    fleet = fleet_yaml(plan, asked)
    if out:
        write(out, fleet)
    if helm:
        write(helm, helm_yaml(plan, asked))
    if html:
        from sims.plan.page import page

        write(html, page(plan))
    if not out and json_to != STDOUT:
        screen.print(f"\n{fleet}", soft_wrap=True, markup=False)
    write_json(json_to, as_json(plan))


def table(plan: "Plan") -> "Table":
    """The designs side by side."""
    from rich.table import Table

    found = Table(title=f"{plan.model}, {plan.rate_rps:,.1f} requests a second, {plan.policy}", title_justify="left")
    for column in ("design", "fleet", "GPUs", "$ a month", "of its deadlines", "meets"):
        found.add_column(column, justify="left" if column in ("design", "fleet") else "right")
    for one in plan.designs:
        found.add_row(*_row(one), style="bold green" if one is plan.chosen else "")
    return found


def _row(one: "Design") -> list[str]:
    margins = " / ".join(f"{each:.0%}" for each in one.margins) or "–"
    meets = "not simulated" if one.parts and not one.simulated else "yes" if one.meets else "no"
    gpus, month = (str(one.gpus), f"${one.usd_per_month:,.0f}") if one.parts else ("–", "–")
    return [one.name, one.said, gpus, month, margins, meets]


def told(plan: "Plan") -> list[str]:
    """The plan in sentences."""
    runs = f"{plan.fleets_simulated} fleets, {plan.seeds_simulated} runs, {plan.wall_s:.0f} s"
    lines = [f"simulated  {plan.traffic}; {runs}"]
    lines += [f"design     {one.name}: {one.why}" for one in plan.designs if one.why]
    for name, share in plan.ideas:
        does = "saves" if share >= 0.0 else "costs"
        lines.append(f"idea       {name}: {does} {abs(share):.1%} against the best single GPU type")
    if plan.chosen.joules_per_token is not None:
        lines.append(f"energy     {plan.chosen.joules_per_token:.3f} J an output token, {plan.chosen.watts:,.0f} W")
    lines += _spares(plan)
    lines.append(f"month      ${plan.usd_per_month:,.0f} for 730 hours{_by_the_hour(plan)}")
    lines += [f"not used   {one.name}: {one.why}" for one in plan.rejected]
    return lines + [f"note       {note}" for note in plan.notes]


def _spares(plan: "Plan") -> list[str]:
    if plan.spares is None:
        return []
    each = zip(plan.spares.replicas, plan.chosen.parts, strict=True)
    return [
        f"spares     {', '.join(f'{n} × {part.kind.name}' for n, part in each)}: enough are up with probability "
        f"{plan.spares.reached:.5f}, each being up {plan.spares.replica_availability:.2%} of the time"
    ]


def _by_the_hour(plan: "Plan") -> str:
    return f"; ${plan.schedule.usd_per_month:,.0f} if it follows the hours of the day" if plan.schedule else ""
