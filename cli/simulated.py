"""What `weir replay`, `compare` and `sweep` share: their options, and what these ask to be simulated."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.door import WrongUse
from cli.judging import Judges
from cli.sent import Sent

if TYPE_CHECKING:
    from rich.console import Console

    from sims.arrivals import Arrivals
    from sims.engine.conditions import Conditions
    from sims.select.judging import Judging
    from sims.sweep.facts import Setting
    from sims.sweep.paths import Point
    from sims.sweep.study import Study
    from weir.fleetfile import FleetFile

UNSTABLE = 0.25  # share of all requests that wait for their first token at once: the queue grows without end

Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report with pictures, one file.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options that `replay`, `compare` and `sweep` have in common, and what was given for them."""

    fleet: Annotated[Path, typer.Option(help="Fleet file whose replicas are simulated.")]
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs with requests drawn again; 8 or more give honest intervals.")
    ] = 1
    under: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A condition, as staleness_s=0.2; may be repeated."),
    ] = None
    warmup: Annotated[float, typer.Option(min=0.0, max=0.95, help="Share of the trace that is not measured.")] = 0.1
    cores: Annotated[int, typer.Option(min=0, show_default="all", help="Processes that simulate.")] = 0
    html: Html = None


def setting(
    sent: Sent, given: Given, policy: str, settings: dict[str, Any], judges: Judges | None = None
) -> "Setting":  # fmt: skip
    """What is to be simulated; raises what is wrong with the trace, the fleet, the policy or an option."""
    from rich.console import Console

    from policies.policy import routing
    from sims.sweep.facts import Setting, trace_facts
    from sims.sweep.inputs import Inputs
    from sims.sweep.inputs import Rate as Speed
    from sims.sweep.trial import replicas_of
    from weir.fleetfile import read_fleet

    fleet = read_fleet(given.fleet)
    replicas_of(fleet)
    routing(policy, settings)
    rate, under = sent.speed, conditions(given.under or ())
    with Console(stderr=True).status(f"reading {sent.trace}"):
        traffic, arrivals = sent.traffic(again=given.seeds > 1, topics=judges.topics() if judges else None)
    judging = judges.judging(fleet, arrivals) if judges else None
    shares, notes = ({}, (_asked(judging),)) if judging else _models(arrivals, fleet)
    facts = trace_facts(traffic.name, arrivals)
    if rate != Speed() and not facts.rate_rps:
        raise WrongUse(f"{sent.trace}: all its requests come at once, so there is no rate to change: drop --rate")
    inputs = Inputs(
        traffic=traffic,
        own_rps=facts.rate_rps,
        fleet=fleet,
        policy=policy,
        settings=settings,
        rate=rate,
        shares=shares,
        conditions=under,
        warmup=given.warmup,
        judging=judging,
    )
    return Setting(inputs=inputs, trace=facts, fleet_file=given.fleet.name, notes=notes)


def _asked(judging: "Judging") -> str:
    """What a reader should know of the questions behind the requests."""
    known = judging.questions
    alone = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(known.models, known.quality.mean(axis=0), strict=True))
    count = f"{len(known.quality):,} questions of {known.name}"
    return f"Each request asks one of {count}, of its topic where it has one; right alone: {alone}."


def _models(arrivals: "Arrivals", fleet: "FleetFile") -> tuple[dict[str, float], tuple[str, ...]]:
    """Shares of the requests by model, empty where the trace names models that the fleet serves; and what to note."""
    from cli.rates import Means, model_rps

    served = list(dict.fromkeys(pool.serves for pool in fleet.pools))
    if arrivals.models and set(arrivals.models) <= set(served) and (arrivals.model >= 0).all():
        return {}, ()
    strange = [name for name in arrivals.models if name not in served]
    note = f"The trace asks for {', '.join(strange[:3])}, which this fleet does not serve: " if strange else ""
    if len(served) == 1:
        return {served[0]: 1.0}, (f"{note}every request is for {served[0]}.",) if note else ()
    means = Means(float(arrivals.prompt_tokens.mean()), float(arrivals.output_tokens.mean()))
    rates = model_rps(fleet, means)
    told = ", ".join(f"{rate / sum(rates.values()):.0%} {name}" for name, rate in rates.items())
    return rates, (f"{note or 'The trace names no models: '}sessions are spread by what each can serve: {told}.",)


def conditions(under: Sequence[str]) -> "Conditions":
    """From KEY=VALUE texts; raises `BadSetting` for an unknown key or a value of another type.

    A run whose queue grows without end is ended and called unstable, unless `unstable_growth=0` says otherwise.
    """
    from sims.engine.conditions import Conditions
    from sims.sweep.paths import OF_CONDITIONS, changed_conditions, value

    pairs = []
    for each in under:
        key, equals, text = each.partition("=")
        if not equals or not text:
            raise WrongUse(f"--under {each}: write --under key=value")
        pairs.append((f"{OF_CONDITIONS}{key.strip()}", value(text.strip())))
    return changed_conditions(Conditions(unstable_growth=UNSTABLE), tuple(pairs))


def study_of(given: Given, setting: "Setting", points: "Sequence[Point]") -> "Study":
    """The study of those points, each of which can be simulated; raises what is wrong with one."""
    from sims.sweep.study import Study
    from sims.sweep.trial import trial

    for point in points:
        trial(setting.inputs, point)
    return Study(points=points, seeds=given.seeds)


def told(setting: "Setting", screen: "Console", seeds: int) -> None:
    """What is about to be simulated, in a few lines."""
    inputs, facts = setting.inputs, setting.trace
    pools = "; ".join(
        f"{pool.serves} on {pool.size} × {pool.gpus_per_replica} {pool.gpu}" for pool in inputs.fleet.pools
    )
    slo = inputs.fleet.slo
    rate = inputs.rate.requests_a_second(inputs.own_rps)
    seeds_told = f"{seeds} seeds: {inputs.traffic.varies}" if seeds > 1 else "one seed"
    screen.print(
        f"fleet      {pools}",
        f"workload   {facts.name}: {facts.requests:,} requests, {facts.prompt_tokens:,.0f} tokens in and "
        f"{facts.output_tokens:,.0f} out on average",
        f"rate       {rate:,.2f} a second ({inputs.rate}); deadlines {slo.ttft_s:g} s, {1e3 * slo.tpot_s:g} ms a token",
        f"runs       {seeds_told}; the first {inputs.warmup:.0%} are not measured",
        sep="\n",
        soft_wrap=True,
    )
