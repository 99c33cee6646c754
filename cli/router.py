"""`weir router`: the gateway."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.chosen import Policy, Set
from cli.options import MetricsPort, Options

if TYPE_CHECKING:
    from router.front import FrontSettings
    from weir.v1 import fleet_pb2

Replies = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of replies that Envoy is asked to show.")]
Tokens = Annotated[
    str, typer.Option(help="Count tokens: `auto` where that tells something, `always`, or `estimate`: never.")
]
Stall = Annotated[
    float, typer.Option(min=0.0, help="Seconds of silence after which a stream goes on elsewhere; 0: never.")
]
Tell = Annotated[
    str, typer.Option(metavar="HOST:PORT,...", help="Every address of these names is a pool service to tell of demand; "
                      "--pool when left out.")
]  # fmt: skip
Rules = Annotated[
    Path | None, typer.Option(help="Rules that choose a model for requests to `auto`; else the fleet file's.")
]
ClassifierDeadline = Annotated[
    float | None,
    typer.Option(min=0.001, help="Seconds that `auto` waits for the classifier; else the fleet file's, or 0.05."),
]
TtftSlo = Annotated[float | None, typer.Option(min=0.001, help="Seconds to the first token; else the fleet's.")]
TpotSlo = Annotated[float | None, typer.Option(min=0.001, help="Seconds per token after it; else the fleet's.")]
Redis = Annotated[
    str, typer.Option(metavar="URL", envvar="WEIR_REDIS", help="Share load and sessions with other routers there.")
]


def router(
    ctx: typer.Context,
    fleet: Annotated[Path | None, typer.Option(help="A fleet file whose pools give addresses.")] = None,
    pool: Annotated[str, typer.Option(metavar="HOST:PORT", help="A pool service to hear of the fleet from.")] = "",
    tell: Tell = "",
    policy: Policy = "shortest_ttft",
    settings: Set = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
    decisions: Annotated[Path | None, typer.Option(help="Write one JSON line per decision to this file.")] = None,
    grpc: Annotated[str, typer.Option(metavar="HOST:PORT", help="Answer Route over gRPC here.")] = "",
    ext_proc: Annotated[str, typer.Option(metavar="HOST:PORT", help="Be the endpoint picker of an Envoy here.")] = "",
    fallbacks: Annotated[int, typer.Option(min=0, max=1, help="Endpoints that Envoy is told behind the first.")] = 1,
    replies: Replies = 0.125,
    metrics_port: MetricsPort = None,
    metrics_host: Annotated[str, typer.Option(help="Address that /metrics is served on; --host when left out.")] = "",
    ttft_slo: TtftSlo = None,
    tpot_slo: TpotSlo = None,
    tokens: Tokens = "auto",
    drain: Annotated[float, typer.Option(min=0.0, help="Seconds that open requests get when it stops.")] = 30.0,
    stall: Stall = 30.0,
    name: Annotated[str, typer.Option(help="What the pool service calls this router.")] = "router",
    rules: Rules = None,
    heads: Annotated[Path | None, typer.Option(help="Folder of trained heads that rules read; else packaged.")] = None,
    classifier_deadline: ClassifierDeadline = None,
    redis: Redis = "",
    options: Options = None,
) -> None:
    """Route OpenAI requests over a fleet.

    With --pool, what the pool service says of policy, deadlines, rewrites and objectives goes before these options.
    """
    from cli.chosen import checked
    from cli.options import optioned
    from cli.places import free_port
    from cli.selection import selection
    from router.directing import directed
    from router.front import FrontSettings
    from router.settings import Settings

    _check(fleet, tokens, decisions, pool, *tell.split(","))
    _check_listening(grpc, ext_proc)
    metrics = None if metrics_port is None else free_port(metrics_host or host, metrics_port)
    told = _told(fleet)
    _prefer_given(ctx, told)
    chosen = selection(fleet, rules, heads, classifier_deadline)
    ours = optioned(directed(Settings(
        policy=policy, policy_settings=checked(policy, settings or []), host=host, port=free_port(host, port),
        workers=workers, drain_s=drain, stall_s=stall, tokens=tokens, decisions=str(decisions or ""),
        ext_proc=ext_proc, ext_proc_fallbacks=fallbacks, ext_proc_replies=replies,
        classifier_deadline_s=chosen.deadline_s if chosen else 0.05,
    ), told), options or [])  # fmt: skip
    ours = replace(ours, ttft_slo_s=ttft_slo or ours.ttft_slo_s, tpot_slo_s=tpot_slo or ours.tpot_slo_s)
    _run(FrontSettings(
        router=ours, fleet=fleet, pool=pool, tell=tell, grpc=grpc, metrics_port=metrics, metrics_host=metrics_host,
        name=name, redis=redis, rules=Path(chosen.rules) if chosen else None,
        heads=(chosen.heads or "") if chosen else "",
    ), lambda: _announce(host, ours.port, metrics_host or host, metrics))  # fmt: skip


def _announce(host: str, port: int, metrics_host: str, metrics_port: int | None) -> None:
    """The lines that say the router is ready, the last one where."""
    from cli.places import url

    if metrics_port is not None:
        typer.echo(f"weir router metrics on {url(metrics_host, metrics_port)}/metrics")
    typer.echo(f"weir router ready on {url(host, port)}")


def _run(settings: "FrontSettings", on_ready: Callable[[], None]) -> None:
    """Serve, having said what a person may wait for."""
    from cli.stack import say_if_compiling
    from router.front import run

    say_if_compiling()
    run(settings, on_ready)


def _check_listening(*addresses: str) -> None:
    """Raise what is wrong with the addresses that are asked for; raises `CannotListen` for one that is taken."""
    from cli.places import free_port, split

    for address in filter(None, addresses):
        free_port(*split(address))


def _check(fleet: Path | None, tokens: str, decisions: Path | None, *pools: str) -> None:
    """Raise what is wrong with options that exclude one another or have few values, with an address or a file."""
    from cli.door import WrongUse
    from cli.places import split, writable

    if (fleet is None) == (not pools[0]):
        raise WrongUse("give either --fleet FILE or --pool HOST:PORT")
    if tokens not in ("auto", "always", "estimate"):
        raise WrongUse(f"--tokens {tokens}: write auto, always or estimate")
    for address in filter(None, pools):
        split(address)
    if decisions is not None:
        writable(decisions)


def _prefer_given(ctx: typer.Context, told: "fleet_pb2.Directions") -> None:
    """A policy of the command line goes before the fleet file's."""
    sources = [ctx.get_parameter_source(name) for name in ("policy", "settings")]
    if any(source is not None and source.name == "COMMANDLINE" for source in sources):
        told.ClearField("policy")


def _told(fleet: Path | None) -> "fleet_pb2.Directions":
    """What the fleet file says that routers do; raises what is wrong with the file, and `NotServed` for a pool without
    addresses.
    """
    from cli.served import refuse_discovered, refuse_without_addresses
    from weir.codec import latency
    from weir.directions import directions
    from weir.fleetfile import messages, read_fleet

    if fleet is None:
        return directions(None)
    found = read_fleet(fleet)
    refuse_without_addresses(fleet, found)
    refuse_discovered(fleet, found)
    for replica in messages(found):
        latency(replica)
    return directions(found)
