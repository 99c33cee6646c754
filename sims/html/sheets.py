"""The tables of a report."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from sims.html.named import Named
from sims.html.tables import Cell, Sheet
from sims.measure.paired import Paired
from sims.measure.report import Compare, Sweep
from sims.measure.rows import ROWS, SIDE_BY_SIDE, SWEPT, Row, best, by_goodput, main_rows, number, span
from sims.measure.seeds import figure


def figures(named: Sequence[Named]) -> Sheet:
    """Every figure, a column or, where they are many, a row for each of these; the CSV has the report's own keys."""
    rows = [row for row in ROWS if row.path != "requests_per_wall_s"]
    plain = Sheet(
        name="figures",
        title="Figures",
        columns=["", *(one.name for one in named)],
        rows=[_plain(row, named) for row in rows],
    )
    return _beside(plain, rows, named) if len(named) <= SIDE_BY_SIDE else _below(plain, named)


def _beside(plain: Sheet, rows: Sequence[Row], named: Sequence[Named]) -> Sheet:
    measured = [one.measured for one in named]
    strong = {(i, j) for i, row in enumerate(rows) for j, mark in enumerate(best(row.path, measured), 1) if mark}
    shown = [[row.label, *(row.shown(each) for each in measured)] for row in rows]
    return replace(plain, shown=shown, strong=frozenset(strong))


def _below(plain: Sheet, named: Sequence[Named]) -> Sheet:
    """Who serves most in time first, the main figures alone."""
    by_name, rows = {one.name: one.measured for one in named}, main_rows()
    order = by_goodput(by_name)
    measured = [by_name[name] for name in order]
    strong = {(i, j) for j, row in enumerate(rows, 1) for i, mark in enumerate(best(row.path, measured)) if mark}
    shown = [[name, *(row.shown(by_name[name]) for row in rows)] for name in order]
    return replace(plain, head=["", *(row.label for row in rows)], shown=shown, strong=frozenset(strong))


def _plain(row: Row, named: Sequence[Named]) -> list[Cell]:
    return [row.path, *(figure(one.measured, row.path) for one in named)]


def intervals(named: Sequence[Named]) -> Sheet | None:
    """Every figure's mean and interval, a row each; None with one seed."""
    if named[0].measured.ci95 is None:
        return None
    rows = [
        [one.name, row.path, figure(one.measured, row.path), *(span(one.measured, row.path) or ())]
        for one in named
        for row in ROWS
    ]
    return Sheet(name="intervals", title="95 % intervals", columns=["name", "key", "mean", "low", "high"], rows=rows)


POOL = {
    "share": ("share of requests, %", 100.0, 1), "ttft_s.p50": ("TTFT p50, ms", 1e3, 0),
    "ttft_s.p90": ("TTFT p90, ms", 1e3, 0), "tpot_s.p50": ("TPOT p50, ms", 1e3, 1),
    "cached_token_share": ("cached, %", 100.0, 1), "utilisation": ("computing, %", 100.0, 1),
    "gpu_hours": ("GPU-hours", 1.0, 2), "cost_usd": ("$", 1.0, 2), "energy_joules": ("energy, kJ", 1e-3, 0),
}  # fmt: skip


def pools(named: Sequence[Named]) -> Sheet:
    """A row for each pool under each policy or point."""
    rows: list[list[Cell]] = []
    shown: list[list[str]] = []
    for one in named:
        for pool in one.measured.pools:
            values = [figure(pool, path) for path in POOL]
            gpus = f"{pool.replicas:g} × {pool.gpu}"
            rows.append([pool.name, one.name, gpus, pool.model, *values])
            words = [number(v * scale, digits) for v, (_, scale, digits) in zip(values, POOL.values(), strict=True)]
            shown.append([pool.name, one.name, gpus, pool.model, *words])
    columns = ["pool", "under", "replicas", "model", *(label for label, _, _ in POOL.values())]
    return Sheet(name="pools", title="Pool by pool", columns=columns, rows=rows, shown=shown)


MAIN = ("ttft_s.p50", "ttft_s.p90", "tpot_s.mean", "e2e_s.p90", "goodput_share", "usd_per_million_tokens")


def paired(report: Compare) -> Sheet | None:
    """Each policy's figures less those of the one it is held against; None where there is nothing to pair."""
    if not report.paired:
        return None
    columns = ["policy", "figure", f"less {report.against}", "95 % low", "95 % high", "ratio", "better in", "verdict"]
    each = [(name, path, one) for name, found in report.paired.items() for path, one in found.items()]
    return Sheet(
        name="paired",
        title=f"Beside {report.against}, seed by seed",
        columns=columns,
        rows=[[name, path, one.difference, *one.ci95, one.ratio, one.wins, _verdict(one)] for name, path, one in each],
        shown=[_told(name, path, one) for name, path, one in each if path in MAIN],
    )


def _verdict(one: Paired) -> str:
    return {True: "better", False: "worse", None: "not told apart"}[one.better]


def _told(name: str, path: str, one: Paired) -> list[str]:
    row = next(row for row in ROWS if row.path == path)
    spread = [_signed(row.scale * each, row.digits + 1) for each in (one.difference, *one.ci95)]
    return [name, row.label, *spread, number(one.ratio, 2), f"{one.wins} of {one.seeds} seeds", _verdict(one)]


def _signed(value: float, digits: int) -> str:
    return f"{value:+,.{digits}f}" if isfinite(value) else number(value, 0)


def points(report: Sweep) -> Sheet:
    """A row a point: what was varied, then the main figures; the CSV has them all."""
    paths, main = list(report.over), main_rows()
    facts = ["rate_rps", "replicas", "usd_per_hour"]
    return Sheet(
        name="points",
        title="Points (★ on the Pareto front of TTFT p90 and $ per million tokens)",
        columns=[*paths, *facts, *(row.path for row in ROWS), "unstable", "on_front"],
        rows=[
            [*(one.point[path] for path in paths), one.rate_rps, one.replicas, one.usd_per_hour,
             *(figure(one, row.path) for row in ROWS), one.unstable, i in report.pareto]
            for i, one in enumerate(report.points)
        ],
        head=[*paths, "requests/s", "replicas", "$ an hour", *(row.label for row in main)],
        shown=[
            [*(str(one.point[path]) for path in paths), number(one.rate_rps, 2), str(one.replicas),
             number(one.usd_per_hour, 2), *(row.shown(one) for row in main)]
            for one in report.points
        ],
        strong=frozenset((i, len(paths) + 3 + P90) for i in report.pareto),
    )  # fmt: skip


P90 = [row.path for row in ROWS if row.path in SWEPT].index("ttft_s.p90")
