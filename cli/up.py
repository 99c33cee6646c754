"""`weir up`: a whole fleet on one machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.chosen import Policy, Set
from cli.emulate import Chaos, Interval, Scale
from cli.options import MetricsPort, Switching

if TYPE_CHECKING:
    from cli.stack import Emulation, RouterOptions


def up(
    fleet: Annotated[Path, typer.Argument(help="The fleet file; pools without addresses are emulated.")],
    policy: Policy = "shortest_ttft",
    settings: Set = None,
    host: Annotated[str, typer.Option(help="Address the router listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port the router listens on; 0 takes a free one.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, help="The router's processes.")] = 1,
    redis: Annotated[str, typer.Option(metavar="URL", help="An external Redis; embedded when left out.")] = "",
    decisions: Annotated[Path | None, typer.Option(help="Write one JSON line per decision to this file.")] = None,
    grpc: Annotated[str, typer.Option(metavar="HOST:PORT", help="Answer Route over gRPC here.")] = "",
    metrics_port: MetricsPort = None,
    roles: Switching = "fixed",
    time_scale: Scale = 1.0,
    stream_interval: Interval = 1,
    chaos: Chaos = False,
) -> None:
    """Start emulated replicas, registry, pool service and router; stop them all on Ctrl-C."""
    from cli.chosen import checked
    from cli.interrupts import Interrupted, run
    from cli.places import free_port, writable
    from cli.served import chosen_roles
    from cli.stack import Emulation, RouterOptions

    checked(policy, settings or [])
    free_port(host, port)
    if decisions is not None:
        writable(decisions)
    more = ["--workers", str(workers), "--grpc", grpc]
    more += [] if metrics_port is None else ["--metrics-port", str(metrics_port)]
    more += ["--decisions", str(decisions)] if decisions else []
    router = RouterOptions(policy=policy, settings=settings or (), host=host, port=port, more=more)
    emulation = Emulation(time_scale=time_scale, stream_interval=stream_interval, chaos=chaos)
    try:
        run(_up(fleet, redis, emulation, router, chosen_roles(roles)))
    except Interrupted:
        typer.echo("stopped", err=True)


async def _up(path: Path, redis: str, emulation: "Emulation", router: "RouterOptions", roles: str) -> None:
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from cli.processes import Children
    from cli.selection import selecting
    from cli.stack import Stack, say_if_compiling
    from weir.fleetfile import messages, read_fleet

    fleet = read_fleet(path)
    router = replace(router, more=[*router.more, *selecting(path)])
    with TemporaryDirectory(prefix="weir-") as folder:
        async with Children(lambda name, line: typer.echo(f"{name}: {line}", err=True)) as children:
            stack = Stack(children, Path(folder), fleet)
            await stack.emulate(emulation)
            for replica in messages(stack.fleet):
                typer.echo(f"replica {replica.name}: http://{replica.address} ({replica.model} on {replica.gpu})")
            url = redis or await stack.registry()
            typer.echo(f"registry: {url}")
            await stack.watch_over(url, "--roles", roles)
            typer.echo(f"pool service: {stack.pool}")
            say_if_compiling()
            typer.echo(f"ready: {await stack.route(router)}/v1")
            await children.watch()
