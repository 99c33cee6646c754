"""A request in words: the options of `weir plan` and its YAML file, as values."""

import re
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from policies.perf.profiles import gpu
from sims.plan.asked import ENERGY, USD, Asked, Deadline, Limits, NoPlan, Objective, Offer, SloClass
from weir.fleetfile import Engine, Strict
from weir.strictyaml import load

USD_PER_KWH = 0.12
"""Electricity for industry in many places; say --usd-per-kwh where it differs."""

SIZES = (1, 2, 4, 8)
LIMIT = re.compile(r"^(ttft|tpot)_p(\d+(?:\.\d+)?)=([0-9.]+(?:e-?\d+)?)$")
OBJECTIVES = ("usd", "energy", "weighted")


class Percentile(Strict):
    """A deadline."""

    seconds: PositiveFloat
    percentile: float = Field(default=90.0, gt=0.0, lt=100.0)


class ClassOf(Strict):
    """An SLO class."""

    name: str = "all"
    most_prompt: PositiveInt | None = None
    ttft: Percentile | None = None
    tpot: Percentile | None = None


class OfferOf(Strict):
    """GPUs that may be rented."""

    gpu: str
    gpus_per_replica: list[PositiveInt] = Field(default_factory=lambda: list(SIZES))
    count: PositiveInt | None = None
    price: PositiveFloat | None = None
    region: str = ""
    network_s: NonNegativeFloat = 0.0


class PlanFile(Strict):
    """A whole request."""

    model: str
    gpus: list[OfferOf] = Field(min_length=1)
    slo: list[ClassOf] = Field(min_length=1)
    objective: Literal["usd", "energy", "weighted"] = "usd"
    usd_per_kwh: PositiveFloat = USD_PER_KWH
    availability: float = Field(default=0.0, ge=0.0, lt=1.0)
    most_watts: PositiveFloat | None = None
    most_usd_per_hour: PositiveFloat | None = None
    regions: list[str] = Field(default_factory=list)
    policy: str = "shortest_ttft"
    settings: dict[str, float] = Field(default_factory=dict)
    confidence: float = Field(default=0.95, ge=0.5, lt=1.0)
    seeds: int = Field(default=8, ge=2)
    engine: Engine = Engine()


def from_file(path: Path) -> Asked:
    """The request in a YAML file; `weir.strictyaml.BadFile` names file, line and key of what is wrong."""
    return from_parts(load(path, PlanFile))


def from_parts(given: PlanFile) -> Asked:
    """The request as values; raises UnknownProfile for a GPU nobody knows."""
    return Asked(
        model=given.model,
        offers=tuple(_offer(one) for one in given.gpus),
        classes=tuple(_class(one) for one in given.slo),
        objective=objective(given.objective, given.usd_per_kwh),
        limits=Limits(
            most_watts=given.most_watts or inf,
            most_usd_per_hour=given.most_usd_per_hour or inf,
            availability=given.availability,
            regions=tuple(given.regions),
        ),
        policy=given.policy,
        settings=tuple(given.settings.items()),
        confidence=given.confidence,
        seeds=given.seeds,
        engine=given.engine,
    )


def objective(name: str, usd_per_kwh: float = USD_PER_KWH) -> Objective:
    """The objective of that name; raises NoPlan for another."""
    if name not in OBJECTIVES:
        raise NoPlan(f"there is no objective {name!r}: {', '.join(OBJECTIVES)}")
    weighted = Objective(name="weighted", usd=1.0, usd_per_kwh=usd_per_kwh)
    return {"usd": USD, "energy": ENERGY, "weighted": weighted}[name]


def offers(
    names: Sequence[str], counts: Mapping[str, float], prices: Mapping[str, float], sizes: Sequence[int] = SIZES
) -> tuple[Offer, ...]:
    """GPUs by name, GPU@REGION where it matters; raises UnknownProfile for one nobody knows, NoPlan for counts and
    prices of others."""
    for what, given in (("inventory", counts), ("price", prices)):
        for name in set(given) - set(names):
            raise NoPlan(f"--{what} names {name}, which --gpus does not offer ({', '.join(names)})")
    found = []
    for name in dict.fromkeys(names):
        profile, _, region = name.partition("@")
        gpu(profile)
        count = int(counts[name]) if name in counts else None
        found.append(Offer(gpu=profile, sizes=tuple(sizes), count=count, price=prices.get(name), region=region))
    return tuple(found)


def numbers(option: str, text: str) -> dict[str, float]:
    """NAME=NUMBER,... as numbers; raises NoPlan."""
    found: dict[str, float] = {}
    for pair in filter(None, text.split(",")):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise NoPlan(f"--{option} {pair}: write --{option} gpu=number,...") from None
        if not 0.0 < found[name.strip()] < inf:
            raise NoPlan(f"--{option} {pair}: give a number above 0")
    return found


def slo_class(text: str) -> SloClass:
    """A class from `ttft_p90=1.0,tpot_p90=0.05`, before it `NAME:` or `NAME<=TOKENS:`; raises NoPlan."""
    head, colon, tail = text.rpartition(":")
    name, _, most = head.partition("<=")
    limits: dict[str, Deadline] = {}
    for each in filter(None, (tail if colon else text).split(",")):
        match = LIMIT.match(each.strip())
        if match is None or float(match[3]) <= 0.0 or not 0.0 < float(match[2]) < 100.0:
            raise NoPlan(f"--slo {each}: write ttft_p90=1.0,tpot_p90=0.05, before it NAME<=PROMPT_TOKENS: for a class")
        limits[match[1]] = Deadline(seconds=float(match[3]), percentile=float(match[2]))
    if most and not most.isdecimal():
        raise NoPlan(f"--slo {text}: {most!r} is no number of prompt tokens")
    if not limits:
        raise NoPlan(f"--slo {text!r} has no deadline: write ttft_p90=1.0,tpot_p90=0.05")
    return SloClass(
        name=name or "all", most_prompt=float(most) if most else inf, ttft=limits.get("ttft"), tpot=limits.get("tpot")
    )


def _offer(one: OfferOf) -> Offer:
    gpu(one.gpu)
    return Offer(
        gpu=one.gpu, sizes=tuple(one.gpus_per_replica), count=one.count, price=one.price, region=one.region,
        network_s=one.network_s,
    )  # fmt: skip


def _class(one: ClassOf) -> SloClass:
    deadlines = {
        what: Deadline(seconds=given.seconds, percentile=given.percentile)
        for what, given in (("ttft", one.ttft), ("tpot", one.tpot))
        if given is not None
    }
    if not deadlines:
        raise NoPlan(f"SLO class {one.name} has no deadline: give ttft or tpot")
    return SloClass(name=one.name, most_prompt=float(one.most_prompt or inf), **deadlines)
