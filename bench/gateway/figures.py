"""Figures and their targets: medians over rounds, and medians of the ratio between two targets within a round."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from bench.gateway.measure import DIRECT
from bench.gateway.sample import Sample
from bench.gateway.weir import NAME as WEIR

CHAT_64, STREAM_64, STREAM_256 = "chat c=64", "stream c=64", "stream c=256"
SGLANG = "sglang_cache_aware"
RIVALS = (SGLANG, "sglang_round_robin", "vllm_cache_aware", "vllm_round_robin", "envoy", "nginx", "litellm")

Value = Callable[[Sample], float | None]
Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a figure has to reach, or to stay under."""

    least: float | None = None
    most: float | None = None

    def holds(self, figure: float | None) -> bool:
        """A figure that could not be measured holds nothing."""
        if figure is None:
            return False
        return (self.least is None or figure >= self.least) and (self.most is None or figure <= self.most)

    def as_json(self) -> dict[str, float]:
        """The sides that are set."""
        return {side: value for side, value in (("least", self.least), ("most", self.most)) if value is not None}


TARGETS = {
    f"rps_per_core_over_{SGLANG}": Bound(least=2.5),
    "rps_per_core_over_envoy": Bound(least=1.5),
    "rps_per_core_over_nginx": Bound(least=0.3),
    "rps_per_core_over_litellm": Bound(least=100),
    f"cpu_per_event_over_{SGLANG}": Bound(most=0.9),
    "added_ttft_p50_ms": Bound(most=0.5),
    f"added_ttft_p99_over_{SGLANG}": Bound(most=0.5),
    "worker_rss_mb": Bound(most=50),
    "weir_errors": Bound(most=0),
}


class Measured:
    """Samples looked up by target and cell."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def values(self, target: str, cell: str, value: Value) -> dict[int, float]:
        """One value a round."""
        mine = (sample for sample in self.samples if (sample.target, sample.cell) == (target, cell))
        return {sample.round: number for sample in mine if (number := value(sample)) is not None}

    def median(self, target: str, cell: str, value: Value) -> float | None:
        """The median over rounds."""
        return middle(list(self.values(target, cell, value).values()))

    def ratio(self, cell: str, value: Value, over: str) -> float | None:
        """Weir's value over another target's: the median over the rounds in which both ran."""
        ours, theirs = self.values(WEIR, cell, value), self.values(over, cell, value)
        return middle([ours[round_] / theirs[round_] for round_ in ours.keys() & theirs.keys() if theirs[round_]])

    def added_ms(self, target: str, cell: str, value: Value) -> float | None:
        """Milliseconds that a target adds to the mock's own: the median over rounds."""
        ours, direct = self.values(target, cell, value), self.values(DIRECT, cell, value)
        return middle([(ours[round_] - direct[round_]) / 1e3 for round_ in ours.keys() & direct.keys()])


def middle(values: list[float]) -> float | None:
    """The median, or None of nothing."""
    return median(values) if values else None


def figures(samples: list[Sample]) -> Figures:
    """Every figure; None where a target is missing."""
    measured = Measured(samples)
    found = {**ratios(measured), **latencies(measured), **absolutes(measured)}
    return {name: None if value is None else round(value, 4) for name, value in found.items()}


def ratios(measured: Measured) -> Figures:
    """Weir over each rival: requests a second on one core (more is better), CPU time (less is better)."""
    return {
        **{f"rps_per_core_over_{rival}": measured.ratio(CHAT_64, lambda s: s.rps, rival) for rival in RIVALS},
        **{
            f"cpu_per_request_over_{rival}": measured.ratio(CHAT_64, lambda s: s.cpu_us_request, rival)
            for rival in RIVALS
        },
        **{
            f"cpu_per_event_over_{rival}": measured.ratio(STREAM_256, lambda s: s.cpu_us_event, rival)
            for rival in RIVALS[:-1]
        },
    }


def latencies(measured: Measured) -> Figures:
    """TTFT that Weir and sglang-router add at 64 streams."""
    ours = measured.added_ms(WEIR, STREAM_64, lambda s: s.ttft_p99_us)
    theirs = measured.added_ms(SGLANG, STREAM_64, lambda s: s.ttft_p99_us)
    return {
        "added_ttft_p50_ms": measured.added_ms(WEIR, STREAM_64, lambda s: s.ttft_p50_us),
        "added_ttft_p99_ms": ours,
        f"{SGLANG}_added_ttft_p99_ms": theirs,
        f"added_ttft_p99_over_{SGLANG}": None if ours is None or theirs is None or theirs <= 0 else ours / theirs,
    }


def absolutes(measured: Measured) -> Figures:
    """Weir's own medians, its worker (the process that works most), its failed requests."""
    ours = [sample for sample in measured.samples if sample.target == WEIR]
    return {
        "weir_rps_per_core": measured.median(WEIR, CHAT_64, lambda s: s.rps),
        "weir_cpu_us_per_request": measured.median(WEIR, CHAT_64, lambda s: s.cpu_us_request),
        "weir_cpu_us_per_event": measured.median(WEIR, STREAM_256, lambda s: s.cpu_us_event),
        "worker_rss_mb": max((sample.busiest_mb for sample in ours), default=None),
        "weir_errors": float(sum(sample.errors for sample in ours)) if ours else None,
    }


def missed(found: Figures) -> Iterator[str]:
    """Targets that are not met, each in words."""
    for name, bound in TARGETS.items():
        if not bound.holds(found[name]):
            yield f"{name} is {found[name]}, target {bound.as_json()}"
