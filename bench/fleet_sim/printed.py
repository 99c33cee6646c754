"""The printed tables, and whether a figure agrees with one to its last digit."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf
from pathlib import Path

Found = Mapping[str, Mapping[str, float]]
"""By row, a figure a column; there may be more of both than are printed."""


MISSING = 1e9
"""A deviation that has no size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One printed table."""

    says: str
    leans: tuple[str, ...]  # defects that its digits rest on
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    explained: Mapping[str, str]  # why a row cannot be had


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How figures compare with a printed table."""

    cells: tuple[str, ...]  # one line a cell that disagrees: row, column, printed, found
    missed: Mapping[str, float]  # rows with such a cell: the most it lies beyond half its last digit, as a fraction
    matched: int  # rows whose every printed cell agrees
    rows: int


def tables() -> dict[str, Table]:
    """All printed tables by name."""
    read = tomllib.loads((Path(__file__).parent / "published.toml").read_text(encoding="utf-8"))
    return {
        name: Table(
            says=one["says"], leans=tuple(one["leans"]), columns=tuple(one["columns"]),
            rows={row: tuple(cells) for row, cells in one["rows"].items()}, explained=one.get("explained", {}),
        )
        for name, one in read.items()
    }  # fmt: skip


def beyond(printed: str, found: float | None) -> float:
    """How far a figure lies outside the rounding of what is printed, as a fraction of it.

    0 when it agrees, MISSING where there is none or one of the two has no end.
    """
    if not printed:
        return 0.0
    wanted = float(printed)
    if found is None or isinf(wanted) or isinf(found):
        return 0.0 if found == wanted else MISSING
    half = 0.5 * 10.0 ** -len(printed.partition(".")[2])
    off = max(abs(found - wanted) - half * (1.0 + 1e-9), 0.0)
    return off / abs(wanted) if wanted else off


def judge(table: Table, found: Found) -> Verdict:
    """Hold figures against a printed table; raises KeyError for a row nobody computed."""
    told: list[str] = []
    missed: dict[str, float] = {}
    for row, cells in table.rows.items():
        figures = [found[row].get(column) for column in table.columns]
        offs = [beyond(printed, value) for printed, value in zip(cells, figures, strict=True)]
        if any(offs):
            missed[row] = max(offs)
        cases = [case for case in zip(table.columns, cells, figures, offs, strict=True) if case[3]]
        told += [f"{row}: {name} {printed} printed, {shown(value)} found" for name, printed, value, _ in cases]
    rows = len(table.rows)
    return Verdict(cells=tuple(told), missed=missed, matched=rows - len(missed), rows=rows)


def shown(value: float | None) -> str:
    """A figure in five digits."""
    return "nothing" if value is None else f"{value:.5g}"
