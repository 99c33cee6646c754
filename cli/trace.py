"""`weir trace describe`: what a trace asks of a fleet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(help="Look at traces.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="CSV or JSON lines, gzipped or not.")]
Format = Annotated[str, typer.Option("--format", help="The trace's format; found from its columns when left out.")]


@app.callback()
def _group() -> None:
    """Look at traces."""


@app.command()
def describe(file: File, format_name: Format = "", json_to: Json = "") -> None:
    """Count, rate, burstiness, lengths and prefix reuse of a trace."""
    from dataclasses import asdict

    from cli.output import console, write_json
    from sims.traces.reading.reader import detect, read
    from sims.traces.reading.summary import describe as summed

    name = format_name or detect(file)
    summary = asdict(summed(read(file, name)))
    if json_to != "-":
        console().print(_table(file, name, summary))
    write_json(json_to, {"file": str(file), "format": name, **summary})


def _table(file: Path, name: str, summary: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(title=f"{file.name} ({name})", show_header=False)
    table.add_row("requests", f"{summary['count']:,} in {summary['span_s']:,.0f} s: {summary['rate_rps']:.2f} a second")
    table.add_row("burstiness", f"{summary['cv']:.2f} (1 is Poisson, more is bursty)")
    for key, title in (("prompt", "prompt tokens"), ("output", "output tokens")):
        found = summary[key]
        shown = ", ".join(f"{k} {found[k]:,.0f}" for k in ("mean", "p50", "p90", "p99", "largest"))
        table.add_row(title, shown)
    reuse = f"{summary['reuse_share']:.1%} of blocks, found by {summary['reusing_share']:.1%} of requests"
    table.add_row("prefix reuse", reuse)
    table.add_row("sessions", f"{summary['sessions']:,}")
    return table
