"""Tables for people, and the same as CSV to take away."""

import csv
import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite

from sims.html.svg import element

Cell = str | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table: plain values for the CSV, words for the page where these read better."""

    name: str  # of the file
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    shown: Sequence[Sequence[str]] = ()  # what the page shows, in words; the values themselves when left out
    head: Sequence[str] = ()  # columns of what the page shows, where these are others
    strong: frozenset[tuple[int, int]] = frozenset()  # row and column of the best


def as_csv(sheet: Sheet) -> str:
    """The table as CSV; what is endless or unknown is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(sheet.columns)
    for row in sheet.rows:
        writer.writerow([_value(cell) for cell in row])
    return out.getvalue()


def _value(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return float(f"{cell:.9g}") if isfinite(cell) else ""
    return cell


def as_html(sheet: Sheet) -> str:
    """The table with its link."""
    head = "".join(element("th", escape(column), scope="col") for column in sheet.head or sheet.columns)
    body = "".join(_row(sheet, i) for i in range(len(sheet.shown or sheet.rows)))
    table = element("table", element("thead", element("tr", head)), element("tbody", body))
    heading = element("h3", escape(sheet.title), link(sheet))
    return element("section", heading, element("div", table, class_="scroll"), class_="sheet")


def link(sheet: Sheet) -> str:
    """The table as a file to save, inside the page itself."""
    data = b64encode(as_csv(sheet).encode()).decode()
    return element("a", "CSV", href=f"data:text/csv;base64,{data}", download=f"{sheet.name}.csv", class_="csv")


def _row(sheet: Sheet, i: int) -> str:
    words = sheet.shown[i] if sheet.shown else [str(_value(cell)) for cell in sheet.rows[i]]
    first = element("th", escape(words[0]), scope="row")
    rest = "".join(
        element("td", escape(word), class_="best" if (i, j) in sheet.strong else None)
        for j, word in enumerate(words[1:], 1)
    )
    return element("tr", first, rest)
