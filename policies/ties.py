"""The best of several replicas, ties by a hash draw: what an argmax by chance or by order becomes in a kernel."""

from policies.compilable import compilable
from policies.fleet import KEY, Table
from policies.request import Ask, mix31


@compilable
def drawn(ask: Ask, fleet: Table, i: int) -> int:
    """Replica i's draw for this request: 31 bits that depend on its name and the request's coin alone."""
    return mix31(int(fleet[i, KEY]), int(ask.coin))


@compilable
def better(
    best: int, highest: float, least: int, ties: int, i: int, value: float, draw: int
) -> tuple[int, float, int, int]:
    """The best row so far (-1: none yet), its value, its draw and how many share that value, after seeing row i too.

    The highest value wins, of equal ones the least draw; each of the equals is as likely, so the propensity is 1/ties.
    """
    if best < 0 or value > highest:
        return i, value, draw, 1
    if value == highest:
        return (i if draw < least else best), highest, min(draw, least), ties + 1
    return best, highest, least, ties
