"""`weir plan`: which GPUs, how many, for this traffic and these deadlines, and what it costs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.chosen import Policy, Set
from cli.door import WrongUse
from cli.output import Json
from cli.simulated import Format, From, Html, Rate, Requests, To, Trace

if TYPE_CHECKING:
    from sims.plan.asked import Asked

Model = Annotated[str, typer.Option(help="A model profile; a wrong name lists the known ones.")]
Gpus = Annotated[str, typer.Option(metavar="A,B,…", help="GPUs that may be rented.")]
Slo = Annotated[
    list[str] | None,
    typer.Option(metavar="[NAME<=TOKENS:]ttft_p90=S,tpot_p90=S", help="Deadlines; may be repeated, a class each."),
]
Request = Annotated[Path | None, typer.Option(metavar="FILE", help="The request as YAML, in place of these options.")]
Sizes = Annotated[str, typer.Option(metavar="1,2,…", help="GPUs that a replica may span.")]
Inventory = Annotated[str, typer.Option(metavar="GPU=N,…", help="How many GPUs there are; as many as wanted else.")]
Price = Annotated[str, typer.Option(metavar="GPU=USD,…", help="Dollars a GPU-hour, in place of the profile's.")]
Aim = Annotated[str, typer.Option(metavar="usd|energy|weighted", help="What to make small.")]
PerKwh = Annotated[float, typer.Option(min=0.0, help="Dollars a kWh, for the weighted objective.")]
Availability = Annotated[float, typer.Option(min=0.0, max=0.9999999, help="Chance that enough replicas are up.")]
Watts = Annotated[float, typer.Option(min=0.0, help="Cap on what all GPUs may draw.", show_default="none")]
Usd = Annotated[float, typer.Option("--max-usd", min=0.0, help="Cap on dollars an hour.", show_default="none")]
Confidence = Annotated[float, typer.Option(min=0.5, max=0.999, help="That another seed meets the deadlines, too.")]
SeedCount = Annotated[int, typer.Option(min=2, help="Draws of the traffic that a fleet must pass.")]
Window = Annotated[int, typer.Option(min=100, help="Requests simulated a seed: the busiest so many.")]
Trials = Annotated[int, typer.Option(min=0, help="Fleets tried to find a cheaper one, at most.")]
Compressible = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of prompts that may be compressed.")]
Gamma = Annotated[float, typer.Option(min=1.0, max=4.0, help="Compressed are prompts up to so many boundaries.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FLEET.yaml", help="Write the fleet file.")]
Helm = Annotated[Path | None, typer.Option(metavar="VALUES.yaml", help="Write the values that deploy it.")]


def plan(
    trace: Trace, model: Model = "", gpus: Gpus = "", slo: Slo = None, request: Request = None,
    sizes: Sizes = "1,2,4,8", inventory: Inventory = "", price: Price = "",
    objective: Aim = "usd", usd_per_kwh: PerKwh = 0.12,
    availability: Availability = 0.0, max_watts: Watts = 0.0, max_usd: Usd = 0.0, policy: Policy = "shortest_ttft",
    settings: Set = None, confidence: Confidence = 0.95, seeds: SeedCount = 8, rate: Rate = "x1", start_s: From = 0.0,
    end_s: To = 0.0, requests: Requests = 20_000, format_name: Format = "", window: Window = 20_000,
    trials: Trials = 60, compressible: Compressible = 0.0, max_gamma: Gamma = 1.0, out: Out = None, helm: Helm = None,
    json_to: Json = "", html: Html = None,
) -> None:  # fmt: skip
    """Find the cheapest fleet that keeps the deadlines for this traffic, by simulation under the policy to run live."""
    from cli.planned import Wanted, planned, publish, read_traffic
    from cli.running import check_places

    check_places(json_to, html, out, helm)
    asked = _from_file(request, model, gpus, slo) or _from_options(
        model, gpus, slo or [], sizes, inventory, price, objective, usd_per_kwh, availability, max_watts, max_usd,
        policy, settings, confidence, seeds,
    )  # fmt: skip
    arrivals = read_traffic(trace, format_name, rate, start_s, end_s, requests)
    wanted = Wanted(window=window, trials=trials, compressible=compressible, most_gamma=max_gamma)
    publish(planned(asked, arrivals, wanted), asked, json_to=json_to, html=html, out=out, helm=helm)


def _from_file(request: Path | None, model: str, gpus: str, slo: list[str] | None) -> "Asked | None":
    from cli.planned import sentences
    from sims.plan.wording import from_file

    if request is None:
        return None
    if model or gpus or slo:
        raise WrongUse(f"{request} says what is asked: drop --model, --gpus and --slo")
    with sentences():
        return from_file(request)


def _from_options(
    model: str, gpus: str, slo: list[str], sizes: str, inventory: str, price: str, aim: str, usd_per_kwh: float,
    availability: float, watts: float, usd: float, policy: str, settings: list[str] | None, confidence: float,
    seeds: int,
) -> "Asked":  # fmt: skip
    from math import inf

    from cli.chosen import checked
    from cli.planned import sentences
    from sims.plan.asked import Asked, Limits
    from sims.plan.wording import numbers, objective, offers, slo_class

    if not model or not gpus or not slo:
        raise WrongUse("say --model, --gpus and --slo, or --request FILE: e.g. --model llama-3.1-8b "
                       "--gpus h100-sxm,a100-80 --slo ttft_p90=1.0,tpot_p90=0.05")  # fmt: skip
    with sentences():
        names = [name.strip() for name in gpus.split(",") if name.strip()]
        return Asked(
            model=model,
            offers=offers(names, numbers("inventory", inventory), numbers("price", price), _sizes(sizes)),
            classes=tuple(slo_class(each) for each in slo),
            objective=objective(aim, usd_per_kwh),
            limits=Limits(most_watts=watts or inf, most_usd_per_hour=usd or inf, availability=availability),
            policy=policy,
            settings=checked(policy, settings or ()),
            confidence=confidence,
            seeds=seeds,
        )


def _sizes(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise WrongUse(f"--sizes {text}: write the GPUs a replica may span, as 1,2,4")
    return sorted({int(part) for part in parts})
