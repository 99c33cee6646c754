"""`weir plan`: which GPUs, how many, for this traffic and these deadlines, and what it costs."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.chosen import Policy, Set
from cli.door import WrongUse
from cli.output import Json
from cli.sent import Sent
from cli.simulated import Html
from cli.spread import spread

if TYPE_CHECKING:
    from sims.plan.asked import Asked

OPTIONS = {"settings": "set"}  # fields that are not called like their option


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A request as options give it."""

    model: Annotated[str, typer.Option(help="A model profile; a wrong name lists the known ones.")] = ""
    gpus: Annotated[
        str, typer.Option(metavar="A,B,…", help="GPUs that may be rented; GPU@REGION where regions matter.")
    ] = ""
    slo: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME<=TOKENS:]ttft_p90=S,tpot_p90=S", help="Deadlines; may be repeated, a class each."),
    ] = None
    request: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The request as YAML, in place of these options.")
    ] = None
    sizes: Annotated[str, typer.Option(metavar="1,2,…", help="GPUs that a replica may span.")] = "1,2,4,8"
    inventory: Annotated[
        str, typer.Option(metavar="GPU=N,…", help="How many GPUs there are; as many as wanted else.")
    ] = ""
    price: Annotated[str, typer.Option(metavar="GPU=USD,…", help="Dollars a GPU-hour, in place of the profile's.")] = ""
    regions: Annotated[str, typer.Option(metavar="A,B,…", help="Where GPUs may be rented; anywhere else.")] = ""
    objective: Annotated[str, typer.Option(metavar="usd|energy|weighted", help="What to make small.")] = "usd"
    usd_per_kwh: Annotated[float, typer.Option(min=0.0, help="Dollars a kWh, for the weighted objective.")] = 0.12
    availability: Annotated[float, typer.Option(min=0.0, max=0.9999999, help="Chance that enough replicas are up.")] = (
        0.0
    )
    max_watts: Annotated[float, typer.Option(min=0.0, help="Cap on what all GPUs may draw.", show_default="none")] = 0.0
    max_usd: Annotated[float, typer.Option(min=0.0, help="Cap on dollars an hour.", show_default="none")] = 0.0
    policy: Policy = "shortest_ttft"
    settings: Set = None
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="That another seed meets the deadlines, too.")
    ] = 0.95
    seeds: Annotated[int, typer.Option(min=2, help="Draws of the traffic that a fleet must pass.")] = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much of the traffic is simulated, and how far is looked."""

    window: Annotated[int, typer.Option(min=100, help="Requests simulated a seed: the busiest so many.")] = 20_000
    trials: Annotated[int, typer.Option(min=0, help="Fleets tried to find a cheaper one, at most.")] = 60
    compressible: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of prompts that may be compressed.")] = (
        0.0
    )
    max_gamma: Annotated[
        float, typer.Option(min=1.0, max=4.0, help="Compressed are prompts up to so many boundaries.")
    ] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the plan is written."""

    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FLEET.yaml", help="Write the fleet file.")] = None
    helm: Annotated[Path | None, typer.Option(metavar="VALUES.yaml", help="Write the Helm values that deploy it.")] = (
        None
    )
    json_to: Json = ""
    html: Html = None


@spread
def plan(sent: Sent, options: Options, effort: Effort, places: Places) -> None:
    """Find the cheapest fleet that keeps the deadlines for this traffic, by simulation under the policy to run live."""
    from cli.planned import planned, publish, read_traffic
    from cli.running import check_places

    check_places(places.json_to, places.html, places.out, places.helm)
    asked = asked_for(options)
    found, status = planned(asked, read_traffic(sent), effort)
    publish(found, asked, places)
    raise typer.Exit(status)


def asked_for(options: Options) -> "Asked":
    """The request; raises `WrongUse`, `BadFile`, `UnknownName` for what is wrong with it."""
    from cli.planned import sentences
    from sims.plan.wording import from_file

    if options.request is None:
        if not options.model or not options.gpus or not options.slo:
            raise WrongUse("say --model, --gpus and --slo, or --request FILE: e.g. --model llama-3.1-8b "
                           "--gpus h100-sxm,a100-80 --slo ttft_p90=1.0,tpot_p90=0.05")  # fmt: skip
        with sentences():
            return _asked(options)
    twice = [each.name for each in fields(options) if getattr(options, each.name) != each.default]
    twice.remove("request")
    if twice:
        named = ", ".join(f"--{OPTIONS.get(name, name).replace('_', '-')}" for name in twice)
        raise WrongUse(f"{options.request} says what is asked: drop {named}")
    with sentences():
        return from_file(options.request)


def _asked(options: Options) -> "Asked":
    from math import inf

    from cli.chosen import checked
    from sims.plan.asked import Asked, Limits
    from sims.plan.wording import numbers, objective, offers, slo_class

    counts, prices = numbers("inventory", options.inventory), numbers("price", options.price)
    return Asked(
        model=options.model,
        offers=offers(_names(options.gpus), counts, prices, _sizes(options.sizes)),
        classes=tuple(slo_class(each) for each in options.slo or ()),
        objective=objective(options.objective, options.usd_per_kwh),
        limits=Limits(
            most_watts=options.max_watts or inf,
            most_usd_per_hour=options.max_usd or inf,
            availability=options.availability,
            regions=tuple(_names(options.regions)),
        ),
        policy=options.policy,
        settings=checked(options.policy, options.settings or ()),
        confidence=options.confidence,
        seeds=options.seeds,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _sizes(text: str) -> list[int]:
    parts = _names(text)
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise WrongUse(f"--sizes {text}: write the GPUs a replica may span, as 1,2,4")
    return sorted({int(part) for part in parts})
