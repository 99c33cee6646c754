"""What calibration may turn, and how far: a latency model under other constants."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policies.perf.latency import LatencyModel

OVERHEADS = {"slowdown": ("slowdown",), "host": ("host_s",)}
"""The deployment's own constants."""

STEPS = {
    "decode": ("base_s", "expert_s", "sequence_s"),
    "context": ("context_s",),
    "prompt": ("prefill_base_s", "token_s", "attention_s"),
    "host": ("host_s",),
}
"""Step coefficients that are scaled together, for hardware nobody profiled; slowdown is then 1."""

LEAST_HOST_S = 1e-6
"""Host work a sequence and step, at least: a factor cannot leave 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """A latency model to start from, the figures that turn together, and the floors under them."""

    start: LatencyModel
    turned: Mapping[str, tuple[str, ...]]
    floors: Mapping[str, float]  # least seconds by coefficient

    def least(self, knob: str) -> float:
        """The least factor of a knob: no coefficient below its floor, the slowdown's own included."""
        names = ("base_s", "context_s", "token_s", "attention_s") if knob == "slowdown" else self.turned[knob]
        scale = self.start.slowdown if knob == "slowdown" else 1.0
        bounds = [self.floors[name] / (scale * getattr(self.start, name)) for name in names if self._bounded(name)]
        return max(bounds, default=0.0)

    def turn(self, factors: Mapping[str, float]) -> LatencyModel:
        """The model with every knob's figures times its factor, at least its least one."""
        figures = {
            name: getattr(self.start, name) * max(factors[knob], self.least(knob))
            for knob, names in self.turned.items()
            for name in names
        }
        return replace(self.start, **figures)

    def _bounded(self, name: str) -> bool:
        return name in self.floors and getattr(self.start, name) > 0.0


def overheads(start: LatencyModel, floors: Mapping[str, float]) -> Knobs:
    """Slowdown and host work alone."""
    return Knobs(start=replace(start, host_s=max(start.host_s, LEAST_HOST_S)), turned=OVERHEADS, floors=floors)


def steps(start: LatencyModel, floors: Mapping[str, float]) -> Knobs:
    """The step coefficients too; the slowdown is taken into them."""
    scaled = {name: getattr(start, name) * start.slowdown for names in STEPS.values() for name in names}
    scaled["host_s"] = max(start.host_s, LEAST_HOST_S)
    return Knobs(start=replace(start, slowdown=1.0, **scaled), turned=STEPS, floors=floors)
