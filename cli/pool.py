"""`weir pool`: the service that knows the fleet."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from cli.options import MetricsPort, Options, Switching

Redis = Annotated[
    str, typer.Option(metavar="URL", envvar="WEIR_REDIS", help="Keep the registry there; in memory when left out.")
]
Resources = Annotated[
    bool, typer.Option("--watch-resources", help="Take in the namespace's Fleet, Pool and RoutePolicy resources.")
]
Lease = Annotated[
    str, typer.Option(metavar="NAME", help="A Lease: of the pool services that name it one acts, all tell routers.")
]
Scaling = Annotated[
    str, typer.Option(help="What is done about replicas wanted: `off`, `recommend` (said only) or `act`.")
]
ScalingPolicy = Annotated[
    str, typer.Option(metavar="POLICY", help="What wants replicas; what Pool resources ask for when left out.")
]
ScalingSet = Annotated[
    list[str] | None,
    typer.Option("--scaling-set", metavar="KEY=VALUE", help="A setting of the scaling policy; may be repeated."),
]


def pool(
    fleet: Annotated[Path | None, typer.Option(help="The fleet file; edits are taken in while it runs.")] = None,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="gRPC; port 0 takes a free one.")] = "127.0.0.1:9100",
    redis: Redis = "",
    ranks: Annotated[int, typer.Option(min=1, max=64, help="Data-parallel ranks of engines that do not say.")] = 1,
    metrics_port: MetricsPort = None,
    scrape_interval: Annotated[float, typer.Option(help="Seconds between looks at each engine.")] = 1.0,
    metrics_host: Annotated[str, typer.Option(help="Address that /metrics is served on.")] = "127.0.0.1",
    watch_resources: Resources = False,
    lease: Lease = "",
    scaling: Scaling = "off",
    scaling_policy: ScalingPolicy = "",
    scaling_set: ScalingSet = None,
    kv_source: Annotated[str, typer.Option(help="Decoder of the engines' KV events.")] = "vllm",
    roles: Switching = "fixed",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more than warnings.")] = False,
    options: Options = None,
) -> None:
    """Watch a fleet's engines and tell routers of them."""
    import logging

    import uvloop

    from cli.options import pairs
    from cli.places import free_port, split
    from cli.served import chosen_roles
    from pool.app import run
    from pool.settings import FREE, Settings

    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host, port = split(listen)
    given = _scaling(scaling_policy, scaling_set or [])
    _check(fleet, watch_resources, scaling)
    for where in ((host, port), (metrics_host, metrics_port or 0)):
        free_port(*where)
    settings = Settings(
        roles=chosen_roles(roles),
        listen=listen,
        redis=redis or None,
        metrics_port=metrics_port,
        metrics_host=metrics_host,
        watch_resources=watch_resources,
        lease=lease,
        scaling=cast("Literal['off', 'recommend', 'act']", scaling),
        scaling_policy=scaling_policy,
        scaling_settings=given,
        scrape_interval_s=scrape_interval,
        kv_source=kv_source,
        ranks=ranks,
        **pairs(options or [], FREE),  # type: ignore[arg-type]  # the model reads numbers
    )
    uvloop.run(run(settings, fleet))


def _scaling(policy: str, given: list[str]) -> dict[str, float]:
    """The settings of a scaling policy, known to fit it; raises `UnknownName`, `BadSetting` or `WrongUse`."""
    from cli.chosen import pairs
    from cli.door import WrongUse
    from pool.control.wishes import promised

    settings = dict(pairs("--scaling-set", given))
    if policy:
        promised(policy, (0.0, 0.0), settings=settings)
    elif settings:
        raise WrongUse("--scaling-set: say which --scaling-policy it is of")
    return settings


def _check(fleet: Path | None, watch_resources: bool, scaling: str) -> None:
    """Raise what is wrong with options that need one another or have few values, or with the fleet file."""
    from cli.door import WrongUse
    from cli.served import refuse_without_addresses
    from weir.fleetfile import read_fleet

    if fleet is None and not watch_resources:
        raise WrongUse("give --fleet FILE, --watch-resources or both")
    if scaling not in ("off", "recommend", "act"):
        raise WrongUse(f"--scaling {scaling}: write off, recommend or act")
    if fleet is not None:
        refuse_without_addresses(fleet, read_fleet(fleet))
