"""`weir replay`: a trace or workload over a fleet in virtual time, routed by one policy."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.chosen import Policy, Set
from cli.simulated import Cores, Fleet, Format, From, Html, Out, Rate, Requests, Seeds, To, Trace, Under, WarmUp

if TYPE_CHECKING:
    from rich.console import Console

    from sims.measure.report import Replay


def replay(
    trace: Trace,
    fleet: Fleet,
    policy: Policy = "shortest_ttft",
    settings: Set = None,
    seeds: Seeds = 1,
    rate: Rate = "x1",
    start_s: From = 0.0,
    end_s: To = 0.0,
    requests: Requests = 20_000,
    format_name: Format = "",
    under: Under = None,
    warmup: WarmUp = 0.1,
    cores: Cores = 0,
    json_to: Out = "",
    html: Html = None,
) -> None:
    """Simulate a fleet under a trace: latencies, goodput, cached share, dollars and joules."""
    from cli.chosen import checked
    from cli.output import console
    from cli.running import check_places, conduct
    from cli.simulated import Given, setting, study_of, told

    check_places(json_to, html)
    screen = console(json_to)
    given = Given(
        trace=trace, fleet=fleet, format_name=format_name, seeds=seeds, rate=rate, start_s=start_s, end_s=end_s,
        requests=requests, under=under or (), warmup=warmup, cores=cores,
    )  # fmt: skip
    asked = setting(given, policy, dict(checked(policy, settings or ())))
    study = study_of(given, asked, [()])
    told(asked, screen, seeds)
    status = conduct(study, asked.inputs, cores=cores)
    if study.found:
        from sims.sweep.reports import replay_report

        _publish(replay_report(asked, study), screen, json_to, html)
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
