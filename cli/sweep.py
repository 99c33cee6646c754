"""`weir sweep`: any setting varied by path, over cores or machines, taken up again where it stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.chosen import Policy, Set
from cli.sent import Sent
from cli.simulated import Given
from cli.spread import spread

if TYPE_CHECKING:
    from rich.console import Console

    from sims.measure.report import Sweep
    from sims.sweep.inputs import Inputs
    from sims.sweep.paths import Axis
    from sims.sweep.study import Executor

Over = Annotated[
    list[str],
    typer.Option(metavar="PATH=V1,V2,…", help="What to vary; may be repeated. An unknown path lists all there are."),
]
Out = Annotated[
    str, typer.Option("--json", "-o", metavar="FILE|-", help="Write the result as JSON; beside a FILE runs are kept.")
]
OnWhat = Annotated[str, typer.Option("--executor", metavar="cores|ray", help="Where runs are done.")]
Address = Annotated[str, typer.Option(metavar="ADDR", help="Of the Ray cluster; a new local one when left out.")]


@spread
def sweep(
    sent: Sent,
    given: Given,
    over: Over,
    policy: Policy = "shortest_ttft",
    settings: Set = None,
    executor: OnWhat = "cores",
    address: Address = "",
    json_to: Out = "",
) -> None:
    """Simulate every combination of settings; an interrupted sweep with -o FILE resumes when it is run again."""
    from cli.chosen import checked
    from cli.output import STDOUT, console
    from cli.running import check_places, conduct
    from cli.simulated import setting, study_of, told
    from sims.sweep.journal import Journal
    from sims.sweep.study import cross

    check_places(json_to, given.html)
    screen = console(json_to)
    axes = _axes(over, given.fleet, policy)
    asked = setting(sent, given, policy, dict(checked(policy, settings or ())))
    study = study_of(given, asked, cross(axes))
    where = _executor(executor, address, asked.inputs)
    told(asked, screen, given.seeds)
    journal = Journal.beside(Path(json_to)) if json_to not in ("", STDOUT) else None
    status = conduct(study, asked.inputs, cores=given.cores, executor=where, journal=journal)
    if study.resumed:
        screen.print(f"resumed    {study.resumed} of {len(study.units)} runs were done before")
    if study.found:
        from sims.sweep.reports import sweep_report

        _publish(sweep_report(asked, study, axes), screen, json_to, given.html)
    raise typer.Exit(status)


def _axes(over: list[str], fleet: Path, policy: str) -> "list[Axis]":
    """The axes, every path known; raises `BadPoint`."""
    from cli.door import WrongUse
    from sims.sweep.paths import POLICY, axis, check, known_paths, policy_named
    from weir.fleetfile import read_fleet

    axes = [axis(each) for each in over]
    names = [policy_named(value) for each in axes if each.path == POLICY for value in each.values] or [policy]
    paths = known_paths(read_fleet(fleet), names)
    for each in axes:
        check(each.path, paths)
    if len({each.path for each in axes}) < len(axes):
        raise WrongUse("--over: name each path once, with all its values")
    return axes


def _executor(name: str, address: str, inputs: "Inputs") -> "Executor | None":
    """Where the runs are done; None for the cores of this machine."""
    from cli.door import WrongUse

    if name == "cores":
        if address:
            raise WrongUse("--address is of a Ray cluster: add --executor ray")
        return None
    if name != "ray":
        raise WrongUse(f"--executor {name}: write cores or ray")
    from sims.sweep.on_ray import OnRay, ray_or_say

    return OnRay(inputs, ray_or_say(), address)


def _publish(report: "Sweep", screen: "Console", json_to: str, html: Path | None) -> None:
    from cli.running import publish, tell_notes
    from sims.measure.rows import sweep_table

    screen.print(sweep_table(report))
    for knee in report.knees:
        of = ", ".join(f"{path} {value}" for path, value in knee.point.items()) or "knee"
        how = "" if knee.reached else " at least: no higher rate was tried"
        screen.print(f"{of}: 90 % are served in time up to {knee.rate_rps:,.2f} requests/s{how}", soft_wrap=True)
    tell_notes(report, screen)
    publish(report, json_to, html)
