"""One row of a trace file and its values, checked as they are taken."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

MOST_TOKENS = 1 << 24  # beyond any context there is: such a row is a mistake of units or columns
MOST_BLOCK_ID = 1 << 63
MOST_NAMED = 20  # columns in a message


class BadTrace(ValueError):
    """A trace that cannot be used: one sentence naming the file, the row and the remedy."""


class Row:
    """A row: its file, its number (the file's first line is 1) and its values by column."""

    __slots__ = ("name", "number", "values")

    def __init__(self, name: str, number: int, values: Mapping[str, Any]) -> None:
        self.name, self.number, self.values = name, number, values

    def bad(self, what: str) -> BadTrace:
        """The error that says `what` about this row."""
        return BadTrace(f"{self.name}, row {self.number}: {what}")

    def needs(self, columns: Iterable[str]) -> None:
        """Raise unless every column is there."""
        for column in columns:
            if column not in self.values:
                has = f"it has {named(self.values)}"
                raise self.bad(f"has no column {column!r} ({has}): choose the format that fits, or rename it")

    def value(self, column: str) -> Any:
        """What stands in a column; raises when nothing does."""
        found = self.values.get(column)
        if found is None or found == "":
            raise self.bad(f"{column} is missing: fill it in or drop the row")
        return found

    def part(self, column: str) -> "Row":
        """The object that stands in a column, as a row of its own; JSON lines only."""
        found = self.value(column)
        if not isinstance(found, dict):
            raise self.bad(f"{column} is {_shown(found)}, not an object: repair or drop the row")
        return Row(self.name, self.number, found)

    def text(self, column: str) -> str:
        """What stands in a column as text; empty when nothing does."""
        found = self.values.get(column)
        return "" if found is None else str(found)

    def number_of(self, column: str) -> float:
        """A finite number."""
        found = self.value(column)
        try:
            number = float(found)
        except (TypeError, ValueError, OverflowError):
            raise self.bad(f"{column} is {_shown(found)}, not a number: repair or drop the row") from None
        if not isfinite(number) or isinstance(found, bool):
            raise self.bad(f"{column} is {_shown(found)}, not a number: repair or drop the row")
        return number

    def whole(self, column: str) -> int:
        """A whole number."""
        found = self.value(column)
        if type(found) is int:
            return found
        if type(found) is str and found.isdecimal() and len(found) < 19:
            return int(found)
        number = self.number_of(column)
        if number != int(number):
            raise self.bad(f"{column} is {_shown(found)}, not a whole number: repair or drop the row")
        return int(number)

    def tokens(self, column: str, least: int = 1) -> int:
        """A token count."""
        found = self.whole(column)
        if found < least:
            raise self.bad(f"{column} is {found}, a request has at least {least}: drop the row")
        if found > MOST_TOKENS:
            raise self.bad(f"{column} is {found}, over {MOST_TOKENS:,} tokens fit no model: check units and columns")
        return found

    def recorded(self, column: str) -> int:
        """A length that recorders write as 0 where there was no text: an engine always reads and makes one token."""
        return max(self.tokens(column, least=0), 1)

    def visual(self, column: str, prompt_tokens: int) -> int:
        """Visual tokens of a prompt of that many tokens; 0 where the column is empty."""
        found = self.tokens(column, least=0) if self.values.get(column) not in (None, "") else 0
        if found > prompt_tokens:
            raise self.bad(f"{column} is {found}, above the prompt's {prompt_tokens} tokens: they are among them")
        return found

    def seconds(self, column: str) -> float:
        """A time of day or a date in ISO form as seconds; without a zone it is taken as UTC."""
        found = self.value(column)
        try:
            time = datetime.fromisoformat(found)
        except (TypeError, ValueError):
            raise self.bad(f"{column} is {_shown(found)}, not a date and time: write 2023-11-16 18:15:46.68") from None
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()

    def blocks(self, column: str, prompt_tokens: int, block_tokens: int) -> tuple[int, ...]:
        """Block ids of a prompt of that many tokens."""
        found = self.value(column)
        if not isinstance(found, list) or not all(type(b) is int and 0 <= b < MOST_BLOCK_ID for b in found):
            raise self.bad(f"{column} is {_shown(found)}, not a list of block numbers: repair or drop the row")
        if len(found) > -(-prompt_tokens // block_tokens):
            most = f"{prompt_tokens} tokens have at most {-(-prompt_tokens // block_tokens)} of {block_tokens}"
            raise self.bad(f"{column} has {len(found)} blocks, {most}: repair or drop the row")
        return tuple(found)


def named(columns: Iterable[object]) -> str:
    """Columns as a message lists them: on one line, the first of many."""
    told = [name if name.isprintable() and len(name) <= 40 else _shown(name) for name in map(str, columns)]
    return ", ".join(told[:MOST_NAMED] + ["..."] * (len(told) > MOST_NAMED)) or "none"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
