"""The table of one trace, in markdown."""

from collections.abc import Iterator, Mapping

from bench.policies.capacity import BEST
from bench.policies.contest import Outcomes
from bench.policies.plan import LOAD
from bench.policies.verdict import GOODPUT, TTFT, against, over_seeds, rivals
from sims.statistics import Interval

COLUMNS = {
    "p90 TTFT s": (TTFT, 3), "goodput": (GOODPUT, 3), "TTFT in time": ("in_ttft", 3), "p50 TTFT s": ("ttft_p50_s", 3),
    "p99 TTFT s": ("ttft_p99_s", 2), "mean TPOT ms": ("tpot_mean_s", 1), "cached": ("cached", 3),
    "TTFT predicted within": ("prediction_error", 2), "$ busy per 1,000": ("usd_per_thousand", 3),
    "J a request": ("joules_per_request", 0),
}  # fmt: skip


def table(trace: str, capacities: Mapping[str, float], slo: tuple[float, float], why: str, found: Outcomes) -> str:
    """Heading, one row a policy, then the paired differences."""
    return "\n".join([*_heading(trace, capacities, slo, why, found), *_rows(found), *_differences(found)])


def _heading(
    trace: str, capacities: Mapping[str, float], slo: tuple[float, float], why: str, found: Outcomes
) -> Iterator[str]:
    outcomes = next(iter(found.values()))
    rates = ", ".join(f"{model} {LOAD * rate:.2f} of {rate:.2f}" for model, rate in capacities.items())
    yield f"\n### {trace}: {len(outcomes)} seeds, {sum(one.requests for one in outcomes):,} requests a policy"
    yield f"requests/s at {LOAD:.0%} of capacity: {rates}"
    yield f"in time: first token within {slo[0]:g} s ({why}), mean of the others within {slo[1] * 1e3:g} ms"
    if refused := sum(one.refused for one in outcomes):
        yield f"left out: {refused / len(outcomes):.0f} requests a seed that are longer than their model's context"


def _rows(found: Outcomes) -> Iterator[str]:
    yield "| policy | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for policy in sorted(found, key=lambda policy: over_seeds(found[policy], TTFT).mean):
        cells = (_cell(over_seeds(found[policy], of), digits, of) for of, digits in COLUMNS.values())
        yield f"| {policy} | " + " | ".join(cells) + " |"


def _cell(over: Interval, digits: int, of: str) -> str:
    scale = 1e3 if of == "tpot_mean_s" else 1.0
    return f"{scale * over.mean:.{digits}f} ± {scale * over.half:.{digits}f}"


def _differences(found: Outcomes) -> Iterator[str]:
    yield f"{BEST} minus each, paired by seed:"
    for rival in rivals(found):
        ttft, good = against(found, rival, TTFT), against(found, rival, GOODPUT)
        first = f"p90 TTFT {ttft.difference.mean:+.3f} ± {ttft.difference.half:.3f} s"
        yield f"  {rival}: {first}, goodput {good.difference.mean:+.4f} ± {good.difference.half:.4f}"
