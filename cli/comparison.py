"""Policies side by side: a table with the best figures marked, what it says in sentences, and the same as JSON."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sims.report import Summary, number, to_json

if TYPE_CHECKING:
    from rich.table import Table

Summaries = Mapping[str, Summary]
Figure = Callable[[Summary], float]

LESS, MORE = -1.0, 1.0

DURATIONS = ("ttft", "tpot", "e2e")
STATISTICS = ("mean", "p50", "p90", "p99")
SAME = 0.01  # figures closer than this share of the best are as good


def _duration(name: str, statistic: str) -> Figure:
    return lambda summary: float(getattr(getattr(summary, f"{name}_s"), statistic))


def _rows() -> list[tuple[str, Figure, float, int, bool]]:
    """Label, figure, which way is better, digits, and whether a group ends there."""
    rows = []
    for name in DURATIONS:
        unit, scale, digits = ("s", 1.0, 2) if name == "e2e" else ("ms", 1e3, 0 if name == "ttft" else 1)
        for statistic in STATISTICS:
            figure = _duration(name, statistic)
            ends = statistic == STATISTICS[-1]
            rows.append((f"{name.upper()} {statistic}, {unit}", _times(figure, scale), LESS, digits, ends))
    return [
        *rows,
        ("goodput, %", lambda s: 100.0 * s.goodput_share, MORE, 1, False),
        ("goodput, req/s", lambda s: s.goodput_rps, MORE, 2, True),
        ("cached prompt, %", lambda s: 100.0 * s.cached_token_share, MORE, 1, False),
        ("$/M output tokens", lambda s: s.usd_per_million_tokens, LESS, 2, False),
        ("errors, refusals", lambda s: float(s.errors + s.shed), LESS, 0, False),
    ]


def _times(figure: Figure, scale: float) -> Figure:
    return lambda summary: scale * figure(summary)


def table(summaries: Summaries, title: str) -> "Table":
    """One column a policy, one row a figure."""
    from rich.table import Table

    out = Table(title=title, title_justify="left")
    out.add_column("")
    for name in summaries:
        out.add_column(name, justify="right")
    for label, figure, better, digits, ends in _rows():
        values = [figure(summary) for summary in summaries.values()]
        out.add_row(label, *_cells(values, better, digits), end_section=ends)
    return out


def _cells(values: list[float], better: float, digits: int) -> list[str]:
    """The figures; the best ones in bold with a star, unless all are as good."""
    best = max(better * value for value in values)
    margin = SAME * abs(best)
    marked = [better * value >= best - margin for value in values]
    shown = [number(value, digits) for value in values]
    if all(marked):
        return shown
    return [f"[bold green]{text} *[/]" if mark else text for text, mark in zip(shown, marked, strict=True)]


def sentences(summaries: Summaries) -> list[str]:
    """What the table says, in three sentences."""
    best = max(summaries, key=lambda name: (summaries[name].goodput_share, -summaries[name].ttft_s.p90))
    mine = summaries[best]
    first = (
        f"{best} serves the most requests within their deadlines: {mine.goodput_share:.1%}, "
        f"with a TTFT of {1e3 * mine.ttft_s.p90:.0f} ms or less for 90 % of them."
    )
    others = [name for name in ("random", "least_loaded") if name in summaries and name != best]
    others = others or [name for name in summaries if name != best]
    against = " and ".join(_against(mine, summaries[name], name) for name in others[:2])
    second = f"That is {against}." if against else "There is nothing beside it to compare with."
    return [first, second, "This was one seed; `make show NAME=policies` repeats it over many and gives intervals."]


def _against(mine: Summary, theirs: Summary, name: str) -> str:
    points = 100.0 * (mine.goodput_share - theirs.goodput_share)
    ratio = theirs.ttft_s.p90 / mine.ttft_s.p90 if mine.ttft_s.p90 > 0.0 else float("nan")
    return f"{points:.1f} points more than {name}, whose p90 TTFT is {number(ratio, 1)} times as long"


def as_json(summaries: Summaries) -> dict[str, Any]:
    """Every policy's figures under stable keys."""
    return {name: json.loads(to_json(summary)) for name, summary in summaries.items()}
