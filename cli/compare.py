"""`weir compare`: the same requests, draws and fleet under several routing policies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.judging import Judges
from cli.output import Json
from cli.sent import Sent
from cli.simulated import Given
from cli.spread import spread

if TYPE_CHECKING:
    from rich.console import Console

    from sims.measure.report import Compare
    from sims.sweep.paths import Axis

POLICIES = "shortest_ttft,least_loaded,prefix_affinity,random"
Policies = Annotated[
    str, typer.Option(metavar="A,B,…|all|peers", help="Routing policies; the first is what others are paired with.")
]
OURS = "shortest_ttft"


@spread
def compare(
    sent: Sent,
    given: Given,
    judges: Judges,
    policies: Policies = POLICIES,
    json_to: Json = "",
) -> None:
    """Simulate a fleet under one trace with several policies, seed by seed the same requests.

    With --quality who chooses the model is compared too: every chooser with every policy, the first one alone unless
    policies are named.
    """
    from cli.output import console
    from cli.running import check_places, conduct
    from cli.simulated import setting, study_of, told
    from sims.sweep.study import cross

    check_places(json_to, given.html)
    judged = bool(judges.quality)
    names, screen = named(OURS if judged and policies == POLICIES else policies), console(json_to)
    asked = setting(sent, given, names[0], {}, judges)
    study = study_of(given, asked, cross(_axes(names, judges.named(asked.inputs.fleet) if judged else [])))
    told(asked, screen, given.seeds)
    status = conduct(study, asked.inputs, cores=given.cores)
    if study.found:
        from sims.sweep.reports import compare_report

        _publish(compare_report(asked, study), screen, json_to, given.html)
    raise typer.Exit(status)


def _axes(policies: list[str], choosers: list[str]) -> "list[Axis]":
    """What is compared: policies, and choosers of models where there are any; one policy goes without saying then."""
    from sims.select.judging import CHOOSER
    from sims.sweep.paths import POLICY, Axis

    routing = [Axis(path=POLICY, values=tuple(policies))] if len(policies) > 1 or not choosers else []
    return [*([Axis(path=CHOOSER, values=tuple(choosers))] if choosers else []), *routing]


def named(policies: str) -> list[str]:
    """The policies of A,B,... or of `all` or `peers` (ours first, to compare them with); raises `UnknownName`."""
    from cli.door import WrongUse
    from policies.policy import ROUTES, routing_names

    names: list[str] = []
    for each in (name.strip() for name in policies.split(",") if name.strip()):
        several = each in ("all", "peers")
        found = routing_names(peers=True if each == "peers" else None) if several else [each]
        names += [OURS, *(name for name in found if name != OURS)] if several and not names else found
    for name in names:
        ROUTES[name]
    if not names or len(set(names)) < len(names):
        raise WrongUse(f"--policies {policies}: name each policy once, or say all or peers")
    return names


def _publish(report: "Compare", screen: "Console", json_to: str, html: Path | None) -> None:
    from cli.running import publish, tell_notes
    from sims.measure.rows import table

    screen.print(table(report.policies, f"{report.trace.name}, {report.rate}; * best, or within 1 % of it"))
    screen.print(*report.sentences, sep="\n", soft_wrap=True)
    tell_notes(report, screen)
    publish(report, json_to, html)
