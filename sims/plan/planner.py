"""A plan from a request and traffic: designs side by side, the cheapest to deploy, its spares and its schedule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from sims.plan.asked import Asked, NoPlan
from sims.plan.chosen import Fleet, cheapest_fleet, ideas
from sims.plan.designs import Bench, designed
from sims.plan.hours import hours_of
from sims.plan.kinds import Kind, Rejected, fits_longest, kinds_of, too_long
from sims.plan.outcome import Design, Plan, Schedule
from sims.plan.programme import scipy_or_say
from sims.plan.search import BUDGET, Budget, Told, cheapest
from sims.plan.several import others
from sims.plan.traffic import Sampled
from sims.plan.trial import Simulate
from sims.plan.whynot import why_not

MIXED = "mixed"
SINGLES, MIXES, OTHERS, HOURS = "each GPU alone", "mixes of GPUs", "two pools, prefill apart", "hours of the day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far a plan looks."""

    budget: Budget = BUDGET
    load: Sequence[float] = ()  # the day's shape, 24 numbers, for a schedule
    compressible: float = 0.0  # share of prompts that a compressor may shorten
    most_gamma: float = 1.0  # ... up to so many times the boundary
    only_mixed: bool = False  # leaves two pools and prefill apart out
    roles: bool = False  # the simulator knows prefill and decode replicas: their design is simulated as well

    @property
    def stages(self) -> list[str]:
        """What is looked at, in order."""
        return [SINGLES, MIXES, *([] if self.only_mixed else [OTHERS]), *([HOURS] if self.load else [])]


@dataclass(kw_only=True)
class Making:
    """A plan as far as it is known: a stage that is over takes itself off the list of what is missing."""

    bench: Bench
    kinds: Sequence[Kind]  # those too small for the longest request among them
    extent: Extent
    missing: list[str]
    singles: list[Design] = field(default_factory=list)
    others: list[Design] = field(default_factory=list)
    schedule: Schedule | None = None

    @property
    def met(self) -> bool:
        """Whether any fleet simulated so far meets the deadlines."""
        return any(one.meets for one in self.bench.judge.known.values())

    def mixed(self) -> Design:
        """The cheapest fleet of any kinds simulated so far that meets the deadlines; raises NoPlan."""
        found = cheapest(self.bench.judge.known.values(), self.bench.search.cost)
        if found is None:
            raise NoPlan(why_not(self.bench))
        return designed(MIXED, self.bench.kinds, found)

    def fleet(self, mixed: Design) -> Fleet:
        """The cheapest of all designs that can be deployed, its spares with it; raises NoPlan."""
        return cheapest_fleet([mixed, *self.singles, *self.others], self.bench.asked)

    def go(self) -> None:
        """Every stage in order; raises NoPlan where no fleet meets the deadlines."""
        bench, extent = self.bench, self.extent
        verdicts = []
        for design, verdict in bench.singles():
            self.singles.append(design)
            verdicts.append(verdict)
        self._over(SINGLES)
        bench.search.mixed(cheapest(verdicts, bench.search.cost))
        self._over(MIXES)
        mixed = self.mixed()
        if OTHERS in self.missing:
            cost = mixed.cost(bench.asked.objective)
            for one in others(bench, self.kinds, cost, extent.compressible, extent.most_gamma, extent.roles):
                self.others.append(one)
            self._over(OTHERS)
        if HOURS in self.missing:
            self.schedule = hours_of(bench, self.fleet(mixed).design, extent.load)
            self._over(HOURS)

    def _over(self, stage: str) -> None:
        self.missing.remove(stage)


def plan(
    asked: Asked, traffic: Sampled, *, simulate: Simulate, budget: Budget = BUDGET, load: Sequence[float] = (),
    told: Told = lambda said: None, compressible: float = 0.0, most_gamma: float = 1.0, only_mixed: bool = False,
    roles: bool = False,
) -> Plan:  # fmt: skip
    """The cheapest fleet for that traffic; raises NoPlan, in a sentence, where no fleet does what is asked.

    The options are `Extent`'s. An interrupt ends the search: the plan then is the cheapest fleet found so far and says
    what is missing; before any fleet met the deadlines the interrupt goes on.
    """
    begun = monotonic()
    extent = Extent(
        budget=budget, load=load, compressible=compressible, most_gamma=most_gamma, only_mixed=only_mixed, roles=roles
    )
    scipy_or_say()
    kinds, rejected = kinds_of(asked)
    traffic, notes = servable(traffic, kinds[0].context_limit)
    fitting, small = _divided(kinds, traffic)
    bench = Bench(asked=asked, kinds=fitting, traffic=traffic, simulate=simulate, budget=budget, told=told)
    making = Making(bench=bench, kinds=kinds, extent=extent, missing=extent.stages)
    try:
        making.go()
    except KeyboardInterrupt:
        if not making.met:
            raise
    return _told(making, tuple(rejected) + small, notes, monotonic() - begun)


def _told(making: Making, rejected: tuple[Rejected, ...], notes: tuple[str, ...], wall_s: float) -> Plan:
    """What is known, as a plan."""
    bench, mixed = making.bench, making.mixed()
    fleet = making.fleet(mixed)
    fleets, seeds = bench.simulated
    beside = (*making.singles, mixed, *making.others)
    routed = fleet.design.routed(bench.asked)
    return Plan(
        model=bench.asked.model, policy=routed.policy, settings=routed.settings, objective=bench.asked.objective.name,
        traffic=bench.traffic.said, rate_rps=bench.traffic.analytic.rate, confidence=bench.asked.confidence,
        chosen=fleet.design, designs=beside, ideas=tuple(ideas(making.singles, mixed, making.others, bench.asked)),
        spares=fleet.spares, schedule=making.schedule, rejected=rejected, missing=tuple(making.missing),
        fleets_simulated=fleets, seeds_simulated=seeds, wall_s=wall_s, notes=(*notes, *fleet.notes),
    )  # fmt: skip


def _divided(kinds: Sequence[Kind], traffic: Sampled) -> tuple[tuple[Kind, ...], tuple[Rejected, ...]]:
    """Kinds that hold the longest request, and why not the others; raises NoPlan where none does."""
    fitting = tuple(kind for kind in kinds if fits_longest(kind, traffic.analytic))
    small = tuple(
        Rejected(name=kind.name, why=too_long(kind, traffic.analytic)) for kind in kinds if kind not in fitting
    )
    if not fitting:
        raise NoPlan(f"no offered GPU can hold every request: {small[-1].name}: {small[-1].why}")
    return fitting, small


def servable(traffic: Sampled, limit: int) -> tuple[Sampled, tuple[str, ...]]:
    """The traffic without what is longer than the model's context, and a note where that is anything."""
    arrivals = traffic.arrivals
    fits = arrivals.prompt_tokens + arrivals.output_tokens <= limit
    if fits.all():
        return traffic, ()
    if int(fits.sum()) < 2:
        raise NoPlan(f"every request is longer than the {limit:,} tokens of the model's context: take another model")
    said = f"{int((~fits).sum()):,} requests longer than the model's context of {limit:,} tokens are left out"
    return traffic.part(fits, traffic.said), (said,)
