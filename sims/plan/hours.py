"""The schedule of a design: its own simulation at the load of an hour."""

from collections.abc import Sequence

from sims.plan.designs import Bench
from sims.plan.outcome import Design, Schedule
from sims.plan.programme import Counts
from sims.plan.schedule import pro_rata, schedule, thinner
from sims.plan.trial import Trial

SEEDS = 2
"""Seeds on which an hour of the schedule is looked at."""


def hours_of(bench: Bench, design: Design, load: Sequence[float]) -> Schedule | None:
    """Replicas by the hour under the policy that routes the design; None where the day is steady."""
    kinds = tuple(part.kind for part in design.parts)
    counts = tuple(part.replicas for part in design.parts)
    asked, first = design.routed(bench.asked), bench.asked.first_seed
    # Pools of whom each has requests of its own shrink alike; of the others the programme says who can go.
    rows = [k for k, kind in enumerate(bench.kinds) if any(kind is one for one in kinds)]
    thin = thinner(bench.search.corrected().only(rows), counts) if len(rows) == len(kinds) else pro_rata(counts)

    def meets(fewer: Counts, factor: float) -> bool:
        trial = Trial(asked=asked, kinds=kinds, traffic=bench.traffic.at_rate(factor), simulate=bench.simulate)
        return all(trial.score(fewer, seed).worst <= 0.0 for seed in range(first, first + SEEDS))

    return schedule(load, design, thin, meets)
