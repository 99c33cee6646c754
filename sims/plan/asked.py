"""What a plan is asked for: deadlines, what may be rented, what counts as cheap, and what is forbidden."""

from dataclasses import dataclass
from math import inf

from weir.fleetfile import Engine


class NoPlan(ValueError):
    """No fleet does what was asked; the sentence says which limit stands in the way and by how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A percentile that must not be later than so many seconds."""

    seconds: float
    percentile: float = 90.0  # of the requests of its class

    def __post_init__(self) -> None:
        if not self.seconds > 0.0 or not 0.0 < self.percentile < 100.0:
            raise ValueError(f"a deadline needs seconds above 0 and a percentile in between 0 and 100, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SloClass:
    """Requests of some lengths and their deadlines. A request belongs to the first class its prompt fits in."""

    name: str = "all"
    most_prompt: float = inf  # tokens; longer prompts belong to a later class
    ttft: Deadline | None = None
    tpot: Deadline | None = None

    def __post_init__(self) -> None:
        if self.ttft is None and self.tpot is None:
            raise ValueError(f"SLO class {self.name} has no deadline: give ttft_p90 or tpot_p90")

    @property
    def limits(self) -> tuple[tuple[str, Deadline], ...]:
        """The deadlines there are, with what they bound."""
        given = (("ttft", self.ttft), ("tpot", self.tpot))
        return tuple((what, limit) for what, limit in given if limit is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """GPUs of one type that may be rented in one region."""

    gpu: str
    sizes: tuple[int, ...] = (1, 2, 4, 8)  # GPUs a replica may span
    count: int | None = None  # GPUs there are; None: as many as wanted
    price: float | None = None  # dollars a GPU-hour; the profile's when None
    region: str = ""
    network_s: float = 0.0  # seconds from the clients to that region and back

    @property
    def name(self) -> str:
        """What to call it."""
        return f"{self.gpu}@{self.region}" if self.region else self.gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is made small: dollars an hour, each of rent and of electricity with its weight."""

    name: str = "usd"
    usd: float = 1.0  # weight of a rented dollar
    usd_per_kwh: float = 0.0  # weight of a kilowatt-hour

    def hourly(self, usd: float, watts: float) -> float:
        """The figure to make small for a fleet of that rent an hour and that draw."""
        return self.usd * usd + self.usd_per_kwh * watts / 1000.0


STANDARD = Engine()
USD = Objective()
ENERGY = Objective(name="energy", usd=0.0, usd_per_kwh=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What no plan may exceed."""

    most_watts: float = inf  # power limits of all GPUs together
    most_usd_per_hour: float = inf
    most_replicas: int = 2000
    availability: float = 0.0  # probability that enough replicas are up; 0: no spares
    regions: tuple[str, ...] = ()  # where GPUs may be rented; empty: anywhere


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The whole request but the traffic."""

    model: str
    offers: tuple[Offer, ...]
    classes: tuple[SloClass, ...]
    objective: Objective = USD
    limits: Limits = UNLIMITED
    policy: str = "shortest_ttft"
    settings: tuple[tuple[str, float], ...] = ()  # of the policy
    confidence: float = 0.95  # that the next seed meets the deadlines, too
    seeds: int = 8
    first_seed: int = 0
    engine: Engine = STANDARD  # how every pool's engines are started; its calibration, where there is one

    def __post_init__(self) -> None:
        if not self.offers:
            raise NoPlan("no GPU is offered: name some with --gpus")
        if not self.classes:
            raise ValueError("a plan needs at least one SLO class")
        if not 0.5 <= self.confidence < 1.0:
            raise ValueError(f"confidence must be 0.5 or more and below 1, not {self.confidence:g}")
        if self.seeds < 2:
            raise ValueError(f"{self.seeds} seeds say nothing of chance: ask for 2 or more")

    @property
    def slo(self) -> tuple[float, float]:
        """The tightest (ttft, tpot) seconds: what the policy is told."""
        ttft = [one.ttft.seconds for one in self.classes if one.ttft]
        tpot = [one.tpot.seconds for one in self.classes if one.tpot]
        return min(ttft, default=2.0), min(tpot, default=0.1)
