"""The laws of routing as functions: each takes a policy and a snapshot and raises AssertionError when it is broken."""

import json
import os
import subprocess
import sys
from collections import Counter
from math import sqrt
from pathlib import Path

import numpy as np

from policies.cached import nothing_cached
from policies.decision import Decision, Queue, Send, Shed
from policies.fleet import DECODE, LIMIT_TOKENS, MIXED, MODEL, PREFILL, READY, ROLE, WIDTH
from policies.policy import Routing
from policies.request import Ask, Request
from tests.laws.fleets import Snapshot

ROOT = Path(__file__).parents[2]


def decide(policy: Routing, seen: Snapshot) -> Decision:
    """The policy's decision, as the plain Python that it is."""
    return policy.decide(Request("r", "m", seen.ask), seen.table, seen.cached, 0.0)


def chosen(policy: Routing, seen: Snapshot) -> str:
    """The name of the replica chosen, or what else was decided."""
    decision = decide(policy, seen)
    return seen.names[decision.prefill] if isinstance(decision, Send) else type(decision).__name__


def eligible(seen: Snapshot) -> set[int]:
    """Rows that may compute the prompt, found without the code under test."""
    prefill = of_role(seen, PREFILL) if of_role(seen, DECODE) else set[int]()
    return of_role(seen, MIXED) | prefill


def of_role(seen: Snapshot, role: float) -> set[int]:
    """Ready rows of the right model in a role that take so long a request."""
    table, needed = seen.table, seen.ask.prompt_tokens + max(seen.ask.max_tokens, 1.0)
    fit = (table[:, READY] == 1.0) & (table[:, MODEL] == seen.ask.model) & (table[:, ROLE] == role)
    fit &= table[:, LIMIT_TOKENS] >= needed
    return {int(i) for i in np.flatnonzero(fit)}


def only_eligible_replicas(policy: Routing, seen: Snapshot) -> None:
    """Nobody who is not ready, serves another model or is too small is ever chosen; a prompt never goes to one that
    only decodes or encodes, to one that only computes prompts with a decode replica alone, and a mixed one keeps what
    it computes.
    """
    decision = decide(policy, seen)
    if isinstance(decision, Send):
        assert decision.prefill in eligible(seen)
        apart = decision.prefill in of_role(seen, PREFILL)
        assert decision.decode in (of_role(seen, DECODE) if apart else {decision.prefill})


def sends_while_somebody_may_serve(policy: Routing, seen: Snapshot) -> None:
    """It sends exactly when there is an eligible replica; otherwise it waits for one, or refuses without a fleet."""
    decision, expected = decide(policy, seen), Send if eligible(seen) else Queue if seen.names else Shed
    assert isinstance(decision, expected)


def same_again(policy: Routing, seen: Snapshot) -> None:
    """Deciding leaves nothing behind: asked again, it says the same, and has written into nothing it was shown."""
    table, cached = seen.table.copy(), seen.cached.copy()
    assert len({repr(decide(policy, seen)) for _ in range(3)}) == 1
    assert np.array_equal(table, seen.table)
    assert np.array_equal(cached, seen.cached)


def order_does_not_matter(policy: Routing, seen: Snapshot, order: list[int]) -> None:
    """Replicas in another order: the same replica, as likely."""
    first, second = decide(policy, seen), decide(policy, seen.permuted(order))
    assert chosen(policy, seen) == chosen(policy, seen.permuted(order))
    if isinstance(first, Send) and isinstance(second, Send):
        assert first.propensity == second.propensity


def load_repels(policy: Routing, seen: Snapshot, row: int, load: dict[str, float]) -> None:
    """A replica that was not chosen is not chosen for having more to do."""
    before = decide(policy, seen)
    if isinstance(before, Send) and before.prefill != row:
        after = decide(policy, seen.changed(row, **load))
        assert isinstance(after, Send)
        assert after.prefill != row


def survives_the_empty_fleet(policy: Routing, ask: Ask) -> None:
    """No replicas at all: a refusal, not a crash."""
    empty = Snapshot(ask, np.zeros((0, WIDTH)), nothing_cached(0), ())
    assert isinstance(decide(policy, empty), Shed)


def propensity_is_a_probability(policy: Routing, seen: Snapshot) -> None:
    """The chance it gives its action is above 0 and at most 1."""
    decision = decide(policy, seen)
    if isinstance(decision, Send):
        assert 0.0 < decision.propensity <= 1.0


def frequency_is_the_propensity(policy: Routing, seen: Snapshot, coins: int = 1500) -> None:
    """Over many requests that differ in their coin alone, each replica is chosen as often as its propensity says."""
    times: Counter[int] = Counter()
    told: dict[int, set[float]] = {}
    for coin in np.random.default_rng(7).integers(1, 2**31, coins):
        asked = (float(coin), *list(seen.ask)[1:])
        decision = decide(policy, seen._replace(ask=Ask(*asked)))
        assert isinstance(decision, Send)
        times[decision.prefill] += 1
        told.setdefault(decision.prefill, set()).add(decision.propensity)
    for row, propensities in told.items():
        assert len(propensities) == 1
        (p,) = propensities
        assert abs(times[row] / coins - p) <= 5.0 * sqrt(p * (1.0 - p) / coins) + 1e-9
    missed = 1.0 - sum(p for (p,) in told.values())
    assert abs(missed) < 0.02


def another_process_agrees(policy: str, cases: int = 300) -> None:
    """A fresh process with another hash seed gives the same answers."""
    seeds = [os.environ.get("PYTHONHASHSEED", "random"), "12345"]
    answers = [_answers_elsewhere(policy, cases, seed if seed.isdigit() else "1") for seed in seeds]
    assert answers[0] == answers[1]


def _answers_elsewhere(policy: str, cases: int, seed: str) -> list[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "proto")])
    done = subprocess.run(
        [sys.executable, "-m", "tests.laws.answers", policy, str(cases)],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}, cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    answers: list[str] = json.loads(done.stdout)
    return answers
