"""`weir router`: the gateway."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.chosen import Policy, Set

if TYPE_CHECKING:
    from weir.fleetfile import Slo


def router(
    fleet: Annotated[Path | None, typer.Option(help="A fleet file whose pools give addresses.")] = None,
    pool: Annotated[str, typer.Option(metavar="HOST:PORT", help="A pool service to hear of the fleet from.")] = "",
    policy: Policy = "shortest_ttft",
    settings: Set = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
    decisions: Annotated[Path | None, typer.Option(help="Write one JSON line per decision to this file.")] = None,
    grpc: Annotated[str, typer.Option(metavar="HOST:PORT", help="Answer Route over gRPC here.")] = "",
    metrics_port: Annotated[int, typer.Option(help="Serve /metrics on this port; 0 does not.")] = 0,
    ttft_slo: Annotated[float | None, typer.Option(help="Seconds to the first token; else the fleet file's.")] = None,
    tpot_slo: Annotated[float | None, typer.Option(help="Seconds per token after it; else the fleet file's.")] = None,
    tokens: Annotated[
        str, typer.Option(help="Count tokens: `auto` where that tells something, `always`, or `estimate`: never.")
    ] = "auto",
    drain: Annotated[float, typer.Option(min=0.0, help="Seconds that open requests get when it stops.")] = 30.0,
    name: Annotated[str, typer.Option(help="What the pool service calls this router.")] = "router",
    rules: Annotated[
        Path | None, typer.Option(help="Rules that choose a model for requests to `auto`; else the fleet file's.")
    ] = None,
    heads: Annotated[Path | None, typer.Option(help="Folder of trained heads that rules read; else packaged.")] = None,
    redis: Annotated[
        str, typer.Option(metavar="URL", envvar="WEIR_REDIS", help="Share load and sessions with other routers there.")
    ] = "",
) -> None:
    """Route OpenAI requests over a fleet."""
    from cli.chosen import checked
    from cli.door import WrongUse
    from cli.places import free_port, split, url
    from cli.selection import selection
    from router.front import FrontSettings, run
    from router.settings import Settings

    if (fleet is None) == (not pool):
        raise WrongUse("give either --fleet FILE or --pool HOST:PORT")
    if tokens not in ("auto", "always", "estimate"):
        raise WrongUse(f"--tokens {tokens}: write auto, always or estimate")
    slo = _slo(fleet)
    chosen = selection(fleet, rules, heads)
    for address in filter(None, (pool, grpc)):
        split(address)
    ours = Settings(
        policy=policy,
        policy_settings=checked(policy, settings or []),
        host=host,
        port=free_port(host, port),
        workers=workers,
        ttft_slo_s=ttft_slo or slo.ttft_s,
        tpot_slo_s=tpot_slo or slo.tpot_s,
        drain_s=drain,
        tokens=tokens,
        decisions=str(decisions or ""),
        classifier_deadline_s=chosen.deadline_s if chosen else 0.05,
    )
    front = FrontSettings(
        router=ours, fleet=fleet, pool=pool, grpc=grpc, metrics_port=metrics_port, name=name, redis=redis,
        rules=Path(chosen.rules) if chosen else None, heads=(chosen.heads or "") if chosen else "",
    )  # fmt: skip
    run(front, lambda: typer.echo(f"weir router ready on {url(host, ours.port)}"))


def _slo(fleet: Path | None) -> "Slo":
    """The fleet file's deadlines; raises what is wrong with the file, and `NotServed` for a pool without addresses."""
    from cli.served import refuse_without_addresses
    from weir.codec import latency
    from weir.fleetfile import Slo, messages, read_fleet

    if fleet is None:
        return Slo()
    found = read_fleet(fleet)
    refuse_without_addresses(fleet, found)
    for replica in messages(found):
        latency(replica)
    return found.slo
