"""One simulation from its point and seed: the fleet, the requests and the policy put together, run and measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

from policies.fleet import Replica
from policies.policy import Routing, routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, SloClass
from sims.engine.run import Run
from sims.measure.metrics import Slo
from sims.measure.outcome import Outcome, outcome, without_timeline
from sims.measure.timeline import LOOKS, POINTS
from sims.select.choosers import named
from sims.select.judging import CHOOSER
from sims.select.questions import Floats
from sims.sweep.inputs import Inputs, Rate, Unit
from sims.sweep.paths import (
    POLICY,
    RATE,
    Point,
    Value,
    changed_conditions,
    changed_fleet,
    policy_named,
    policy_settings,
)
from sims.sweep.traffic import any_model, paced, served_by
from weir.codec import replica
from weir.fleetfile import FleetFile, message

Simulator = Callable[..., Run]
"""(arrivals, replicas, routing policy, conditions), and `answers` where models are chosen too."""
SAMPLED = 0  # the seed whose timeline is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one point simulates, seeds aside."""

    fleet: FleetFile
    replicas: tuple[Replica, ...]
    routing: Routing
    conditions: Conditions
    chooser: str  # who chooses models; "" where nobody does
    rate_rps: float  # 0: the trace's own times, untouched

    @property
    def usd_per_hour(self) -> float:
        """Of the whole fleet."""
        return sum(each.perf.price_per_hour for each in self.replicas)


def replicas_of(fleet: FleetFile) -> tuple[Replica, ...]:
    """A fleet file's replicas as the live pool would describe them; raises `UnknownProfile` or `DoesNotFit`."""
    return tuple(replica(message(pool, i, "")) for pool in fleet.pools for i in range(pool.size))


def classes_of(fleet: FleetFile) -> tuple[SloClass, ...]:
    """The SLO classes of a fleet file; a deadline that a class leaves out is the fleet's."""
    return tuple(
        SloClass(
            name=each.name,
            ttft_s=each.ttft_s or fleet.slo.ttft_s,
            tpot_s=each.tpot_s or fleet.slo.tpot_s,
            priority=each.priority,
        )
        for each in fleet.slo.classes
    )


def trial(inputs: Inputs, point: Point) -> Trial:
    """What a point simulates; raises whatever is wrong with its values."""
    given = dict(point)
    fleet = changed_fleet(inputs.fleet, point)
    name = policy_named(given.get(POLICY, inputs.policy))
    settings = dict(inputs.settings if name == inputs.policy else {}, **policy_settings(point))
    rate = Rate.of(given[RATE]) if RATE in given else inputs.rate
    conditions = changed_conditions(inputs.conditions, point)
    return Trial(
        fleet=fleet,
        replicas=replicas_of(fleet),
        routing=routing(name, settings),
        conditions=replace(
            conditions, ttft_slo_s=fleet.slo.ttft_s, tpot_slo_s=fleet.slo.tpot_s, classes=classes_of(fleet)
        ),
        chooser=_chooser(inputs, given),
        rate_rps=0.0 if rate == Rate() else rate.requests_a_second(inputs.own_rps),
    )


def _chooser(inputs: Inputs, given: Mapping[str, Value]) -> str:
    """Who chooses models at a point, known; raises `UnknownName`."""
    judging = inputs.judging
    if judging is None:
        return ""
    name = str(given.get(CHOOSER, judging.chooser))
    return named(name, judging.questions.models, judging.rules is not None)


class Bench:
    """Runs units, one after the other; a seed's arrivals are drawn once as long as the seed stays the same."""

    def __init__(self, inputs: Inputs, simulate: Simulator | None = None) -> None:
        self._inputs, self._simulate = inputs, simulate or compiled()
        self._drawn: tuple[int, Arrivals] | None = None

    def run(self, unit: Unit) -> Outcome:
        """Simulate and measure one unit."""
        made = trial(self._inputs, unit.point)
        arrivals = self._arrivals(unit.seed)
        rate = made.rate_rps or (self._inputs.own_rps if self._redrawn else 0.0)
        if rate and arrivals.span_s > 0.0:
            arrivals = paced(arrivals, rate)
        conditions = replace(made.conditions, seed=unit.seed)
        if unit.seed == SAMPLED and not conditions.sample_s:
            conditions = replace(conditions, sample_s=max(arrivals.span_s, 1.0) / (POINTS * LOOKS))
        begun = perf_counter()
        run, quality = self._run(arrivals, made, conditions)
        wall_s = perf_counter() - begun
        slo = Slo(made.fleet.slo.ttft_s, made.fleet.slo.tpot_s)
        classes = conditions.classes
        found = outcome(run, slo, classes=classes, wall_s=wall_s, warmup=self._inputs.warmup, quality=quality)
        return found if unit.seed == SAMPLED else without_timeline(found)

    def _run(self, arrivals: Arrivals, made: Trial, conditions: Conditions) -> tuple[Run, Floats | None]:
        """The run, and what its answers were judged where they are."""
        judging = self._inputs.judging
        if judging is None:
            return self._simulate(arrivals, made.replicas, made.routing, conditions), None
        asked = judging.questions.asked(arrivals, conditions.seed)
        answers = judging.answers(made.chooser, arrivals, asked)
        run = self._simulate(arrivals, made.replicas, made.routing, conditions, answers=answers)
        return run, judging.quality(run, asked)

    @property
    def _redrawn(self) -> bool:
        """Whether seeds differ in how many requests there are: all of them are brought to one rate."""
        return bool(getattr(self._inputs.traffic, "again", False))

    def _arrivals(self, seed: int) -> Arrivals:
        if self._drawn is None or self._drawn[0] != seed:
            self._drawn = seed, self._named(self._inputs.traffic.drawn(seed), seed)
        return self._drawn[1]

    def _named(self, arrivals: Arrivals, seed: int) -> Arrivals:
        """Every request for a model of the fleet."""
        if self._inputs.judging is not None:
            return any_model(arrivals)
        shares = self._inputs.shares
        if not shares:
            return arrivals
        return served_by(arrivals, shares, seed) if len(shares) > 1 else any_model(arrivals)


def compiled() -> Simulator:
    """The compiled simulator, built: what a run takes is then its own."""
    from sims.engine.simulate import simulate

    ensure_compiled()
    return simulate


def ensure_compiled() -> None:
    """Build what is compiled unless it is there: half a minute, once per change of the sources."""
    from policies.native.library import ensure_built
    from sims.engine.native.library import ensure_built as ensure_loop_built

    ensure_built()
    ensure_loop_built()
