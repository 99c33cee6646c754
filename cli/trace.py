"""`weir trace describe | fit | convert`: what a trace asks of a fleet, a generator like it, and another file of it."""

from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.door import Command
from cli.output import Json

if TYPE_CHECKING:
    from cli.trace_source import Source

app = typer.Typer(help="Look at traces, fit generators to them, cut and convert them.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="CSV or JSON lines, gzipped or not.")]
Files = Annotated[list[Path], typer.Argument(help="CSV or JSON lines, gzipped or not; several follow one another.")]
Format = Annotated[str, typer.Option("--format", help="The trace's format; found from its columns when left out.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", "--set", metavar="NAME=VALUE", help="An option of the format, as generic's columns."),
]
Sort = Annotated[bool, typer.Option("--sort", help="Sort rows by time; else times that fall are an error.")]
From = Annotated[float, typer.Option("--from", min=0.0, metavar="S", help="Leave out what comes before.")]
To = Annotated[float, typer.Option("--to", min=0.0, metavar="S", help="Leave out what comes from then on.")]
Rate = Annotated[str, typer.Option("--rate", metavar="×K", help="K times the traffic: 45, x45 or ×45.")]
How = Annotated[str, typer.Option(help="grow: more users, each with own prefixes; compress: the same users, faster.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write; *.jsonl or *.csv, with .gz or without.")]
Fitted = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the settings (TOML); else stdout.")]
Name = Annotated[str, typer.Option("--workload", help="The generator to fit; a name of sims/workloads.")]
SEED = 1  # of the stream that is set beside the trace


@app.callback()
def _group() -> None:
    """Look at traces, fit generators to them, cut and convert them."""


@app.command(cls=Command)
def describe(
    files: Files, format_name: Format = "", settings: Fields = None, sort: Sort = False, start: From = 0.0,
    end: To = inf, rate: Rate = "", how: How = "grow", json_to: Json = "",
) -> None:  # fmt: skip
    """Count, rate, burstiness, lengths and prefix reuse of a trace."""
    from dataclasses import asdict

    from cli.output import console, write_json
    from sims.traces.reading.summary import describe as summed

    source = _source(files, format_name, settings, sort, start, end, rate, how)
    readings = source.readings()
    with _busy(f"reading {source.name}"):
        summary = asdict(summed(_some(source, source.arrivals(readings))))
    left_out, formats = sum(reading.left_out for reading in readings), " + ".join(dict.fromkeys(source.formats()))
    if json_to != "-":
        console().print(_table(f"{source.name} ({formats})", summary, left_out))
    write_json(json_to, {"file": " ".join(map(str, files)), "format": formats, **summary, "left_out": left_out})


@app.command(cls=Command)
def convert(
    files: Files, out: Out, format_name: Format = "", settings: Fields = None, sort: Sort = False,
    start: From = 0.0, end: To = inf, rate: Rate = "", how: How = "grow",
) -> None:  # fmt: skip
    """Write a trace, cut, spliced or multiplied, as a file that reads back the same."""
    from cli.output import console
    from sims.traces.reading.writing import write

    source = _source(files, format_name, settings, sort, start, end, rate, how)
    readings = source.readings()
    with _busy(f"writing {out}"):
        count = write(_some(source, source.arrivals(readings)), out)
    left_out = sum(reading.left_out for reading in readings)
    console().print(f"{count:,} arrivals written to {out}" + (f", {left_out:,} rows left out" if left_out else ""))


@app.command(cls=Command)
def fit(
    files: Files, workload: Name, out: Fitted = None, format_name: Format = "", settings: Fields = None,
    sort: Sort = False, start: From = 0.0, end: To = inf,
) -> None:  # fmt: skip
    """Find the settings with which a generator's stream is most like the trace, and set the two side by side."""
    import sys
    from itertools import islice

    from cli.output import console
    from sims.arrivals import Arrivals
    from sims.traces.reading.row import BadTrace
    from sims.traces.reading.summary import describe as summed
    from sims.workloads.drawing.saved import save, text
    from sims.workloads.drawing.workload import WORKLOADS, CannotFit

    source = _source(files, format_name, settings, sort, start, end, "", "grow")
    kind = WORKLOADS[workload]
    with _busy(f"fitting {workload} to {source.name}"):
        rows = list(_some(source, source.arrivals(source.readings())))
        try:
            found = kind.fit(Arrivals.of(rows))
        except CannotFit as error:
            raise BadTrace(f"{source.name}: {error}") from None
        drawn = summed(islice(found.arrivals(SEED), len(rows)))
    if out is None:
        sys.stdout.write(text(found))
    else:
        save(found, out)
    console("" if out else "-").print(_beside(source.name, workload, summed(rows), drawn))


def _source(
    files: list[Path], format_name: str, settings: list[str] | None, sort: bool, start: float, end: float, rate: str,
    how: str,
) -> "Source":  # fmt: skip
    from cli.trace_source import Source

    return Source(
        files=tuple(files), format_name=format_name, settings=tuple(settings or ()), sort=sort, start_s=start,
        end_s=end, rate=rate, how=how,
    )  # fmt: skip


def _some(source: "Source", arrivals: Any) -> Any:
    """The arrivals; raises `WrongUse` when there are none."""
    from itertools import chain

    from cli.door import WrongUse

    first = next(arrivals, None)
    if first is None:
        raise WrongUse(f"{source.name} has no arrivals in that window: choose another --from and --to")
    return chain([first], arrivals)


def _busy(what: str) -> Any:
    """A sign of life on stderr."""
    from rich.console import Console

    return Console(stderr=True).status(what)


def _table(title: str, summary: dict[str, Any], left_out: int) -> Any:
    from rich.table import Table

    table = Table(title=title, show_header=False)
    table.add_row("requests", f"{summary['count']:,} in {summary['span_s']:,.0f} s: {summary['rate_rps']:.2f} a second")
    if left_out:
        table.add_row("left out", f"{left_out:,} rows that are no requests")
    table.add_row("burstiness", f"{summary['cv']:.2f} (1 is Poisson, more is bursty)")
    for key, title in (("prompt", "prompt tokens"), ("output", "output tokens")):
        found = summary[key]
        shown = ", ".join(f"{k} {found[k]:,.0f}" for k in ("mean", "p50", "p90", "p99", "largest"))
        table.add_row(title, shown)
    reuse = f"{summary['reuse_share']:.1%} of blocks, found by {summary['reusing_share']:.1%} of requests"
    table.add_row("prefix reuse", reuse)
    table.add_row("sessions", f"{summary['sessions']:,}")
    return table


def _beside(trace: str, workload: str, found: Any, drawn: Any) -> Any:
    """A trace's figures beside those of a generator's stream of as many requests."""
    from rich.table import Table

    table = Table("", trace, workload, title=f"{workload} fitted to {trace}")
    for name in ("rate_rps", "cv", "reuse_share", "reusing_share"):
        table.add_row(name, f"{getattr(found, name):.3f}", f"{getattr(drawn, name):.3f}")
    for part in ("prompt", "output"):
        for name in ("mean", "p50", "p90", "p99"):
            shown = (f"{getattr(getattr(one, part), name):,.0f}" for one in (found, drawn))
            table.add_row(f"{part} {name}", *shown)
    table.add_row("sessions", f"{found.sessions:,}", f"{drawn.sessions:,}")
    return table
