"""`weir load`: a trace against any OpenAI API."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Json
from cli.trace import Fields, File, Format

if TYPE_CHECKING:
    from sims.arrival import Arrival
    from sims.load.record import Record

REASONS = 5  # that are told apart


def load(
    trace: File,
    url: Annotated[str, typer.Option(help="The API: http://host:port, with or without /v1.")],
    format_name: Format = "",
    fields: Fields = None,
    model: Annotated[str, typer.Option(help="Asked for where the trace names none; else the API's first.")] = "",
    rate: Annotated[float | None, typer.Option(help="Requests a second; the trace's own when left out.")] = None,
    time_scale: Annotated[float, typer.Option(min=0.001, help="Trace seconds sent in one second.")] = 1.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Send only the first so many.")] = None,
    api_key: Annotated[str, typer.Option(envvar="OPENAI_API_KEY", help="Sent as bearer token.")] = "",
    ttft_slo: Annotated[float, typer.Option(min=0.0, help="Deadline of the first token, seconds.")] = 2.0,
    tpot_slo: Annotated[float, typer.Option(min=0.0, help="Deadline per token after it, seconds.")] = 0.1,
    price: Annotated[float, typer.Option(min=0.0, help="Dollars an hour of what is measured.")] = 0.0,
    json_to: Json = "",
) -> None:
    """Replay a trace with streaming and sum up what came back."""
    import json

    from cli.interrupts import Interrupted, run
    from cli.live import Live
    from cli.models import first_model
    from cli.output import console, write_json
    from sims.load.replay import replay
    from sims.report import summarise, table, to_json

    screen = console(json_to)
    arrivals = _arrivals(trace, format_name, tuple(fields or ()), rate, limit)
    asked = model or first_model(url, api_key)
    with Live(screen) as live:
        live.begin(trace.name, limit)
        sending = replay(
            arrivals,
            url,
            model=asked,
            time_scale=time_scale,
            api_key=api_key,
            on_progress=live.progress,
            on_record=live.record,
        )
        try:
            records = run(sending)
        except Interrupted as interrupted:
            raise typer.Exit(interrupted.exit_code) from None
    summary = summarise(records, usd_per_hour=price, slo=(ttft_slo, tpot_slo))
    screen.print(table({trace.name: summary}))
    for line in failures(records):
        screen.print(line, soft_wrap=True)
    screen.print(f"The load generator was {1e3 * summary.lag_p99_s / time_scale:.1f} ms late at p99.")
    write_json(json_to, json.loads(to_json(summary)))


def failures(records: "Sequence[Record]") -> list[str]:
    """Why requests failed or were refused: the commonest reasons first, each with how often."""
    from collections import Counter

    why = Counter((each.status, each.error) for each in records if each.error)
    told = [
        f"{count:,} × {f'HTTP {status}: ' if status else ''}{error}" for (status, error), count in why.most_common()
    ]
    return told[:REASONS] + ([f"... and {len(told) - REASONS} other reasons"] if len(told) > REASONS else [])


def _arrivals(
    trace: Path, format_name: str, fields: tuple[str, ...], rate: float | None, limit: int | None
) -> "Iterator[Arrival]":
    from cli.door import WrongUse
    from cli.traffic import Source, profile
    from sims.traces.reading.transforms import limited, scaled

    source = Source(trace=trace, format_name=format_name, fields=fields)
    arrivals = source.arrivals()
    if rate is not None:
        if not rate > 0.0:
            raise WrongUse(f"--rate {rate:g}: give requests a second, above 0")
        arrivals = scaled(arrivals, rate / profile(source).rate_rps)
    return arrivals if limit is None else limited(arrivals, limit)
