"""Figures as people read them: label, unit, digits, and which way is better; tables of them for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from rich.table import Table

from sims.measure.paired import BETTER, JUDGED, LESS
from sims.measure.report import Point, Sweep
from sims.measure.seeds import Measured, figure

SAME = 0.01  # figures closer than this share of the best are as good


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of a table."""

    path: str
    label: str
    scale: float = 1.0
    digits: int = 0
    ends: bool = False  # a group of rows

    def alone(self, measured: Measured) -> str:
        """The figure."""
        return number(self.scale * figure(measured, self.path), self.digits)

    def shown(self, measured: Measured) -> str:
        """The figure with its interval."""
        found = span(measured, self.path)
        if found is None or not isfinite(found[1] - found[0]) or found[1] == found[0]:
            return self.alone(measured)
        return f"{self.alone(measured)} ±{number(0.5 * self.scale * (found[1] - found[0]), self.digits)}"


def _seconds() -> list[Row]:
    kinds = (("ttft_s", "TTFT", "ms", 1e3, 0), ("tpot_s", "TPOT", "ms", 1e3, 1), ("e2e_s", "E2E", "s", 1.0, 2))
    return [
        Row(path=f"{key}.{of}", label=f"{name} {of}, {unit}", scale=scale, digits=digits, ends=of == "p99")
        for key, name, unit, scale, digits in kinds
        for of in ("mean", "p50", "p90", "p99")
    ]


ROWS = [
    Row(path="requests", label="requests"),
    Row(path="completed", label="completed"),
    Row(path="shed", label="shed"),
    Row(path="refused", label="refused: too long"),
    Row(path="unfinished", label="unfinished", ends=True),
    *_seconds(),
    Row(path="offered_rps", label="offered, requests/s", digits=2),
    Row(path="goodput_rps", label="goodput, requests/s in SLO", digits=2),
    Row(path="goodput_share", label="goodput, % of arrivals", scale=100.0, digits=1),
    Row(path="quality", label="quality of answers, %", scale=100.0, digits=1),
    Row(path="quality_in_time", label="... of those in SLO alone, %", scale=100.0, digits=1),
    Row(path="output_tokens_per_s", label="output tokens/s", ends=True),
    Row(path="cached_token_share", label="cached prompt tokens, %", scale=100.0, digits=1),
    Row(path="ttft_error_p50", label="TTFT foreseen, median error %", scale=100.0, digits=1),
    Row(path="utilisation", label="computing, % of time up", scale=100.0, digits=1, ends=True),
    Row(path="gpu_hours", label="GPU-hours", digits=2),
    Row(path="cost_usd", label="$", digits=2),
    Row(path="usd_per_million_tokens", label="$ per million output tokens", digits=3),
    Row(path="usd_per_thousand_right", label="$ per 1,000 right answers in SLO", digits=3),
    Row(path="energy_joules", label="energy, kJ", scale=1e-3),
    Row(path="tokens_per_joule", label="output tokens per joule", digits=3, ends=True),
    Row(path="requests_per_wall_s", label="simulated requests/s"),
]
HIDDEN_AT_ZERO = {"shed", "refused", "unfinished"}


def number(value: float, digits: int) -> str:
    """Thousands parted, a dash for what is unknown, ∞ for never."""
    if isfinite(value):
        return f"{value:,.{digits}f}"
    return "∞" if value > 0.0 else "–"


def span(measured: Measured, path: str) -> tuple[float, float] | None:
    """The ends of a figure's interval; None with one seed."""
    found = measured.ci95
    if found is None:
        return None
    head, _, rest = path.partition(".")
    inner = found[head]
    return inner[rest] if isinstance(inner, dict) else inner


def table(columns: Mapping[str, Measured], title: str) -> Table:
    """One column a policy, one row a figure, the best of several marked; many policies have a row each."""
    if len(columns) > SIDE_BY_SIDE:
        return _long(columns, title)
    out = Table(title=title, title_justify="left")
    out.add_column("")
    for name in columns:
        out.add_column(name, justify="right")
    for row in ROWS:
        if hidden(row.path, columns.values()):
            continue
        out.add_row(row.label, *_cells(row, list(columns.values())), end_section=row.ends)
    return out


def hidden(path: str, columns: Iterable[Measured]) -> bool:
    """Whether a figure says nothing in any of the columns."""
    values = [figure(each, path) for each in columns]
    if path in JUDGED:
        return not any(map(isfinite, values))
    return path in HIDDEN_AT_ZERO and not any(values)


def best(path: str, columns: Sequence[Measured]) -> list[bool]:
    """Of each whether it is the best, or within 1 % of it; of nobody where all are, or where no way is better."""
    if path not in BETTER:
        return [False] * len(columns)
    sign = -1.0 if BETTER[path] == LESS else 1.0
    values = [sign * figure(each, path) for each in columns]
    known = [value for value in values if isfinite(value)]
    if not known:
        return [False] * len(columns)
    most = max(known)
    marked = [isfinite(value) and value >= most - SAME * abs(most) for value in values]
    return [False] * len(columns) if all(marked) else marked


def _cells(row: Row, columns: Sequence[Measured], *, intervals: bool = True) -> list[str]:
    marks = best(row.path, columns)
    shown = [row.shown(each) if intervals else row.alone(each) for each in columns]
    return [f"[bold green]{text} *[/]" if mark else text for text, mark in zip(shown, marks, strict=True)]


SIDE_BY_SIDE = 6  # policies that have a column each
SWEPT = ("ttft_s.p50", "ttft_s.p90", "tpot_s.mean", "goodput_rps", "goodput_share", "quality", "cached_token_share",
         "usd_per_million_tokens", "tokens_per_joule")  # fmt: skip


def _long(columns: Mapping[str, Measured], title: str) -> Table:
    """A row a policy, who serves most in time first."""
    out = Table(title=title, title_justify="left")
    out.add_column("", no_wrap=True)
    each = list(columns.values())
    rows = [row for row in main_rows() if not hidden(row.path, each)]
    for row in rows:
        out.add_column(row.label, justify="right")
    cells = zip(*(_cells(row, each, intervals=False) for row in rows), strict=True)
    shown = dict(zip(columns, cells, strict=True))
    for name in by_goodput(columns):
        out.add_row(name, *shown[name], style="dim" if columns[name].unstable else None)
    return out


def main_rows() -> list[Row]:
    """The figures that are shown where there is no room for all."""
    return [row for row in ROWS if row.path in SWEPT]


def by_goodput(columns: Mapping[str, Measured]) -> list[str]:
    """Names, who serves most in time first."""
    return sorted(columns, key=lambda name: (-columns[name].goodput_share, columns[name].ttft_s.p90))


def sweep_table(report: Sweep) -> Table:
    """One row a point; those on the Pareto front of TTFT p90 and cost are marked."""
    rows = [row for row in main_rows() if not hidden(row.path, report.points)]
    out = Table(title="* on the Pareto front of TTFT p90 and $ per million tokens", title_justify="left")
    for path in report.over:
        out.add_column(path, no_wrap=True)
    for row in rows:
        out.add_column(row.label, justify="right")
    for i, point in enumerate(report.points):
        mark = " *" if i in report.pareto else ""
        last = "unstable" if point.unstable else ""
        cells = [row.alone(point) for row in rows]
        cells[1] += mark
        out.add_row(*_place(point), *cells[:-1], f"{cells[-1]} {last}".strip())
    return out


def _place(point: Point) -> list[str]:
    return [str(value) for value in point.point.values()]
