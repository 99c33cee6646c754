"""The routers of the set-ups. Draws come from a seed: pod addresses and chances of a measured run are not known."""

import random
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.aibrix.client import BLOCK_TOKENS, Asked
from bench.aibrix.setups import REPLICAS
from policies.cached import nothing_cached
from policies.fleet import HBM, WAITING, Fleet, Replica
from policies.policy import routing
from policies.request import Ask, hash31

RING_POINTS = 160  # of one pod on the session router's hash ring: uhashring's default
KEEP_ALIVE_S = 5.0  # after which httpx closes an idle connection
CHOICES = 2  # Envoy's least-request balancer looks at two hosts drawn at random


class Router(Protocol):
    """Chooses a replica when a request is sent and hears when one has ended."""

    def choose(self, asked: Asked, now: float) -> int:
        """The replica's place."""

    def ended(self, asked: Asked, replica: int, now: float) -> None:
        """Its last token has come."""


class Session:
    """production-stack's session router: a consistent hash ring over pods, by user."""

    def __init__(self, seed: int) -> None:
        draws = random.Random(seed)
        self._ring = sorted((draws.random(), pod) for pod in range(REPLICAS) for _ in range(RING_POINTS))
        self._places = [place for place, _ in self._ring]
        self._seed = seed

    def choose(self, asked: Asked, now: float) -> int:
        place = random.Random(f"{self._seed} {asked.user}").random()
        return self._ring[bisect(self._places, place) % len(self._ring)][1]

    def ended(self, asked: Asked, replica: int, now: float) -> None:
        pass


@dataclass(slots=True)
class Connection:
    """One kept connection of the client."""

    pod: int
    busy: bool = True
    idle_since: float = 0.0


class Connections:
    """A Kubernetes Service: each connection goes to a pod by chance and stays, and the client keeps connections.

    httpx sends on its oldest idle connection and opens another one when all are busy.
    """

    def __init__(self, seed: int) -> None:
        self._draws = random.Random(seed)
        self._kept: list[Connection] = []
        self._used: dict[tuple[int, int], Connection] = {}

    def choose(self, asked: Asked, now: float) -> int:
        self._kept = [kept for kept in self._kept if kept.busy or now - kept.idle_since < KEEP_ALIVE_S]
        found = next((kept for kept in self._kept if not kept.busy), None)
        if found is None:
            found = Connection(self._draws.randrange(REPLICAS))
            self._kept.append(found)
        found.busy = True
        self._used[asked.key] = found
        return found.pod

    def ended(self, asked: Asked, replica: int, now: float) -> None:
        connection = self._used.pop(asked.key)
        connection.busy, connection.idle_since = False, now


class LeastRequest:
    """Envoy Gateway's default for an HTTPRoute: of two pods drawn at random the one with fewer requests in flight."""

    def __init__(self, seed: int) -> None:
        self._draws = random.Random(seed)
        self._load = [0] * REPLICAS

    def choose(self, asked: Asked, now: float) -> int:
        pods = [self._draws.randrange(REPLICAS) for _ in range(CHOICES)]
        pod = min(pods, key=lambda each: self._load[each])
        self._load[pod] += 1
        return pod

    def ended(self, asked: Asked, replica: int, now: float) -> None:
        self._load[replica] -= 1


class Prefix:
    """AIBrix's prefix-cache routing: Weir's copy of it, over the gateway's own counts and its own history."""

    def __init__(self, seed: int, replicas: list[Replica]) -> None:
        self._seed, self._policy, self._fleet = seed, routing("aibrix_prefix_cache"), Fleet(REPLICAS)
        for replica in replicas:
            self._fleet.add(replica)
        self._fleet.columns.ready[:] = 1.0
        self._sent: list[set[int]] = [set() for _ in replicas]

    def choose(self, asked: Asked, now: float) -> int:
        cached, blocks = nothing_cached(len(self._sent)), asked.blocks
        for pod, sent in enumerate(self._sent):
            held = next((i for i, block in enumerate(blocks) if block not in sent), len(blocks))
            cached[pod, HBM:] = float(held * BLOCK_TOKENS)
        coin = float(hash31(f"{self._seed} {asked.key} {now}"))
        ask = Ask(coin, 0.0, 0.0, float(asked.prompt_tokens), 0.0, float(asked.output_tokens), np.inf, np.inf)
        pod, _ = type(self._policy).kernel(ask, self._fleet.table, cached, self._policy.settings(), now)
        self._sent[pod].update(blocks)
        self._fleet.table[pod, WAITING] += 1.0
        return pod

    def ended(self, asked: Asked, replica: int, now: float) -> None:
        self._fleet.table[replica, WAITING] -= 1.0


def router(name: str, seed: int, replicas: list[Replica]) -> Router:
    """The router of that name."""
    known: dict[str, Callable[[], Router]] = {
        "session": lambda: Session(seed),
        "connections": lambda: Connections(seed),
        "least_request": lambda: LeastRequest(seed),
        "prefix": lambda: Prefix(seed, replicas),
    }
    return known[name]()
