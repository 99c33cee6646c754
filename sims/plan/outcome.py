"""What a plan says: designs side by side, the one to deploy, its spares, its schedule, and how it was found."""

from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

from sims.plan.asked import Asked, Objective
from sims.plan.kinds import Kind, Rejected

HOURS_A_MONTH = 730.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Replicas of one kind in a design."""

    kind: Kind
    replicas: int
    role: str = "mixed"
    most_tokens: float | None = None  # only requests of so many are sent here, prompt and expected answer
    least_tokens: float | None = None  # only requests of more than this

    @property
    def usd_per_hour(self) -> float:
        """Rent."""
        return self.replicas * self.kind.usd_per_hour

    @property
    def gpus(self) -> int:
        """GPUs."""
        return self.replicas * self.kind.gpus

    @property
    def said(self) -> str:
        """In words."""
        where = "" if self.role == "mixed" else f" for {self.role}"
        where += " for short" if self.most_tokens is not None else ""
        where += " for long" if self.least_tokens is not None else ""
        return f"{self.replicas} × {self.kind.name}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One way to serve the traffic."""

    name: str
    parts: tuple[Part, ...] = ()
    meets: bool = False
    simulated: bool = False  # else by the latency model alone
    why: str = ""  # it was not simulated, or does not meet the deadlines
    deployable: bool = True  # by Weir's router as it stands
    policy: str = ""  # that routes it; empty for the one that was asked for
    settings: tuple[tuple[str, float], ...] = ()  # of that policy
    boundary: float | None = None  # tokens, prompt and expected answer, at which two pools divide
    gamma: float = 1.0  # prompts up to so many boundaries are compressed to it
    seeds: int = 0
    bound: float | None = None  # log of percentile over deadline that the next seed stays below
    margins: tuple[float, ...] = ()  # percentile over deadline, the mean over seeds, one a class and deadline
    watts: float | None = None
    joules_per_token: float | None = None  # output tokens
    cached_share: float | None = None
    utilisation: float | None = None

    @property
    def usd_per_hour(self) -> float:
        """Rent of all parts."""
        return sum(part.usd_per_hour for part in self.parts)

    @property
    def usd_per_month(self) -> float:
        """Rent of 730 hours."""
        return self.usd_per_hour * HOURS_A_MONTH

    def cost(self, objective: Objective) -> float:
        """The figure that is made small, an hour."""
        return sum(part.replicas * objective.hourly(part.kind.usd_per_hour, part.kind.watts) for part in self.parts)

    def routed(self, asked: Asked) -> Asked:
        """The request with the policy that routes this design."""
        return replace(asked, policy=self.policy, settings=self.settings) if self.policy else asked

    @property
    def gpus(self) -> int:
        """GPUs of all parts."""
        return sum(part.gpus for part in self.parts)

    @property
    def said(self) -> str:
        """The fleet in words."""
        return " + ".join(part.said for part in self.parts) or "no fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spares:
    """Replicas beyond those that the load asks for, so that failures do not show."""

    replicas: tuple[int, ...]  # one a part of the design
    replica_availability: float
    target: float
    reached: float  # probability that every part has enough replicas up
    usd_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Replicas by hour of the day; every tuple in `replicas` has one number a part."""

    load: tuple[float, ...]  # of the busiest window's, 24 numbers
    replicas: tuple[tuple[int, ...], ...]
    usd_per_month: float
    verified_hours: tuple[int, ...]  # simulated at their load


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer."""

    model: str
    policy: str  # that routes the chosen design
    settings: tuple[tuple[str, float], ...] = ()
    objective: str
    traffic: str  # what was simulated, in words
    rate_rps: float
    confidence: float
    chosen: Design
    designs: tuple[Design, ...]
    ideas: tuple[tuple[str, float], ...]  # what each saves of the best single kind's cost as the objective counts it
    spares: Spares | None = None
    schedule: Schedule | None = None
    rejected: tuple[Rejected, ...] = ()
    missing: tuple[str, ...] = ()  # what was not looked at, because somebody stopped the search
    fleets_simulated: int = 0
    seeds_simulated: int = 0
    wall_s: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def partial(self) -> bool:
        """Whether the search was stopped: a cheaper fleet may well be there."""
        return bool(self.missing)

    @property
    def marked(self) -> str:
        """What a partial plan says of itself; empty for a whole one."""
        if not self.missing:
            return ""
        seeds = f"simulated on {self.chosen.seeds} seeds and meets every deadline"
        return f"PARTIAL: stopped before it was done. This fleet was {seeds}; not looked at: {', '.join(self.missing)}."

    @property
    def replicas(self) -> tuple[int, ...]:
        """Of each part, spares among them."""
        more = self.spares.replicas if self.spares else (0,) * len(self.chosen.parts)
        return tuple(part.replicas + spare for part, spare in zip(self.chosen.parts, more, strict=True))

    @property
    def usd_per_month(self) -> float:
        """Rent of 730 hours, spares among it."""
        return HOURS_A_MONTH * sum(
            n * part.kind.usd_per_hour for n, part in zip(self.replicas, self.chosen.parts, strict=True)
        )


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan under stable keys; what is unknown is null."""
    out: dict[str, Any] = {
        name: getattr(plan, name)
        for name in ("partial", "model", "policy", "objective", "traffic", "rate_rps", "confidence", "usd_per_month",
                     "fleets_simulated", "seeds_simulated", "wall_s")
    }  # fmt: skip
    out["pools"] = [
        {**_part(part), "replicas": n, "spares": n - part.replicas}
        for part, n in zip(plan.chosen.parts, plan.replicas, strict=True)
    ]
    chosen = _design(plan.chosen)
    out |= {key: chosen[key] for key in (
        "boundary", "gamma", "prefill_to_decode", "joules_per_output_token", "margins")}  # fmt: skip
    out["availability"] = None if plan.spares is None else asdict(plan.spares)
    out["schedule"] = None if plan.schedule is None else asdict(plan.schedule)
    out["missing"] = list(plan.missing)
    out["settings"] = dict(plan.settings)
    out["designs"] = [_design(one) for one in plan.designs]
    out["saved_by"] = dict(plan.ideas)
    out["not_considered"] = [asdict(one) for one in plan.rejected]
    out["notes"] = list(plan.notes)
    found = _finite(out)
    assert isinstance(found, dict)
    return found


def ratio(design: Design) -> str | None:
    """Prefill replicas to decode replicas, where they are apart."""
    counts = {role: sum(part.replicas for part in design.parts if part.role == role) for role in ("prefill", "decode")}
    return f"{counts['prefill']}:{counts['decode']}" if all(counts.values()) else None


def _design(one: Design) -> dict[str, Any]:
    return {
        "name": one.name,
        "fleet": one.said,
        "pools": [_part(part) for part in one.parts],
        "gpus": one.gpus,
        "usd_per_hour": one.usd_per_hour,
        "usd_per_month": one.usd_per_month,
        "meets": one.meets,
        "simulated": one.simulated,
        "deployable": one.deployable,
        "why": one.why,
        "policy": one.policy or None,
        "settings": dict(one.settings),
        "boundary": one.boundary,
        "gamma": one.gamma,
        "prefill_to_decode": ratio(one),
        "seeds": one.seeds,
        "margins": list(one.margins),
        "watts": one.watts,
        "joules_per_output_token": one.joules_per_token,
        "cached_share": one.cached_share,
        "utilisation": one.utilisation,
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.kind.pool.name,
        "gpu": part.kind.pool.gpu,
        "region": part.kind.offer.region,
        "gpus_per_replica": part.kind.gpus,
        "replicas": part.replicas,
        "role": part.role,
        "most_tokens": part.most_tokens,
        "least_tokens": part.least_tokens,
        "usd_per_hour": part.usd_per_hour,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value
