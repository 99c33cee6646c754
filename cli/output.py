"""What a command says: tables for people, JSON for scripts; never both on stdout."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

STDOUT = "-"

UNSEEN = 160
"""Columns of a table that goes to no terminal: nobody's window is too narrow for it."""

Json = Annotated[
    str, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON to a file, or - for stdout.")
]


def console(json_to: str = "") -> "Console":
    """Where tables go: stdout, unless JSON goes there."""
    from rich.console import Console

    made = Console(stderr=json_to == STDOUT, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = UNSEEN
    return made


def write_json(json_to: str, value: Any) -> None:
    """Write a result where it was asked for, if it was."""
    if not json_to:
        return
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    if json_to == STDOUT:
        sys.stdout.write(text)
    else:
        Path(json_to).write_text(text, encoding="utf-8")


def seconds(value: float) -> str:
    """Seconds as people read them: µs, ms or s."""
    if abs(value) < 1e-3:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1e3:.0f} ms" if abs(value) < 1.0 else f"{value:.2f} s"


def dollars(value: float) -> str:
    """Dollars with as many digits as they need."""
    return f"${value:.2f}" if abs(value) >= 0.1 else f"${value:.2g}"
