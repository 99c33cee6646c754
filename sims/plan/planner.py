"""A plan from a request and traffic: designs side by side, the cheapest to deploy, its spares and its schedule."""

from collections.abc import Sequence
from math import exp
from time import monotonic

from sims.plan.asked import Asked, NoPlan
from sims.plan.designs import Bench, apart, designed, two_pools
from sims.plan.judge import Verdict
from sims.plan.kinds import Kind, Rejected, fits_longest, kinds_of, too_long
from sims.plan.outcome import Design, Plan, Schedule
from sims.plan.parted import simulated
from sims.plan.programme import Counts, broken, mix, scipy_or_say
from sims.plan.schedule import schedule
from sims.plan.search import BUDGET, Budget, Told, cheapest
from sims.plan.spares import spares_for
from sims.plan.traffic import Sampled
from sims.plan.trial import Simulate, Trial

MIXED = "mixed"
SCHEDULE_SEEDS = 2
"""Seeds on which an hour of the schedule is looked at."""


def plan(
    asked: Asked, traffic: Sampled, *, simulate: Simulate, budget: Budget = BUDGET, load: Sequence[float] = (),
    told: Told = lambda said: None, compressible: float = 0.0, most_gamma: float = 1.0, only_mixed: bool = False,
    roles: bool = False,
) -> Plan:  # fmt: skip
    """The cheapest fleet for that traffic; raises NoPlan, in a sentence, where no fleet does what is asked.

    `load` is the day's shape, 24 numbers, for a schedule; `compressible` the share of prompts that a compressor may
    shorten, up to `most_gamma` times the boundary; `only_mixed` leaves two pools and prefill apart out;
    `roles` says that `simulate` knows prefill and decode replicas, so that their design is simulated as well.
    """
    begun = monotonic()
    scipy_or_say()
    kinds, rejected = kinds_of(asked)
    traffic, notes = servable(traffic, kinds[0].context_limit)
    fitting = [kind for kind in kinds if fits_longest(kind, traffic.analytic)]
    rejected += [
        Rejected(name=kind.name, why=too_long(kind, traffic.analytic)) for kind in kinds if kind not in fitting
    ]
    if not fitting:
        raise NoPlan(f"no offered GPU can hold every request: {rejected[-1].name}: {rejected[-1].why}")
    kinds = fitting
    bench = Bench(asked=asked, kinds=tuple(kinds), traffic=traffic, simulate=simulate, budget=budget, told=told)
    singles = list(bench.singles())
    best = cheapest((verdict for _, verdict in singles), bench.search.cost)
    chosen = _settled(bench, best)
    designs = [design for design, _ in singles]
    single = min((one for one in designs if one.meets), key=lambda one: one.usd_per_hour, default=None)
    mixed = designed(MIXED, kinds, chosen)
    others = [] if only_mixed else _others(bench, mixed, compressible, most_gamma, roles)
    spares = spares_for(mixed.parts, asked.limits.availability) if asked.limits.availability > 0.0 else None
    return Plan(
        model=asked.model, policy=asked.policy, objective=asked.objective.name, traffic=traffic.said,
        rate_rps=traffic.analytic.rate, confidence=asked.confidence, chosen=mixed,
        designs=(*designs, mixed, *others), ideas=tuple(ideas(single, mixed, others)), spares=spares,
        schedule=_scheduled(bench, mixed, chosen.counts, load), rejected=tuple(rejected),
        fleets_simulated=len(bench.judge.known), seeds_simulated=bench.judge.simulated,
        wall_s=monotonic() - begun,
        notes=notes,
    )  # fmt: skip


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


def _settled(bench: Bench, best: Verdict | None) -> Verdict:
    """The cheapest fleet that meets the deadlines; raises NoPlan."""
    found = bench.search.mixed(best)
    if found is None:
        raise NoPlan(why_not(bench))
    return found


def why_not(bench: Bench) -> str:
    """Which limit stands in the way, and by how much."""
    asked = bench.asked
    if len(bench.refused) == len(bench.kinds):
        k = min(bench.refused, key=lambda k: _hope(bench.kinds[k]))
        return f"no offered GPU meets the deadlines; the fastest, {bench.kinds[k].name}: {bench.refused[k]}"
    free = mix(bench.search.corrected(), asked, 1.0, limited=False)
    if free is None:
        return f"no fleet of up to {asked.limits.most_replicas:,} replicas carries the traffic: offer faster GPUs"
    missing = " and ".join(broken(free.counts, bench.kinds, asked))
    closest = min(bench.judge.known.values(), key=lambda one: one.worst, default=None)
    if missing or closest is None:
        return f"about {bench.search.said(free.counts)} would be needed: {missing or 'nothing was simulated'}"
    by = 100.0 * (exp(max(closest.worst, 0.0)) - 1.0)
    return f"the closest fleet simulated, {bench.search.said(closest.counts)}, misses a deadline by {by:.0f} %"


def _hope(kind: Kind) -> float:
    """Seconds of a long prompt and many tokens: the less the better."""
    return kind.idle_ttft(4096.0) + 100.0 * kind.idle_tpot(4096.0, 1.0)


def _others(bench: Bench, mixed: Design, compressible: float, most_gamma: float, roles: bool) -> list[Design]:
    """Two pools and prefill apart, where they can be had."""
    split = two_pools(bench, mixed.usd_per_hour, compressible=compressible, most_gamma=most_gamma)
    factors = bench.search.factors
    order = sorted(factors, key=bench.analytic_cost)[:3]
    parted = apart(bench, order, lambda k: 1.0 / factors[k])
    if parted is not None and roles:
        parted = simulated(bench, parted)
    return [one for one in (split, parted) if one is not None]


def ideas(single: Design | None, mixed: Design, others: Sequence[Design]) -> list[tuple[str, float]]:
    """What each idea saves of the best single kind's rent, as a share; negative where it costs more."""
    if single is None:
        return []
    return [(one.name, 1.0 - one.usd_per_hour / single.usd_per_hour) for one in (mixed, *others) if one.meets]


def _scheduled(bench: Bench, mixed: Design, counts: Counts, load: Sequence[float]) -> Schedule | None:
    if not load:
        return None

    first = bench.asked.first_seed

    def meets(fewer: Counts, factor: float) -> bool:
        trial = Trial(
            asked=bench.asked, kinds=bench.kinds, traffic=bench.traffic.at_rate(factor), simulate=bench.simulate
        )
        return all(trial.score(fewer, seed).worst <= 0.0 for seed in range(first, first + SCHEDULE_SEEDS))

    return schedule(load, mixed.parts, counts, bench.search.corrected(), bench.asked, meets)
