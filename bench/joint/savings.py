"""What one chooser pays beside another: for each quality the cheapest fleet that reaches it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.joint.fleets import Fleet, Served, price

Reached = dict[tuple[int, Fleet], Served]
"""By seed and fleet the highest quality within the deadlines; fleets that keep them at no quality are left out."""

CLOSE = 0.004  # qualities closer than this are equal


def cheapest(reached: Reached, quality: float, seed: int) -> Fleet:
    """The cheapest fleet of a seed that reaches the quality; raises ValueError where none does."""
    able = [fleet for (of, fleet), served in reached.items() if of == seed and served.quality >= quality]
    if not able:
        raise ValueError(f"no candidate fleet reaches quality {quality:.3f} within the deadlines: allow larger ones")
    return min(able, key=price)


def cheaper(blind: Reached, other: Reached, levels: Iterable[float], seed: int) -> float:
    """The share that the other saves of what the blind pays, over all levels."""
    qualities = list(levels)
    paid = [sum(price(cheapest(each, quality, seed)) for quality in qualities) for each in (blind, other)]
    return 1.0 - paid[1] / paid[0]


def unseen_kept(found: Mapping[str, Reached], levels: Iterable[float], seeds: Sequence[int]) -> dict[str, float]:
    """By chooser how often the fleet that one seed chose reaches its quality, within the deadlines, on the others."""
    qualities = list(levels)
    return {
        name: round(_kept(reached, qualities, seeds), 3)
        for name, reached in found.items()
        if name in ("blind", "aware")
    }


def _kept(reached: Reached, qualities: Sequence[float], seeds: Sequence[int]) -> float:
    kept = []
    for quality in qualities:
        for chosen in seeds:
            fleet = cheapest(reached, quality, chosen)
            others = [reached.get((seed, fleet)) for seed in seeds if seed != chosen]
            kept += [served is not None and served.quality >= quality - CLOSE for served in others]
    return sum(kept) / max(len(kept), 1)


def fleets_at(found: Mapping[str, Reached], levels: Mapping[str, float]) -> dict[str, Any]:
    """By quality and chooser the first seed's fleet and its dollars an hour."""
    return {
        name: {who: _told(cheapest(found[who], quality, 0)) for who in ("blind", "aware")}
        for name, quality in levels.items()
    }


def _told(fleet: Fleet) -> list[Any]:
    return [round(price(fleet), 2), *(f"{count} x {model} on {gpus} {gpu}" for (model, gpu, gpus), count in fleet)]
