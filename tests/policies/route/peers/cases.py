"""Small fleets in told states, and who a policy may choose in them."""

from dataclasses import dataclass

import numpy as np

from policies.decision import Send
from policies.fleet import (
    KV_USED,
    LIMIT_TOKENS,
    POOL,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    RUNNING,
    TIERS,
    WAITING,
)
from policies.policy import Routing
from policies.request import Ask, Request
from tests.policies.replicas import fleet_of, replica

LARGE = 1e6  # tokens: nobody is too small for any request here
COINS = tuple(range(1, 2_000_000_000, 31_000_001))
"""Some sixty requests that differ in their coin alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """What a replica is doing and what it holds of the prompt: on the GPU, in host memory, on a disk, by network."""

    running: float = 0.0
    waiting: float = 0.0
    queued: float = 0.0  # tokens
    kv: float = 0.0  # tokens in use of 100,000
    held: tuple[float, ...] = ()
    pool: float = 0.0

    def tiers(self) -> list[float]:
        """Tokens in each tier or a faster one."""
        return [max(self.held[: tier + 1], default=0.0) for tier in range(TIERS)]


def decide(policy: Routing, asked: Ask, **seen: One) -> list[tuple[str, float]]:
    """Who is chosen for each coin, and with what propensity."""
    fleet, names = fleet_of(*(replica(name) for name in seen)), list(seen)
    for row, one in enumerate(seen.values()):
        fleet.table[row, [RUNNING, WAITING, QUEUED_TOKENS, KV_USED, POOL]] = (
            one.running, one.waiting, one.queued, one.kv, one.pool,
        )  # fmt: skip
        fleet.table[row, LIMIT_TOKENS] = LARGE
        fleet.table[row, QUEUED_ATTENDED] = one.queued * one.queued / 2.0
    cached = np.array([one.tiers() for one in seen.values()])
    found = []
    for coin in COINS:
        decision = policy.decide(Request("r", "m", asked._replace(coin=float(coin))), fleet.table, cached, 0.0)
        assert isinstance(decision, Send)
        found.append((names[decision.prefill], decision.propensity))
    return found


def may_choose(policy: Routing, asked: Ask, **seen: One) -> set[str]:
    """Everybody it chooses for some coin, each checked to be as likely as the others."""
    found = decide(policy, asked, **seen)
    chosen = {name for name, _ in found}
    assert {propensity for _, propensity in found} == {1.0 / len(chosen)}
    return chosen
