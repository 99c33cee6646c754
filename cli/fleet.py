"""`weir fleet`: a fleet file as Kubernetes resources, and the other way round."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="A fleet as a file or as Kubernetes resources.", no_args_is_help=True)


@app.callback()
def fleet() -> None:
    """A fleet as a file or as Kubernetes resources."""


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(help="A fleet file, or with --to file what `kubectl get -o yaml` printed.")],
    to: Annotated[str, typer.Option(help="`resources` (Fleet, Pool, RoutePolicy ...) or `file`.")] = "resources",
    name: Annotated[str, typer.Option(help="The Fleet's name.")] = "fleet",
    namespace: Annotated[str, typer.Option(help="Their namespace; kubectl's when left out.")] = "",
) -> None:
    """Print the same fleet in its other form; both are validated by the same models."""
    import yaml

    from cli.door import WrongUse
    from weir.fleetfile import read_fleet
    from weir.resources import exported, imported

    if to not in ("resources", "file"):
        raise WrongUse(f"--to {to}: write resources or file")
    if to == "resources":
        told = read_fleet(path)
        if told.select is not None:
            typer.echo("`select` is no resource: the chart's values have it, or `weir router --rules`", err=True)
        typer.echo(yaml.safe_dump_all(exported(told, name, namespace), sort_keys=False), nl=False)
        return
    found = [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]
    typer.echo(yaml.safe_dump(imported(found).model_dump(mode="json", exclude_unset=True), sort_keys=False), nl=False)
