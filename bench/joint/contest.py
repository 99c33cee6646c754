"""Every fleet under every chooser, over the processors of this machine."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from os import sched_getaffinity

from bench.joint.fleets import Chooser, Fleet, Served, candidates, price, serve
from bench.joint.reach import reach
from bench.joint.savings import Reached
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


def everything(offered: Sent, seeds: Sequence[int]) -> dict[str, Reached]:
    """By chooser, seed and fleet what is reached."""
    ensure_compiled()
    found: dict[str, Reached] = {name: {} for name in WHO}
    tasks = [(seed, fleet, name) for seed in seeds for fleet in candidates() for name in WHO]
    with ProcessPoolExecutor(
        len(sched_getaffinity(0)), mp_context=get_context("spawn"), initializer=take, initargs=(offered,)
    ) as pool:
        for (seed, fleet, name), reached in zip(tasks, pool.map(reached_by, tasks), strict=True):
            say(f"{told(fleet)} ${price(fleet):.2f}, seed {seed}, {name}: {reached}")
            if reached is not None:
                found[name][seed, fleet] = reached
    return found


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
