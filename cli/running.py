"""Simulations while they run: a bar on stderr, an end on Ctrl-C, and files that are written whole or not at all."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.door import WrongUse
from cli.output import STDOUT

if TYPE_CHECKING:
    from rich.console import Console

    from sims.measure.report import Report
    from sims.sweep.inputs import Inputs
    from sims.sweep.journal import Journal
    from sims.sweep.study import Executor, Study


def conduct(
    study: "Study", inputs: "Inputs", *, cores: int = 0, executor: "Executor | None" = None,
    journal: "Journal | None" = None,
) -> int:  # fmt: skip
    """Carry the study out with a bar on stderr; the exit status: 0, or 128 and the signal that ended it."""
    from sims.sweep.processes import Processes
    from sims.sweep.processes import cores as all_cores
    from sims.sweep.study import carry_out

    where = executor or Processes(inputs, cores or all_cores())
    with stoppable() as stopped, progress(inputs.traffic.name, len(study.units)) as told:
        try:
            carry_out(study, inputs, where, journal=journal, told=told)
        except ValueError as error:
            raise WrongUse(str(error)) from error
    if not study.interrupted:
        return 0
    done = f"stopped: {len(study.found)} of {len(study.units)} runs are done"
    typer.echo(f"{done}, what is written is marked partial" if study.found else f"{done}, nothing is written", err=True)
    return 128 + (stopped[0] if stopped else signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP end the runs as Ctrl-C does; which one came is told."""
    came: list[int] = []

    def stop(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = {}
    with suppress(ValueError):  # not the main thread: signals are somebody else's
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress(what: str, total: int) -> Iterator[Any]:
    """A bar on stderr over so many runs; yields what hears of each."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total)
        yield lambda study: bars.update(task, completed=len(study.found))


def check_places(*places: str | Path | None) -> None:
    """Raise `WrongUse` for a file that could not be written: before the work rather than after."""
    for place in places:
        if place and str(place) != STDOUT and not Path(place).absolute().parent.is_dir():
            raise WrongUse(f"{place}: there is no such folder: make it first")


def write(place: str | Path | None, text: str) -> None:
    """Write a whole file or none: beside it first, then in its place."""
    if not place:
        return
    if str(place) == STDOUT:
        typer.echo(text, nl=False)
        return
    path = Path(place)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def tell_notes(report: "Report", screen: "Console") -> None:
    """What a reader should know and was not told before the runs."""
    for note in report.notes:
        screen.print(f"note       {note}", soft_wrap=True)


def publish(report: "Report", json_to: str, html: Path | None) -> None:
    """Write the report where it was asked for."""
    from sims.measure.schema import plain

    if json_to:
        write(json_to, json.dumps(plain(report), indent=2, allow_nan=False) + "\n")
    if html:
        from sims.html.page import page

        write(html, page(report))
