"""What a comparison says, in sentences that its figures bear out."""

from collections.abc import Mapping
from math import isfinite

from sims.measure.outcome import Outcome
from sims.measure.paired import paired
from sims.measure.seeds import Measured

Runs = Mapping[int, Outcome]


def compared(measured: Mapping[str, Measured], runs: Mapping[str, Runs], partial: bool) -> tuple[str, ...]:
    """Who serves most in time and how sure that is, what breaks down, and how much one may conclude."""
    best = max(measured, key=lambda name: (_known(measured[name].goodput_share), -measured[name].ttft_s.p90))
    mine = measured[best]
    said = [
        f"{best} serves the most requests within their deadlines: {mine.goodput_share:.1%}, 90 % of first tokens "
        f"within {_seconds(mine.ttft_s.p90)}."
    ]
    said += _right(measured)
    said += [_against(best, name, measured, runs) for name in _next(measured, best)]
    unstable = [name for name, each in measured.items() if each.unstable]
    if unstable:
        said.append(f"Unstable, the queue growing without end: {', '.join(unstable)}.")
    if mine.seeds == 1:
        said.append("One seed says nothing of chance: --seeds 8 gives 95 % intervals.")
    if partial:
        said.append("This is partial: it was interrupted.")
    return tuple(said)


def _right(measured: Mapping[str, Measured]) -> list[str]:
    """Who gives the most right answers in time, and at what price, where answers are judged."""
    judged = {name: each for name, each in measured.items() if isfinite(each.quality_in_time)}
    if not judged:
        return []
    best = max(judged, key=lambda name: judged[name].quality_in_time)
    mine = judged[best]
    price = f", ${mine.usd_per_thousand_right:,.3f} per 1,000 of them" if isfinite(mine.usd_per_thousand_right) else ""
    return [f"{best} gives the most right answers in time: {mine.quality_in_time:.1%} of requests{price}."]


def _next(measured: Mapping[str, Measured], best: str) -> list[str]:
    """The two that come nearest, in goodput."""
    others = [name for name in measured if name != best]
    return sorted(others, key=lambda name: -_known(measured[name].goodput_share))[:2]


def _against(best: str, name: str, measured: Mapping[str, Measured], runs: Mapping[str, Runs]) -> str:
    points = 100.0 * (measured[best].goodput_share - measured[name].goodput_share)
    mine, theirs = measured[best].ttft_s.p90, measured[name].ttft_s.p90
    said = f"Beside {name} that is {points:.1f} points more"
    if isfinite(mine) and isfinite(theirs) and mine > 0.0:
        said += f", and {name}'s p90 TTFT is {theirs / mine:.2f} times as long"
    both = [seed for seed in runs[best] if seed in runs[name]]
    if len(both) < 2:
        return f"{said}."
    found = paired([runs[best][seed] for seed in both], [runs[name][seed] for seed in both])["ttft_s.p90"]
    sure = {True: "shorter for certain", False: "longer for certain", None: "not told apart by these seeds"}
    return f"{said}; seed by seed {best}'s p90 is {sure[found.better]} (95 %), shorter in {found.wins} of {len(both)}."


def _known(value: float) -> float:
    return value if isfinite(value) else -1.0


def _seconds(value: float) -> str:
    if not isfinite(value):
        return "no bounded time"
    return f"{1e3 * value:.0f} ms" if value < 1.0 else f"{value:.2f} s"
