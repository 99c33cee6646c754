"""vLLM production-stack's kvaware: whoever holds all but 2,000 tokens of the prompt; else by session, else least busy.

Source: production-stack a6c01db (2026-08-05), KvawareRouter asking LMCache's controller. Accepted is the holder of the
longest match if matched >= max(prompt - slack, 0), matches counted in LMCache's chunks of 256 tokens, on the GPU or in
host memory; so any match will do for a short prompt. Otherwise the session's place on a hash ring, here by rendezvous
hashing; without a session the engine of the fewest requests a second, for which, as no table holds it, the fewest in
flight stand. The source credits the first holder named, whoever matches longest: meant is the longest.
"""

from dataclasses import dataclass
from math import floor
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import HOST, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.route.session_affinity import kernel as session_affinity
from policies.ties import better, drawn


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """The longest match if it lacks no more than the slack, else the session's replica, else least loaded."""
    wanted = max(ask.prompt_tokens - settings[0], 1.0)
    best, highest, least, ties = -1, 0.0, 0, 0
    for i in range(len(fleet)):
        matched = floor(cached[i, HOST] / settings[1]) * settings[1]
        if matched >= wanted and eligible(ask, fleet, i):
            best, highest, least, ties = better(best, highest, least, ties, i, matched, drawn(ask, fleet, i))
    if best >= 0:
        return best, 1.0 / ties
    row, propensity = session_affinity(ask, fleet, cached, settings, now)
    return row, propensity


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionStackKvaware(Routing):
    """Longest match within a slack, then session, then load."""

    slack: float = 2000.0  # kv_aware_threshold: tokens of the prompt that need not match
    chunk: float = 256.0  # tokens of one LMCache chunk

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "production-stack"
