"""What `shortest_ttft` makes of a long prefix that one replica holds and another would have to compute again."""

import numpy as np
import pytest

from policies.cached import Cached
from policies.fleet import CONTEXT_TOKENS, HBM, HOST, QUEUED_TOKENS, READY, RUNNING, TIERS, WAITING, Fleet
from policies.policy import routing
from policies.request import Ask
from policies.route.shortest_ttft import delay_to_coming_seconds, kernel, most_held, repeated_seconds
from tests.policies.replicas import ask, fleet_of, replica

PROMPT = 20_000.0


def held(fleet: Fleet, row: int, tokens: float) -> Cached:
    cached = np.zeros((len(fleet), TIERS))
    cached[row] = tokens
    return cached


def busy(fleet: Fleet, row: int, running: float = 2.0, queued: float = 0.0) -> None:
    fleet.table[row, RUNNING] = running
    fleet.table[row, QUEUED_TOKENS] = queued


def chosen(fleet: Fleet, cached: Cached, **changed: float) -> int:
    settings = routing("shortest_ttft", changed).settings()
    return kernel(ask(PROMPT), fleet.table, cached, settings, 0.0)[0]


def test_what_another_replica_holds_and_this_one_does_not_takes_seconds_again() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    cached = held(fleet, 0, 16_000.0)
    assert most_held(ask(PROMPT), fleet.table, cached) == 16_000.0
    assert repeated_seconds(ask(PROMPT), fleet.table, cached, 16_000.0, 0) == 0.0
    assert repeated_seconds(ask(PROMPT), fleet.table, cached, 16_000.0, 1) == pytest.approx(0.16)


def test_only_what_is_missing_here_is_computed_again() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    cached = held(fleet, 0, 16_000.0)
    cached[1, HBM:] = 12_000.0
    assert repeated_seconds(ask(PROMPT), fleet.table, cached, 16_000.0, 1) == pytest.approx(0.04)


def test_what_a_slower_tier_of_this_replica_holds_need_not_be_computed_again() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    cached = held(fleet, 0, 16_000.0)
    cached[1, HOST:] = 16_000.0
    assert repeated_seconds(ask(PROMPT), fleet.table, cached, 16_000.0, 1) == 0.0


def test_what_a_replica_holds_that_may_not_serve_it_counts_for_nothing() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    fleet.table[0, READY] = 0.0
    assert most_held(ask(PROMPT), fleet.table, held(fleet, 0, 16_000.0)) == 0.0


def test_nobody_comes_to_an_idle_replica_so_computing_again_there_delays_nobody() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    cached = held(fleet, 0, 16_000.0)
    assert delay_to_coming_seconds(ask(PROMPT), fleet.table, cached, 16_000.0, 1) == 0.0


def test_as_many_come_as_leave_and_each_waits() -> None:
    # Two answers of 100 tokens at 10 ms: two a second. In 0.16 s a third of one comes and waits for up to 0.16 s.
    fleet = fleet_of(replica("a"), replica("b"))
    busy(fleet, 1)
    cached = held(fleet, 0, 16_000.0)
    delay = delay_to_coming_seconds(ask(PROMPT), fleet.table, cached, 16_000.0, 1)
    assert delay == pytest.approx(2.0 * 0.16**2)


@pytest.mark.parametrize("column", [RUNNING, WAITING, CONTEXT_TOKENS])
def test_more_load_never_makes_it_less(column: int) -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    busy(fleet, 1)
    cached, delays = held(fleet, 0, 16_000.0), list[float]()
    for more in range(5):
        fleet.table[1, column] += 1.0 + 1000.0 * (column == CONTEXT_TOKENS)
        delays.append(delay_to_coming_seconds(ask(PROMPT), fleet.table, cached, 16_000.0, 1))
        assert delays == sorted(delays), more


def test_a_prompt_goes_where_most_of_it_is_although_somebody_is_ahead_there() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    cached = held(fleet, 0, 18_000.0)
    busy(fleet, 0, queued=20_000.0)
    busy(fleet, 1)
    assert chosen(fleet, cached, coming=0.0) == 1
    assert chosen(fleet, cached, coming=200.0) == 0


def test_it_goes_to_an_idle_replica_all_the_same() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    cached = held(fleet, 0, 18_000.0)
    busy(fleet, 0, queued=20_000.0)
    assert chosen(fleet, cached, coming=200.0) == 1


def test_where_nothing_is_held_the_weight_changes_nothing() -> None:
    rng, fleet = np.random.default_rng(1), fleet_of(*(replica(f"r{i}") for i in range(6)))
    nothing, settings = np.zeros((6, TIERS)), [routing("shortest_ttft", {"coming": w}).settings() for w in (0.0, 50.0)]
    for _ in range(50):
        fleet.table[:, RUNNING] = rng.integers(0, 5, 6)
        fleet.table[:, QUEUED_TOKENS] = rng.integers(0, 5000, 6)
        asked = Ask(float(rng.integers(1, 1 << 30)), 0.0, 0.0, PROMPT, 0.0, 100.0, 2.0, 0.1)
        rows = {kernel(asked, fleet.table, nothing, each, 0.0)[0] for each in settings}
        assert len(rows) == 1
