"""The table of one run, in markdown."""

from collections.abc import Callable, Iterator
from statistics import median

from bench.gateway.figures import TARGETS, Figures, Measured, Value
from bench.gateway.measure import Results
from bench.gateway.sample import Sample

QUIET = 0.1  # cores of other load up to which rates and latencies mean something
Column = Callable[[Measured, str, str], str]


def table(results: Results, found: Figures) -> str:
    """Versions, one table a cell, then figures against their targets."""
    return "\n".join([*header(results), *cells(results.samples), *targets(found)])


def header(results: Results) -> Iterator[str]:
    """What was measured and what was not."""
    yield "versions: " + ", ".join(f"{name} {version}" for name, version in results.versions.items())
    for name, reason in results.skipped.items():
        yield f"skipped: {name}: {reason}"
    other = other_cores(results.samples)
    yield f"other load while measuring: {other:.2f} cores" + (" (too much to quote rates)" if other > QUIET else "")


def other_cores(samples: list[Sample]) -> float:
    """Median of the cores that anything else used meanwhile."""
    return median([sample.other_cores for sample in samples]) if samples else 0.0


def cells(samples: list[Sample]) -> Iterator[str]:
    """One table a cell, the cheapest target first."""
    measured = Measured(samples)
    for cell in dict.fromkeys(sample.cell for sample in samples):
        columns = STREAM_COLUMNS if cell.startswith("stream") else CHAT_COLUMNS
        names = dict.fromkeys(sample.target for sample in samples if sample.cell == cell)
        yield f"\n### {cell}"
        yield "| target | " + " | ".join(columns) + " |"
        yield "|---" * (len(columns) + 1) + "|"
        for name in sorted(names, key=lambda name: measured.median(name, cell, lambda s: s.cpu_us_request) or 0.0):
            yield f"| {name} | " + " | ".join(column(measured, name, cell) for column in columns.values()) + " |"


def middle_of(value: Value, scale: float = 1.0) -> Column:
    """A column of medians."""

    def column(measured: Measured, name: str, cell: str) -> str:
        number = measured.median(name, cell, value)
        return "-" if number is None else show(number * scale)

    return column


def added(value: Value) -> Column:
    """A column of milliseconds more than direct."""

    def column(measured: Measured, name: str, cell: str) -> str:
        number = measured.added_ms(name, cell, value)
        return "-" if number is None else show(number)

    return column


def spread(measured: Measured, name: str, cell: str) -> str:
    """How far apart the rounds' requests a second are, as a share of their median."""
    values = list(measured.values(name, cell, lambda s: s.rps).values())
    return f"{(max(values) - min(values)) / median(values):.0%}" if values and median(values) else "-"


def total_errors(measured: Measured, name: str, cell: str) -> str:
    """Failed requests of all rounds."""
    return show(sum(measured.values(name, cell, lambda s: float(s.errors)).values()))


def rounds(measured: Measured, name: str, cell: str) -> str:
    """How many rounds there were."""
    return str(len(measured.values(name, cell, lambda s: s.rps)))


def show(number: float) -> str:
    """Three digits that matter."""
    return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"


CHAT_COLUMNS: dict[str, Column] = {
    "rounds": rounds,
    "req/s": middle_of(lambda s: s.rps),
    "spread": spread,
    "CPU us/req": middle_of(lambda s: s.cpu_us_request),
    "cores": middle_of(lambda s: s.cores),
    "p50 us": middle_of(lambda s: s.latency_p50_us),
    "p99 us": middle_of(lambda s: s.latency_p99_us),
    "RSS MB": middle_of(lambda s: s.rss_mb),
    "busiest process MB": middle_of(lambda s: s.busiest_mb),
    "errors": total_errors,
}

STREAM_COLUMNS: dict[str, Column] = {
    "rounds": rounds,
    "events/s": middle_of(lambda s: s.events_per_s),
    "spread": spread,
    "CPU us/event": middle_of(lambda s: s.cpu_us_event),
    "cores": middle_of(lambda s: s.cores),
    "TTFT p50 ms": middle_of(lambda s: s.ttft_p50_us, 1e-3),
    "TTFT p99 ms": middle_of(lambda s: s.ttft_p99_us, 1e-3),
    "added TTFT p50 ms": added(lambda s: s.ttft_p50_us),
    "added TTFT p99 ms": added(lambda s: s.ttft_p99_us),
    "gap p99 ms": middle_of(lambda s: s.gap_p99_us, 1e-3),
    "RSS MB": middle_of(lambda s: s.rss_mb),
    "busiest process MB": middle_of(lambda s: s.busiest_mb),
    "errors": total_errors,
}


def targets(found: Figures) -> Iterator[str]:
    """Each figure with a target, and whether it is met."""
    yield "\n### targets"
    yield "| figure | measured | target | met |"
    yield "|---|---|---|---|"
    for name, bound in TARGETS.items():
        figure = found[name]
        wanted = " and ".join(f"at {side} {value:g}" for side, value in bound.as_json().items())
        met = "yes" if bound.holds(figure) else "no"
        yield f"| {name} | {'-' if figure is None else f'{figure:.3g}'} | {wanted} | {met} |"
