"""`weir demo`: routing policies compared on this machine, in minutes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.emulate import Interval
from cli.output import Json
from cli.trace import Fields

if TYPE_CHECKING:
    from rich.console import Console

    from cli.plan import Plan

EXAMPLE = Path(__file__).parent.parent / "examples" / "demo-fleet.yaml"
POLICIES = "random,least_loaded,prefix_affinity,shortest_ttft"


def demo(
    policies: Annotated[str, typer.Option(metavar="A,B,…", help="Routing policies to compare.")] = POLICIES,
    trace: Annotated[Path | None, typer.Option(help="Replay this trace; else Azure's statistics are drawn.")] = None,
    format_name: Annotated[str, typer.Option("--format", help="The trace's format; else found by its columns.")] = "",
    fields: Fields = None,
    rate: Annotated[float | None, typer.Option(help="Requests a second; else 80 % of the fleet's capacity.")] = None,
    time_scale: Annotated[float, typer.Option(min=0.01, help="Emulated seconds that pass in one second.")] = 5.0,
    seconds: Annotated[float, typer.Option(min=1.0, help="Seconds in which each policy gets its requests.")] = 20.0,
    fleet: Annotated[
        Path, typer.Option(help="The fleet to emulate.", show_default="examples/demo-fleet.yaml")
    ] = EXAMPLE,
    seed: Annotated[int, typer.Option(min=0, help="Of the requests drawn.")] = 1,
    redis: Annotated[str, typer.Option(metavar="URL", help="An external Redis; embedded when left out.")] = "",
    stream_interval: Interval = 16,
    json_to: Json = "",
) -> None:
    """Emulate a mixed fleet, send every policy the same requests, and compare them in one table."""
    from cli.interrupts import Interrupted, run
    from cli.output import console, write_json
    from cli.plan import made
    from cli.traffic import Source

    screen = console(json_to)
    plan = made(
        fleet_path=fleet,
        policies=[name.strip() for name in policies.split(",")],
        source=Source(trace=trace, format_name=format_name, fields=tuple(fields or ()), seed=seed),
        rate_rps=rate,
        time_scale=time_scale,
        span_s=seconds * time_scale,
    )
    screen.print(*plan.told(), sep="\n", soft_wrap=True)
    try:
        result = run(_compare(plan, redis, stream_interval, screen))
    except Interrupted as interrupted:
        typer.echo(f"{interrupted}; nothing is left running", err=True)
        raise typer.Exit(interrupted.exit_code) from None
    write_json(json_to, result)


async def _compare(plan: "Plan", redis: str, stream_interval: int, screen: "Console") -> dict[str, Any]:
    """Start the fleet, let every policy have its turn, print what came of it."""
    from tempfile import TemporaryDirectory

    from cli.complaints import Complaints
    from cli.contest import contest
    from cli.live import Live
    from cli.processes import Children
    from cli.stack import Emulation, Stack, say_if_compiling
    from cli.verdict import verdict

    say_if_compiling()
    complaints = Complaints()
    with TemporaryDirectory(prefix="weir-") as folder:
        async with Children(complaints.hear) as children:
            stack = Stack(children, Path(folder), plan.fleet)
            await stack.emulate(Emulation(time_scale=plan.time_scale, stream_interval=stream_interval))
            await stack.watch_over(redis or await stack.registry())
            with Live(screen) as live:
                turns = await contest(stack, plan.policies, plan.arrivals, plan.time_scale, live)
    complaints.tell()
    return verdict(plan, turns, screen)
