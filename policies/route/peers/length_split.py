"""fleet-sim's length router: requests of at most `threshold` tokens to the short pool, the others to the long one.

Source: vllm-project/semantic-router's fleet-sim (HEAD, 2026-08), LengthRouter with a threshold, 4,096 by default, and
its pools' least_queue: within the pool, the fewest waiting. A table holds no context limits, so pools go by their
order: short is the first pool of the fleet's file that has an eligible replica, long the last; one pool is both.
Length is prompt + max_tokens, as in the paper behind it (arXiv 2604.09613), or + the expected output where the client
sets no bound. fleet-sim reads the true output length, which nobody knows beforehand.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import POOL, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.ties import better, drawn


@compilable
def total_tokens(ask: Ask) -> float:
    """The tokens a request may come to, prompt and output."""
    return ask.prompt_tokens + output_tokens(ask)


@compilable
def output_tokens(ask: Ask) -> float:
    """The most it may generate, or what is expected where the client sets no bound."""
    return ask.max_tokens if ask.max_tokens > 0.0 else ask.expected_tokens


@compilable
def short_and_long(ask: Ask, fleet: Table) -> tuple[float, float]:
    """The numbers of the first and the last pool with an eligible replica."""
    short, long = 1.0e300, -1.0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            short, long = min(short, fleet[i, POOL]), max(long, fleet[i, POOL])
    return short, long


@compilable
def least_queue(ask: Ask, fleet: Table, pool: float) -> tuple[int, float]:
    """The eligible replica of one pool with the fewest waiting requests; ties by hash."""
    best, highest, least, ties = -1, 0.0, 0, 0
    for i in range(len(fleet)):
        if fleet[i, POOL] == pool and eligible(ask, fleet, i):
            draw = drawn(ask, fleet, i)
            best, highest, least, ties = better(best, highest, least, ties, i, -fleet[i, WAITING], draw)
    return best, 1.0 / max(ties, 1)


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """The least queue of the pool that the request's length names."""
    short, long = short_and_long(ask, fleet)
    return least_queue(ask, fleet, short if total_tokens(ask) <= settings[0] else long)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class LengthSplit(Routing):
    """Two pools by total length."""

    threshold: float = 4096.0  # B: the most tokens, prompt and output, of the short pool's requests

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "fleet-sim"
    uses_cached: ClassVar[bool] = False
