"""The highest quality that a fleet reaches within its deadlines: what an answer is worth to the chooser, raised."""

from collections.abc import Callable, Sequence

from bench.joint.fleets import Served

KEPT = 0.99  # as the autoscaling claim asks
START, MOST = 0.003, 0.03  # dollars of a right answer


Try = Callable[[float], Served]


def reach(serve: Try, step: float, halvings: int, kept: float = KEPT) -> Served | None:
    """The best try that kept the deadlines; None where none did. The worth rises by the step.

    A worth too small overloads the small model, one too large the large model: the first worth that keeps them is
    sought upwards, then the last one, and between that and the first that fails the middle, some times.
    """
    tried = _climb(serve, step, kept)
    good = [each for each in tried if each.kept >= kept]
    if not good:
        return None
    best = good[-1]
    failing = next((each.worth_usd for each in tried if each.worth_usd > best.worth_usd), None)
    return _between(serve, best, failing, halvings, kept) if failing is not None else best


def _climb(serve: Try, step: float, kept: float) -> Sequence[Served]:
    """Rising worths until the deadlines, once kept, are kept no more."""
    tried: list[Served] = []
    worth = START
    while worth <= MOST:
        tried.append(serve(worth))
        if tried[-1].kept < kept and any(each.kept >= kept for each in tried):
            break
        worth *= step
    return tried


def _between(serve: Try, good: Served, failing: float, halvings: int, kept: float) -> Served:
    best = good
    for _ in range(halvings):
        found = serve((good.worth_usd * failing) ** 0.5)
        if found.kept >= kept:
            good = found
            best = max(best, found, key=lambda each: each.quality)
        else:
            failing = found.worth_usd
    return best
