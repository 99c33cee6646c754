"""Where errors leave: every known kind becomes one sentence on stderr and exit code 2, never a traceback."""

import sys
from math import isfinite
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

OURS = ("bench", "cli", "policies", "pool", "router", "sims", "weir")
"""The packages whose own errors are sentences; by name, so that printing help need not import them."""


class WrongUse(ValueError):
    """Options that do not go together, or a value that makes no sense."""


class Command(TyperCommand):
    """A command whose numbers are numbers: `nan` passes every bound, and `inf` is none where it is no default."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; a number that is none is a usage error."""
        rest = super().parse_args(ctx, args)
        for param in self.params:
            value = ctx.params.get(param.name)
            if isinstance(value, float) and not isfinite(value) and value != param.default:
                raise typer.BadParameter(
                    f"{value} is no number: give one, or leave it out", ctx=ctx, param=cast("Any", param)
                )
        return rest


class Door(TyperGroup):
    """A group of commands that fails in sentences."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except Exception as error:  # the door: what is not known goes on
            said = sentence(error)
            if said is None:
                raise
            sys.stderr.write(f"weir {ctx.invoked_subcommand}: {said}\n")
            raise typer.Exit(2) from None


def sentence(error: BaseException) -> str | None:
    """What is wrong, in a sentence; None for what nobody foresaw."""
    if isinstance(error, BaseExceptionGroup):
        said = [sentence(each) for each in error.exceptions]
        return None if None in said else said[0]
    if not _foreseen(error):
        return None
    if type(error).__name__ == "ValidationError":
        return _invalid(error)
    if isinstance(error, OSError) and type(error).__name__ != "CannotListen" and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror.lower()}"
    return str(error.args[0]) if isinstance(error, LookupError) and error.args else str(error)


def _foreseen(error: BaseException) -> bool:
    """Whether somebody named this kind of error: a class of ours, a file's or a socket's, or a value that pydantic
    refused.
    """
    if isinstance(error, OSError) or type(error).__name__ == "ValidationError":
        return True
    ours = any(kind.__module__.partition(".")[0] in OURS for kind in type(error).__mro__)
    return ours and isinstance(error, (ValueError, LookupError, RuntimeError))


def _invalid(error: Any) -> str:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"])) or "settings"
    return f"{name} {first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}"
