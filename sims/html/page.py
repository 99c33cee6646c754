"""A whole report as one HTML file."""

from collections.abc import Sequence
from functools import singledispatch
from html import escape
from math import isfinite
from pathlib import Path

from sims.html import costs, sheets
from sims.html.cards import Card, Tile, cards, folded, section, tiles
from sims.html.distributions import distribution
from sims.html.named import Named, best, of_compare, of_replay, of_sweep
from sims.html.over_time import over_time
from sims.html.rising import along, rising
from sims.html.scale import seconds
from sims.html.svg import element
from sims.html.tables import Sheet, as_html
from sims.measure.front import pareto
from sims.measure.report import Compare, Context, Replay, Report, Sweep
from sims.measure.rows import number
from sims.measure.seeds import Measured

STYLE = Path(__file__).with_name("style.css")
MOST_FOLDED = 6  # timelines beside the first
LONG = 48  # rows of a table that is folded
FITS = 12  # columns that a table of figures may have


def page(report: Report) -> str:
    """The file's text."""
    title, inside = body(report)
    head = (
        element("meta", charset="utf-8")
        + element("meta", name="viewport", content="width=device-width, initial-scale=1")
        + element("title", escape(title))
        + element("style", STYLE.read_text(encoding="utf-8"))
    )
    main = element("main", _heading(report, title), inside, _making(report))
    return f'<!doctype html>\n<html lang="en">\n{element("head", head)}\n{element("body", main)}\n</html>\n'


@singledispatch
def body(report: object) -> tuple[str, str]:
    """Title and content by kind of report."""
    raise TypeError(f"no page for {type(report).__name__}")


@body.register
def _replay(report: Replay) -> tuple[str, str]:
    named = of_replay(report)
    latencies = [distribution(key, named, report.slo) for key in ("ttft_s", "tpot_s", "e2e_s")]
    title = f"{report.policy} on {report.trace.name} at {number(report.offered_rps, 1)} requests a second"
    return title, "".join(
        (
            _lead(f"{_met(report)} {_spent(report)}"),
            _tiles(report),
            section("How long requests take", cards([*latencies, costs.by_pool(named[0]), *costs.cached(named)])),
            _times(named, named[0]),
            section("Tables", *_tables(sheets.figures(named), sheets.pools(named), sheets.intervals(named))),
        )
    )


@body.register
def _compare(report: Compare) -> tuple[str, str]:
    named = of_compare(report)
    first = best(named)
    front = pareto([costs.costs(one) for one in named])
    pictures = [costs.goodput(named), *costs.cached(named)]
    pictures += [distribution(key, named, report.slo) for key in ("ttft_s", "tpot_s", "e2e_s")]
    pictures += [costs.latency_and_cost(named, front)]
    rate = number(first.measured.offered_rps, 1)
    title = f"{len(named)} routing policies on {report.trace.name} at {rate} requests a second"
    tables = (sheets.figures(named), sheets.paired(report), sheets.pools(named), sheets.intervals(named))
    return title, "".join(
        (
            _lead(*report.sentences),
            _tiles(first.measured, f" · {first.name}"),
            section("Policies side by side", cards(pictures)),
            _times(named, first),
            section("Tables", *_tables(*tables)),
        )
    )


@body.register
def _sweep(report: Sweep) -> tuple[str, str]:
    named, axis = of_sweep(report), along(report)
    told = [
        f"{', '.join(str(value) for value in knee.point.values()) or 'The fleet'} serves 90 % in time up to "
        f"{knee.rate_rps:,.4g} requests a second{'' if knee.reached else ' at least'}."
        for knee in report.knees[:5]
    ]
    front = [named[i] for i in report.pareto] or named[:1]
    pictures = rising(report, axis) if axis else [costs.goodput(named), *costs.cached(named)]
    pictures.append(costs.latency_and_cost(named, report.pareto))
    spread = [distribution(key, front, report.slo) for key in ("ttft_s", "tpot_s")]
    title = f"{len(named)} points over {', '.join(report.over)} on {report.trace.name}"
    tables = [sheets.points(report), sheets.pools(named)]
    tables += [sheets.figures(named)] if len(named) <= FITS else []
    return title, "".join(
        (
            _lead(*(told or [f"{len(report.pareto)} of {len(named)} points are beaten by no other."])),
            section("What the settings do", cards(pictures)),
            section("How long requests take, on the Pareto front", cards(spread)),
            _times(named, best(named)),
            section("Tables", *_tables(*tables, sheets.intervals(named))),
        )
    )


def _lead(*sentences: str) -> str:
    return "".join(element("p", escape(each), class_="lead" if i == 0 else None) for i, each in enumerate(sentences))


def _heading(report: Context, title: str) -> str:
    fleet = f"{report.fleet.file}: {report.fleet.replicas} replicas, {report.fleet.gpus} GPUs, "
    kicker = f"weir {getattr(report, 'kind', '')} · {fleet}${report.fleet.usd_per_hour:,.2f} an hour"
    partial = "Partial: it was interrupted, and only the runs that were done are in it."
    warning = element("p", partial, class_="partial") if report.partial else ""
    return element("p", escape(kicker), class_="kicker") + element("h1", escape(title)) + warning


def _met(report: Replay) -> str:
    slo = f"a first token within {seconds(report.slo.ttft_s)} and later ones within {seconds(report.slo.tpot_s)}"
    said = f"{number(100.0 * report.goodput_share, 1)} % of {number(report.counted, 0)} measured requests met {slo}."
    return f"Unstable: the queue grew without end. {said}" if report.unstable else said


def _spent(report: Replay) -> str:
    return f"A million output tokens cost ${number(report.usd_per_million_tokens, 2)}."


def _tiles(of: Measured, whose: str = "") -> str:
    found = [
        Tile(f"{number(100.0 * of.goodput_share, 1)} %", f"served in time{whose}"),
        Tile(_time(of.ttft_s.p90), "TTFT p90"),
        Tile(_time(of.tpot_s.p90), "TPOT p90"),
        Tile(f"{number(100.0 * of.cached_token_share, 1)} %", "of prompt tokens cached"),
        Tile(f"${number(of.usd_per_million_tokens, 2)}", "per million output tokens"),
        Tile(number(of.tokens_per_joule, 2), "output tokens per joule"),
    ]
    return tiles(found)


def _time(value: float) -> str:
    return seconds(value) if isfinite(value) else "∞"


def _times(named: Sequence[Named], first: Named) -> str:
    """The pools over time under the one, the others' folded away."""
    if first.measured.timeline is None:
        return ""
    ranked = sorted(named, key=lambda one: (-one.measured.goodput_share, one.measured.ttft_s.p90))
    others = [one for one in ranked if one is not first and one.measured.timeline][:MOST_FOLDED]
    rest = [folded(f"… under {one.name}", _over_time(one)) for one in others]
    return section(f"Pools over time under {first.name}, first seed", _over_time(first), *rest)


def _over_time(one: Named) -> str:
    found: list[Card] = over_time(one.measured.timeline) if one.measured.timeline else []
    return cards(found)


def _tables(*of: Sheet | None) -> list[str]:
    return [_table(sheet) for sheet in of if sheet is not None]


def _table(sheet: Sheet) -> str:
    """Long ones are folded."""
    rows = len(sheet.shown or sheet.rows)
    return as_html(sheet) if rows <= LONG else folded(f"{sheet.title}: {rows} rows", as_html(sheet))


def _making(report: Context) -> str:
    """How the figures came about: what a sceptical reader asks."""
    varies = f"{report.seeds_asked}: {report.seeds_vary}" if report.seeds_asked > 1 else "one: nothing tells of chance"
    trace, slo = report.trace, report.slo
    facts = {
        "Trace": f"{trace.name}: {trace.requests:,} requests in {trace.span_s:,.0f} s, {trace.prompt_tokens:,.0f} "
        f"tokens in and {trace.output_tokens:,.0f} out on average, replayed at rate {report.rate}",
        "Deadlines": f"first token {slo.ttft_s:g} s, later tokens {slo.tpot_s:g} s each",
        "Percentiles": "over all arrivals after the warm-up; one that was never served is endlessly late",
        "Warm-up": f"the first {report.warmup_share:.0%} of the arrivals' span do not count",
        "Bills": "dollars, GPU-hours and joules are of the whole run, until its last token",
        "Seeds": varies,
        "Conditions": ", ".join(f"{key} {value}" for key, value in report.conditions.items()),
        "Notes": " ".join(report.notes) or "none",
        "Made by": f"weir {report.weir}, {report.runs_done} of {report.runs_asked} runs, {report.elapsed_s:.1f} s",
    }
    inside = "".join(element("dt", escape(key)) + element("dd", escape(value)) for key, value in facts.items())
    return element("footer", element("h2", "How this was made"), element("dl", inside))
