"""Every fleet under every chooser, over the processors of this machine."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from os import sched_getaffinity

from bench.joint.fleets import Chooser, Fleet, Served, candidates, price, serve
from bench.joint.reach import reach
from bench.joint.savings import Reached, cheapest
from bench.joint.traffic import Drawn, Sent
from bench.select.told import say
from sims.sweep.trial import ensure_compiled

FINE, COARSE = (1.1, 4), (1.6, 2)
"""Steps of the worth and halvings: at list prices a step moves many requests at once, at prices of the hour few."""

WHO = {
    "blind": Chooser(aware=False),
    "aware": Chooser(aware=True),
    "blind, evenly spaced": Chooser(aware=False, even=True),
}


def everything(offered: Sent, seeds: Sequence[int], levels: Iterable[float]) -> dict[str, Reached]:
    """By chooser, seed and fleet what is reached, of every fleet that is the cheapest for some seed and quality."""
    ensure_compiled()
    qualities = list(levels)
    found: dict[str, Reached] = {name: {} for name in WHO}
    climbs = [(seed, name, max(qualities)) for seed in seeds for name in WHO]
    with ProcessPoolExecutor(
        len(sched_getaffinity(0)), mp_context=get_context("spawn"), initializer=take, initargs=(offered,)
    ) as pool:
        for (seed, name, _), reached in zip(climbs, pool.map(climbed, climbs), strict=True):
            found[name] |= _said(seed, name, reached)
        lacking = [one for name in WHO for one in elsewhere(found[name], qualities, seeds, name)]
        for (seed, fleet, name), served in zip(lacking, pool.map(reached_by, lacking), strict=True):
            found[name] |= _said(seed, name, {fleet: served} if served is not None else {})
    return found


def climbed(task: tuple[int, str, float]) -> dict[Fleet, Served]:
    """What fleets reach under a chooser, the cheapest first, until one reaches the highest quality: no dearer one can
    then be the cheapest for any.
    """
    seed, name, highest = task
    found: dict[Fleet, Served] = {}
    for fleet in sorted(candidates(), key=price):
        served = reached_by((seed, fleet, name))
        if served is not None:
            found[fleet] = served
            if served.quality >= highest:
                break
    return found


def elsewhere(
    reached: Reached, levels: Sequence[float], seeds: Sequence[int], name: str
) -> list[tuple[int, Fleet, str]]:
    """Fleets that one seed chose, on the seeds that did not come to them."""
    chosen = dict.fromkeys(cheapest(reached, quality, seed) for seed in seeds for quality in levels)
    return [(seed, fleet, name) for fleet in chosen for seed in seeds if (seed, fleet) not in reached]


def _said(seed: int, name: str, reached: Mapping[Fleet, Served]) -> Reached:
    for fleet, served in reached.items():
        say(f"{told(fleet)} ${price(fleet):.2f}, seed {seed}, {name}: {served}")
    return {(seed, fleet): served for fleet, served in reached.items()}


def told(fleet: Fleet) -> str:
    """A fleet in words."""
    return " + ".join(f"{count} {model} on {gpus} {gpu}" for (model, gpu, gpus), count in fleet)


OFFERED: list[Drawn] = []
"""What a simulating process was sent."""


def take(offered: Sent) -> None:
    """A process begins."""
    OFFERED[:] = [Drawn(offered)]


def reached_by(task: tuple[int, Fleet, str]) -> Served | None:
    """One fleet's reach under one chooser."""
    seed, fleet, name = task
    who = WHO[name]
    return reach(partial(serve, OFFERED[0], seed, fleet, who=who), *(COARSE if who.aware else FINE))
