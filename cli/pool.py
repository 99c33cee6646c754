"""`weir pool`: the service that knows the fleet."""

from pathlib import Path
from typing import Annotated

import typer


def pool(
    fleet: Annotated[Path, typer.Option(help="The fleet file; edits are taken in while it runs.")],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="gRPC; port 0 takes a free one.")] = "127.0.0.1:9100",
    redis: Annotated[
        str, typer.Option(metavar="URL", envvar="WEIR_REDIS", help="Keep the registry there; in memory when left out.")
    ] = "",
    ranks: Annotated[int, typer.Option(min=1, max=64, help="Data-parallel ranks of engines that do not say.")] = 1,
    metrics_port: Annotated[int | None, typer.Option(help="Serve /metrics on this port; 0 takes a free one.")] = None,
    scrape_interval: Annotated[float, typer.Option(help="Seconds between looks at each engine.")] = 1.0,
    kv_source: Annotated[str, typer.Option(help="Decoder of the engines' KV events.")] = "vllm",
    roles: Annotated[
        str,
        typer.Option(metavar="fixed|told|switched", help="Switch replicas' roles as traffic changes, or only say so."),
    ] = "fixed",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more than warnings.")] = False,
) -> None:
    """Watch a fleet's engines and tell routers of them."""
    import logging

    import uvloop

    from cli.places import free_port, split
    from cli.served import chosen_roles, refuse_without_addresses
    from pool.app import run
    from pool.settings import Settings
    from weir.fleetfile import read_fleet

    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host, port = split(listen)
    refuse_without_addresses(fleet, read_fleet(fleet))
    if port:
        free_port(host, port)
    settings = Settings(
        roles=chosen_roles(roles),
        listen=listen,
        redis=redis or None,
        metrics_port=metrics_port,
        scrape_interval_s=scrape_interval,
        kv_source=kv_source,
        ranks=ranks,
    )
    uvloop.run(run(settings, fleet))
