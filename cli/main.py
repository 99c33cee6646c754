"""The `weir` command and its list of commands, one file each."""

from typing import Annotated

import typer

from cli import (
    adapt,
    calibrate,
    check,
    compare,
    demo,
    emulate,
    evaluate,
    explain,
    fleet,
    load,
    planner,
    policies,
    pool,
    replay,
    router,
    sweep,
    trace,
    train,
    up,
)
from cli.door import Door

app = typer.Typer(
    name="weir",
    cls=Door,
    help="A fleet router for LLM inference that decides in predicted seconds and dollars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("router")(router.router)
app.command("pool")(pool.pool)
app.command("emulate")(emulate.emulate)
app.command("load")(load.load)
app.command("replay")(replay.replay)
app.command("compare")(compare.compare)
app.command("sweep")(sweep.sweep)
app.command("plan")(planner.plan)
app.command("calibrate")(calibrate.calibrate)
app.command("check")(check.check)
app.command("evaluate")(evaluate.evaluate)
app.command("adapt")(adapt.adapt)
app.command("train")(train.train)
app.command("explain")(explain.explain)
app.command("policies")(policies.policies)
app.add_typer(fleet.app, name="fleet")
app.add_typer(trace.app, name="trace")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"weir {version('weir')}")
        except PackageNotFoundError:
            typer.echo("weir, from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def weir(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """A fleet router for LLM inference that decides in predicted seconds and dollars."""


if __name__ == "__main__":
    app()
