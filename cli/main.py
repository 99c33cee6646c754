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
from cli.door import Command, Door

app = typer.Typer(
    name="weir",
    cls=Door,
    help="A fleet router for LLM inference that decides in predicted seconds and dollars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command("demo", cls=Command)(demo.demo)
app.command("up", cls=Command)(up.up)
app.command("router", cls=Command)(router.router)
app.command("pool", cls=Command)(pool.pool)
app.command("emulate", cls=Command)(emulate.emulate)
app.command("load", cls=Command)(load.load)
app.command("replay", cls=Command)(replay.replay)
app.command("compare", cls=Command)(compare.compare)
app.command("sweep", cls=Command)(sweep.sweep)
app.command("plan", cls=Command)(planner.plan)
app.command("calibrate", cls=Command)(calibrate.calibrate)
app.command("check", cls=Command)(check.check)
app.command("evaluate", cls=Command)(evaluate.evaluate)
app.command("adapt", cls=Command)(adapt.adapt)
app.command("train", cls=Command)(train.train)
app.command("explain", cls=Command)(explain.explain)
app.command("policies", cls=Command)(policies.policies)
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
