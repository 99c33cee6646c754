"""Predicted against reported cached tokens, request by request."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from bench.vllm_e2e.client import Heard, ask
from bench.vllm_e2e.stack import Weir
from bench.vllm_e2e.traffic import Asked, Source, sources, talks

SETTLE_S = 0.1  # in which an engine's events reach the router; the sequential proof is of knowledge, not of speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One request: what Weir said before it was sent, and what the engine said of it."""

    identity: str
    kind: str
    replica: str
    knowledge: str
    predicted_cached: float
    reported_cached: int
    predicted_prompt: float
    reported_prompt: int

    @property
    def equal(self) -> bool:
        """Whether the prompt's tokens and the cached ones were known to the token."""
        return (self.predicted_cached, self.predicted_prompt) == (self.reported_cached, self.reported_prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request and its answer."""

    identity: str
    asked: Asked
    heard: Heard


class Unheard(RuntimeError):
    """A request of the comparison that was not answered whole."""


def in_turn(weir: Weir, count: int, seed: int, settle_s: float = SETTLE_S) -> list[Compared]:
    """So many mixed requests one after another."""
    answered = []
    for number, (rng, source) in enumerate(islice(sources(seed), count)):
        answered.append(exchange(weir, source, rng, f"proof-{seed}-{number}"))
        time.sleep(settle_s)
    return [compared(one, weir.record(one.identity)) for one in answered]


def at_once(weir: Weir, clients: int, turns: int, seed: int) -> list[Compared]:
    """As many conversations at a time: events of one's blocks may come after another's decision."""
    every = talks(Random(seed))[:clients]
    with ThreadPoolExecutor(clients) as threads:
        jobs = [threads.submit(_alone, weir, one, number, turns, seed) for number, one in enumerate(every)]
        answered = [one for job in jobs for one in job.result()]
    return [compared(one, weir.record(one.identity)) for one in answered]


def exchange(weir: Weir, source: Source, rng: Random, identity: str) -> Answered:
    """One turn of a conversation."""
    asked = source.ask(rng)
    heard = ask(weir.url, asked.path, asked.body, identity)
    source.heard(heard.text)
    return Answered(identity=identity, asked=asked, heard=heard)


def _alone(weir: Weir, source: Source, number: int, turns: int, seed: int) -> list[Answered]:
    rng = Random(seed * 1009 + number)
    return [exchange(weir, source, rng, f"crowd-{seed}-{number}-{turn}") for turn in range(turns)]


def compared(one: Answered, record: dict[str, Any]) -> Compared:
    """Both sides of one request; raises `Unheard` where there is only one."""
    identity, asked, heard = one.identity, one.asked, one.heard
    if not heard.whole or heard.cached is None:
        raise Unheard(f"{identity} ({asked.kind}) got status {heard.status}: {heard.errors or heard}")
    chosen = next(each for each in record["candidates"] if each["replica"] == record["chosen"])
    return Compared(
        identity=identity,
        kind=asked.kind,
        replica=heard.replica,
        knowledge=record["knowledge"],
        predicted_cached=chosen["cached_tokens"],
        reported_cached=heard.cached,
        predicted_prompt=record["request"]["prompt_tokens"],
        reported_prompt=heard.usage["prompt_tokens"],
    )


def unequal(found: Sequence[Compared]) -> dict[str, int]:
    """How many of each kind were not known to the token."""
    return dict(Counter(one.kind for one in found if not one.equal))


def equal_share(found: Sequence[Compared]) -> float:
    """Of the requests, those known to the token."""
    return sum(one.equal for one in found) / max(len(found), 1)


def cached_share(found: Sequence[Compared]) -> float:
    """Of all prompt tokens, those that came from a cache: what the proof is about."""
    return sum(one.reported_cached for one in found) / max(sum(one.reported_prompt for one in found), 1)
