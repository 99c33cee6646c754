"""What all runs of one command have in common, and the runs themselves as plain data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import policies
import sims
from policies.registry import BadSetting
from sims.engine.conditions import Conditions
from sims.measure.window import WARM_UP
from sims.select.judging import Judging
from sims.sweep.paths import Point, Value
from sims.sweep.traffic import Recorded, Traffic
from weir.fleetfile import FleetFile


class BadRate(BadSetting):
    """A rate that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast requests come: `times` the trace's own rate, unless `rps` says how many a second."""

    times: float = 1.0
    rps: float = 0.0

    @classmethod
    def of(cls, given: Value) -> "Rate":
        """From x2 or ×2 (twice as fast) or 12.5 (requests a second); raises `BadRate`."""
        text = str(given).replace("×", "x", 1)
        try:
            number = float(text.removeprefix("x"))
        except ValueError:
            number = -1.0
        if not 0.0 < number < float("inf"):
            raise BadRate(f"a rate of {text!r}: write x2 for twice the trace's own, or 12.5 for requests a second")
        return cls(times=number) if text.startswith("x") else cls(rps=number)

    def requests_a_second(self, own_rps: float) -> float:
        """The rate, of a trace whose own is that."""
        return self.rps or self.times * own_rps

    def __str__(self) -> str:
        return f"{self.rps:g}" if self.rps else f"x{self.times:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is common to all runs; a point changes some of it."""

    traffic: Traffic
    own_rps: float  # the trace's own rate, of which a point's is a multiple
    fleet: FleetFile
    policy: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    rate: Rate = field(default_factory=Rate)
    shares: Mapping[str, float] = field(default_factory=dict)  # of requests by model, where the trace names none
    conditions: Conditions = field(default_factory=Conditions)
    warmup: float = WARM_UP
    judging: Judging | None = None  # models are chosen as well; None: requests are for the models that they name

    def fingerprint(self) -> str:
        """A hash of all of it, and of the code that simulates: what a finished run's result hangs on."""
        digest = hashlib.sha256(code().encode())
        told = {
            "fleet": self.fleet.model_dump(mode="json"),
            "traffic": self.traffic.name,
            "own_rps": self.own_rps,
            "rest": [self.policy, dict(self.settings), asdict(self.rate), dict(self.shares), self.warmup],
            "conditions": asdict(self.conditions),
            "judging": self.judging.fingerprint() if self.judging else "",
        }
        if isinstance(self.traffic, Recorded):
            told["again"] = self.traffic.again
            for column in (
                "at",
                "prompt_tokens",
                "output_tokens",
                "session",
                "after_s",
                "model",
                "slo",
                "blocks",
                "ends",
                "visual_tokens",
                "topic",
            ):
                digest.update(getattr(self.traffic.arrivals, column).tobytes())
        else:
            told["traffic"] = repr(self.traffic)
        digest.update(json.dumps(told, sort_keys=True).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One simulation: a point and a seed."""

    point: Point
    seed: int

    def key(self, fingerprint: str) -> str:
        """What its result is found by."""
        told = json.dumps([fingerprint, sorted(self.point), self.seed])
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def code() -> str:
    """A hash of the sources that make a result."""
    digest = hashlib.sha256()
    for package in (policies, sims):
        for folder in package.__path__:
            for source in sorted(Path(folder).rglob("*.py")) + sorted(Path(folder).rglob("*.toml")):
                digest.update(source.read_bytes())
    return digest.hexdigest()
