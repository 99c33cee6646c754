"""`weir replay`: a trace or workload over a fleet in virtual time, routed by one policy."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.chosen import Policy, Set
from cli.judging import Judges
from cli.output import Json
from cli.sent import Sent
from cli.simulated import Given
from cli.spread import spread

if TYPE_CHECKING:
    from rich.console import Console

    from sims.measure.report import Replay


@spread
def replay(
    sent: Sent,
    given: Given,
    judges: Judges,
    policy: Policy = "shortest_ttft",
    settings: Set = None,
    json_to: Json = "",
) -> None:
    """Simulate a fleet under a trace: latencies, goodput, cached share, dollars, joules, and with --quality answers."""
    from cli.chosen import checked
    from cli.output import console
    from cli.running import check_places, conduct
    from cli.simulated import setting, study_of, told

    check_places(json_to, given.html)
    screen = console(json_to)
    asked = setting(sent, given, policy, dict(checked(policy, settings or ())), judges)
    study = study_of(given, asked, [judges.point()])
    told(asked, screen, given.seeds)
    status = conduct(study, asked.inputs, cores=given.cores)
    if study.found:
        from sims.sweep.reports import replay_report

        _publish(replay_report(asked, study), screen, json_to, given.html)
    raise typer.Exit(status)


def _publish(report: "Replay", screen: "Console", json_to: str, html: Path | None) -> None:
    from cli.running import publish, tell_notes
    from sims.measure.rows import table

    screen.print(table({report.policy: report}, f"{report.trace.name}, {report.rate} ({report.offered_rps:,.2f}/s)"))
    if report.unstable:
        screen.print("[bold red]unstable[/]: the queue grew without end; percentiles count what was never served")
    tell_notes(report, screen)
    for line in _pools(report):
        screen.print(line, soft_wrap=True)
    publish(report, json_to, html)


def _pools(report: "Replay") -> list[str]:
    """A line a pool, where there are several."""
    if len(report.pools) < 2:
        return []
    from sims.measure.rows import number

    return [
        f"{pool.name}: {pool.share:.1%} of requests, TTFT p90 {number(1e3 * pool.ttft_s.p90, 0)} ms, "
        f"computing {number(100.0 * pool.utilisation, 0)} % of the time, ${pool.cost_usd:,.2f}"
        for pool in report.pools
    ]
