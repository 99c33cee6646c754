"""Which design to deploy: the cheapest with the spares that keep the availability asked for, within every limit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sims.plan.asked import Asked, NoPlan
from sims.plan.outcome import Design, Spares
from sims.plan.programme import broken
from sims.plan.spares import spares_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A design and its spares."""

    design: Design
    spares: Spares | None = None
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[int, ...]:
        """Replicas of each part, spares among them."""
        more = self.spares.replicas if self.spares else (0,) * len(self.design.parts)
        return tuple(part.replicas + spare for part, spare in zip(self.design.parts, more, strict=True))

    def cost(self, asked: Asked) -> float:
        """The figure that is made small, an hour."""
        return sum(
            n * asked.objective.hourly(part.kind.usd_per_hour, part.kind.watts)
            for n, part in zip(self.counts, self.design.parts, strict=True)
        )

    def breaks(self, asked: Asked) -> str:
        """Which limits it breaks and by how much; empty where it keeps them all."""
        return " and ".join(broken(self.counts, [part.kind for part in self.design.parts], asked))


def cheapest_fleet(designs: Sequence[Design], asked: Asked) -> Fleet:
    """The cheapest that was simulated, meets every deadline and can be deployed; raises NoPlan where none keeps the
    limits with its spares."""
    fleets = [_spared(one, asked) for one in designs if one.meets and one.simulated and one.deployable]
    kept = [one for one in fleets if not one.breaks(asked)]
    if not kept:
        closest = min(fleets, key=lambda one: one.cost(asked))
        more = sum(closest.spares.replicas) if closest.spares else 0
        raise NoPlan(
            f"availability {asked.limits.availability:g} takes {more} spare replicas beside {closest.design.said}: "
            f"{closest.breaks(asked)}"
        )
    best = min(kept, key=lambda one: one.cost(asked))
    return Fleet(design=best.design, spares=best.spares, notes=_noted(best, fleets, asked))


def ideas(
    singles: Sequence[Design], mixed: Design, others: Sequence[Design], asked: Asked
) -> Iterator[tuple[str, float]]:
    """What each idea saves of the best single kind's cost, as a share; negative where it costs more."""
    met = [one.cost(asked.objective) for one in singles if one.meets]
    for one in (mixed, *others) if met else ():
        if one.meets:
            yield one.name, 1.0 - one.cost(asked.objective) / min(met)


def _spared(design: Design, asked: Asked) -> Fleet:
    target = asked.limits.availability
    return Fleet(design=design, spares=spares_for(design.parts, target) if target > 0.0 else None)


def _noted(best: Fleet, fleets: Sequence[Fleet], asked: Asked) -> tuple[str, ...]:
    """Why a cheaper design was not taken."""
    cheaper = [one for one in fleets if one.design.cost(asked.objective) < best.design.cost(asked.objective) - 1e-9]
    return tuple(
        f"{one.design.name} ({one.design.said}) is cheaper without spares only"
        if not (why := one.breaks(asked))
        else f"{one.design.name} ({one.design.said}) with its spares breaks a limit: {why}"
        for one in cheaper
    )
