"""`weir adapt`: one turn of the loop that adapts a fleet: look, say what is wrong, plan, check, try, keep or undo."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import Json


def adapt(
    rules: Annotated[Path, typer.Argument(help="The rules file whose section `learn` is adapted.")],
    records: Annotated[Path, typer.Option(help="Decision records: `weir router --decisions FILE` writes them.")],
    journal: Annotated[
        Path | None, typer.Option(help="Every step is a line here; what was taken back rests by what stands in it.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Write the rules with what is tried, kept or taken back; may be the rules file itself."),
    ] = None,
    last: Annotated[int, typer.Option(min=100, help="So many of the newest records are looked at.")] = 20_000,
    rest: Annotated[float, typer.Option(min=0.0, help="Hours for which a knob that was taken back rests.")] = 24.0,
    long_turns: Annotated[int, typer.Option(min=1, help="Turns from which on a session is a long one.")] = 30,
    json_to: Json = "",
) -> None:
    """Monitor, analyse, plan, check from logs, try on a few sessions, promote or roll back; all of it recorded."""
    from datetime import UTC, datetime

    from cli.adapting import Journal, Turn
    from cli.output import write_json

    now = datetime.now(UTC)
    kept = Journal(journal, now)
    turn = Turn(rules=rules, records=records, journal=kept, rest_s=3600.0 * rest, last=last, long_turns=long_turns)
    text = turn.taken()
    write_json(json_to, kept.told)
    if json_to != "-":
        for each in kept.told:
            typer.echo(f"{each['step']}: {each['said']}")
    if text is not None and write is not None:
        write.write_text(text, encoding="utf-8")
        typer.echo(f"{write} is written", err=json_to == "-")
    elif text is not None:
        typer.echo("Nothing is written: give --write FILE", err=json_to == "-")
