"""What a simulation or a plan is sent: trace files one after the other, or a workload, cut to a window."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.door import WrongUse

if TYPE_CHECKING:
    from sims.arrivals import Arrivals
    from sims.sweep.inputs import Rate
    from sims.sweep.traffic import Traffic

WORKLOAD = "workload:"

Topics = Callable[[Sequence[str]], Sequence[str]]
"""What texts are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The options that say what is sent, and what was given for them."""

    trace: Annotated[
        str,
        typer.Argument(
            metavar="TRACE", help="Trace files A,B,… one after the other, or workload:NAME or workload:FILE.toml."
        ),
    ]
    rate: Annotated[
        str, typer.Option(metavar="xK|RPS", help="x2: twice the trace's rate; 12.5: requests a second.")
    ] = "x1"
    start_s: Annotated[float, typer.Option("--from", min=0.0, help="Leave out the trace's first so many seconds.")] = (
        0.0
    )
    end_s: Annotated[
        float, typer.Option("--to", min=0.0, show_default="its end", help="... and all from there on.")
    ] = 0.0
    requests: Annotated[int, typer.Option(min=1, help="Requests to draw from a workload.")] = 20_000
    format_name: Annotated[
        str, typer.Option("--format", help="The trace's format; found from its columns when left out.")
    ] = ""
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME=VALUE", help="An option of the format, as generic's columns."),
    ] = None
    sort: Annotated[bool, typer.Option("--sort", help="Sort rows by time; else times that fall are an error.")] = False

    @property
    def speed(self) -> "Rate":
        """The rate; raises `BadRate`."""
        from sims.sweep.inputs import Rate

        return Rate.of(self.rate)

    def traffic(self, again: bool = False, topics: "Topics | None" = None) -> "tuple[Traffic, Arrivals]":
        """What to send and its first seed's arrivals, at least one; raises `WrongUse`, `BadTrace`, `UnknownName`.

        `again` says whether further seeds draw a trace again, `topics` tells what a trace's texts are about.
        """
        drawn = self.trace.startswith(WORKLOAD)
        traffic, arrivals = self._drawn() if drawn else self._recorded(again, topics)
        if not len(arrivals):
            raise WrongUse(f"{self.trace}: not one request comes before --to {self.end_s:g}")
        return traffic, arrivals

    def _drawn(self) -> "tuple[Traffic, Arrivals]":
        from sims.sweep.traffic import Generated

        if self.start_s:
            raise WrongUse("--from leaves out the beginning of a trace: a workload has no end, so give --to alone")
        drawn = Generated.of(self.trace.removeprefix(WORKLOAD), self.requests, self.end_s or inf)
        return drawn, drawn.drawn(0)

    def _recorded(self, again: bool, topics: "Topics | None") -> "tuple[Traffic, Arrivals]":
        from sims.sweep.traffic import Recorded, window

        paths = self.paths()
        arrivals = self._read(paths, topics)
        if self.start_s or self.end_s:
            try:
                arrivals = window(arrivals, self.start_s, self.end_s or inf)
            except ValueError as error:
                raise WrongUse(f"{self.trace}: {error}: change --from or --to") from None
        return Recorded(name=" + ".join(path.name for path in paths), arrivals=arrivals, again=again), arrivals

    def paths(self) -> list[Path]:
        """The files: one, whatever its name holds, or those between commas."""
        whole = Path(self.trace)
        parts = [each.strip() for each in self.trace.split(",") if each.strip()]
        return [whole] if whole.exists() or len(parts) < 2 else [Path(each) for each in parts]

    def _read(self, paths: list[Path], topics: "Topics | None") -> "Arrivals":
        from sims.arrivals import Arrivals
        from sims.traces.reading.reader import read, read_columns
        from sims.traces.reading.transforms import spliced

        if len(paths) == 1:
            if topics is not None and (told := self._told(paths[0], topics)) is not None:
                return told
            return read_columns(paths[0], self.format_name, sort=self.sort, **self._options(paths[0]))
        try:
            files = [read(path, self.format_name, sort=self.sort, **self._options(path)) for path in paths]
            return Arrivals.of(spliced(files))
        except ValueError as error:
            if type(error) is not ValueError:
                raise  # it names the file already
            raise WrongUse(f"{self.trace}: {error}") from None

    def _told(self, path: Path, topics: "Topics") -> "Arrivals | None":
        """The arrivals of a trace that has texts, each with its topic; None of a trace that has none."""
        from sims.arrivals import Arrivals
        from sims.traces.reading.reader import read

        reading = iter(read(path, self.format_name, sort=self.sort, **self._options(path)))
        first = next(reading, None)
        if first is None or first.text is None:
            return None
        rows = [first, *reading]
        told = topics([row.text or "" for row in rows])
        return Arrivals.of([replace(row, topic=topic) for row, topic in zip(rows, told, strict=True)])

    def _options(self, path: Path) -> dict[str, Any]:
        if not self.fields:
            return {}
        from cli.trace_source import options
        from sims.traces.reading.reader import detect

        return options(self.format_name or detect(path), tuple(self.fields))
