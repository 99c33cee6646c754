"""The Pareto front: what no other thing beats."""

from collections.abc import Sequence
from math import inf, isfinite


def pareto(costs: Sequence[tuple[float, ...]]) -> tuple[int, ...]:
    """The places that no other beats, by rising first cost: none is as low in everything and lower in something.

    What is not known counts as endless; what is endless in everything is on no front.
    """
    known = [tuple(inf if cost != cost else cost for cost in each) for each in costs]
    places = [i for i, mine in enumerate(known) if isfinite(min(mine, default=inf)) and not _beaten(mine, known)]
    return tuple(sorted(places, key=lambda i: known[i]))


def _beaten(mine: tuple[float, ...], all_of_them: Sequence[tuple[float, ...]]) -> bool:
    return any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in all_of_them)
