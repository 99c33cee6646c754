"""What `weir plan` does once it knows what is asked: reads traffic, plans, and says what it found."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from cli.door import WrongUse
from cli.output import STDOUT, console
from cli.running import stoppable, write
from cli.sent import Sent

if TYPE_CHECKING:
    from rich.table import Table

    from cli.planner import Effort, Places
    from sims.arrivals import Arrivals
    from sims.plan.asked import Asked
    from sims.plan.outcome import Design, Plan


@contextmanager
def sentences() -> Iterator[None]:
    """Let what is wrong with a plan leave as wrong use does: one sentence, exit code 2."""
    from cli.door import sentence

    try:
        yield
    except ValueError as error:
        if sentence(error) is None:
            raise WrongUse(str(error)) from error
        raise


def read_traffic(sent: Sent) -> "Arrivals":
    """The arrivals to plan for; raises `BadTrace` and `WrongUse`."""
    from dataclasses import replace

    from rich.console import Console

    speed = sent.speed
    with Console(stderr=True).status(f"reading {sent.trace}"):
        _, arrivals = sent.traffic()
    if len(arrivals) < 2 or not arrivals.span_s > 0.0:
        raise WrongUse(f"{sent.trace}: {len(arrivals)} requests at one instant have no rate to plan for")
    return replace(arrivals, at=arrivals.at * (arrivals.rate_rps / speed.requests_a_second(arrivals.rate_rps)))


def planned(asked: "Asked", arrivals: "Arrivals", effort: "Effort") -> "tuple[Plan, int]":
    """The plan and the exit status: 0, or 128 and the signal that ended the search before it was done.

    Raises `WrongUse` where there is no plan, and leaves with that status where a signal came before any was found.
    """
    from policies.perf.profiles import model
    from policies.policy import routing
    from sims.engine.simulate import simulate
    from sims.plan.planner import plan
    from sims.plan.schedule import hourly_load
    from sims.plan.search import Budget
    from sims.plan.traffic import sampled
    from sims.sweep.trial import ensure_compiled

    model(asked.model)
    routing(asked.policy, dict(asked.settings))
    with stoppable() as came, sentences():
        try:
            with searching() as told:
                ensure_compiled()
                found = plan(
                    asked, sampled(arrivals, most=effort.window), simulate=simulate,
                    budget=Budget(trials=effort.trials), load=hourly_load(arrivals), told=told,
                    compressible=effort.compressible, most_gamma=effort.max_gamma, roles=True,
                )  # fmt: skip
        except KeyboardInterrupt:
            typer.echo("stopped: no fleet met the deadlines yet, nothing is written", err=True)
            raise typer.Exit(_status(came)) from None
    if found.partial:
        typer.echo("stopped: this is the cheapest fleet so far; what is written is marked partial", err=True)
    return found, _status(came) if found.partial else 0


def _status(came: list[int]) -> int:
    return 128 + (came[0] if came else signal.SIGINT)


@contextmanager
def searching() -> Iterator[Callable[[str], None]]:
    """A bar on stderr that counts what is tried; yields what hears of each fleet."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(20), TextColumn("{task.completed:.0f} fleets"), TimeElapsedColumn())
    screen = Console(stderr=True)
    bars = Progress(
        *columns, TextColumn("{task.description}"), console=screen, transient=True, disable=not screen.is_terminal
    )
    with bars:
        task = bars.add_task("sizing by the latency model", total=None)
        yield lambda said: bars.update(task, advance=1, description=said)


def publish(plan: "Plan", asked: "Asked", places: "Places") -> None:
    """Print the plan and write the files that were asked for, each whole or not at all."""
    from sims.plan.deploy import fleet_yaml, helm_yaml
    from sims.plan.outcome import as_json
    from sims.plan.page import page

    screen = console(places.json_to)
    screen.print(table(plan))
    screen.print(*told(plan), sep="\n", soft_wrap=True)
    fleet = fleet_yaml(plan, asked)
    write(places.out, fleet)
    write(places.helm, helm_yaml(plan, asked))
    write(places.html, page(plan))
    if not places.out and places.json_to != STDOUT:
        screen.print(f"\n{fleet}", soft_wrap=True, markup=False)
    write(places.json_to, json.dumps(as_json(plan), indent=2, allow_nan=False) + "\n")


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
    lines = [f"[bold red]{plan.marked}[/]"] if plan.partial else []
    runs = f"{plan.fleets_simulated} fleets, {plan.seeds_simulated} runs, {plan.wall_s:.0f} s"
    lines += [f"simulated  {plan.traffic}; {runs}"]
    lines += [f"routing    {plan.policy}{_settings(plan)}"]
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


def _settings(plan: "Plan") -> str:
    return "".join(f" --set {key}={value:g}" for key, value in plan.settings)


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
