"""What the router believes: its own counts at once, scraped ones late, caches as events or its own memory tell."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cached import Cached
from policies.fleet import (
    CONTEXT_TOKENS,
    HBM,
    KV_USED,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    READY,
    RUNNING,
    WAITING,
    Table,
)
from policies.kv.expected import WAIT_FLOOR_S
from policies.policy import routing
from policies.request import Ask
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, arrivals, prompts
from tests.sims.engine.worlds import BLOCK, alike, drawn, traces

LEAST = routing("least_loaded")
LOADS = [RUNNING, WAITING, QUEUED_TOKENS, QUEUED_ATTENDED, CONTEXT_TOKENS, KV_USED]


class Eye:
    """A plain policy that writes down what it is shown; it sends by `to`, to replica 0 unless told."""

    def __init__(self, to: Callable[[int], int] = lambda i: 0, **reads: Any) -> None:
        self.to = to
        self.reads_cache, self.reads_load = reads.get("cache", "events"), reads.get("load", "own")
        self.history_tokens, self.history_match_tokens = reads.get("history", 0), reads.get("match", 0)
        self.tables: list[Table] = []
        self.caches: list[Cached] = []
        self.asks: list[Ask] = []

    def __call__(self, i: int, ask: Ask, table: Table, cached: Cached) -> int:
        self.tables.append(table.copy())
        self.caches.append(cached.copy())
        self.asks.append(Ask(*ask))
        return self.to(i)

    def hbm(self, row: int = 0) -> list[int]:
        """Blocks of each request that replica was said to hold."""
        return [int(cached[row, HBM]) // BLOCK for cached in self.caches]


def test_its_own_sends_are_known_to_the_next_decision_at_the_same_instant() -> None:
    eye = Eye()
    simulate(arrivals(*[(0.0, 100, 5)] * 4), alike(1), eye)
    assert [table[0, WAITING] for table in eye.tables] == [0.0, 1.0, 2.0, 3.0]
    assert [table[0, QUEUED_TOKENS] for table in eye.tables] == [0.0, 100.0, 200.0, 300.0]


def test_a_first_token_turns_one_that_waits_into_one_that_runs() -> None:
    eye = Eye()
    first_s = simulate(arrivals((0.0, 100, 500)), alike(1), LEAST).first[0]
    simulate(arrivals((0.0, 100, 500), (first_s - 1e-6, 10, 5), (first_s + 1e-6, 10, 5)), alike(1), eye)
    before, after = eye.tables[1][0], eye.tables[2][0]
    assert (before[WAITING], before[RUNNING]) == (1.0, 0.0)
    assert (after[WAITING], after[RUNNING]) == (1.0, 1.0), "the second request waits by now"
    assert before[CONTEXT_TOKENS] == 0.0
    assert after[CONTEXT_TOKENS] == 100.0 + 0.5 * 200.0, "the prompt and half of what is expected"


def test_the_last_token_takes_a_request_off_the_counts() -> None:
    eye = Eye()
    simulate(arrivals((0.0, 100, 5), (10.0, 100, 5)), alike(1), eye)
    assert not eye.tables[1][0, LOADS].any()


@given(traces(), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_every_count_returns_to_zero_when_all_is_over(given_: Arrivals, replicas: int, seed: int) -> None:
    late = replace(given_.chosen(np.arange(len(given_))), at=given_.at)
    eye = Eye(to=lambda i: (i + seed) % replicas)
    simulate(late, alike(replicas), eye)
    again = Eye(to=lambda i: (i + seed) % replicas)
    last = arrivals(*[(float(a.at), a.prompt_tokens, a.output_tokens) for a in given_], (10_000.0, 10, 2))
    simulate(last, alike(replicas), again)
    assert np.abs(again.tables[-1][:, LOADS]).max() < 1e-6


def test_counts_return_to_zero_after_a_failure_too() -> None:
    eye = Eye(to=lambda i: i % 2)
    rows = arrivals(*[(0.1 * i, 200, 100) for i in range(40)], (500.0, 10, 2))
    policy: Any = routing("least_loaded")
    kernel, settings_ = type(policy).kernel, policy.settings()

    def seeing(i: int, ask: Ask, table: Table, cached: Cached) -> int:
        eye(i, ask, table, cached)
        return int(kernel(ask, table, cached, settings_, 0.0)[0])

    simulate(rows, alike(2), seeing, Conditions(outages=(Outage(replica=0, at=2.0, until=5.0),)))
    assert np.abs(eye.tables[-1][:, LOADS]).max() < 1e-6


def test_a_replica_that_is_down_is_not_ready_in_the_table() -> None:
    eye = Eye(to=lambda i: 1)
    down = Conditions(outages=(Outage(replica=0, at=2.0, until=4.0),))
    simulate(arrivals((1.0, 10, 2), (3.0, 10, 2), (5.0, 10, 2)), alike(2), eye, down)
    assert [table[0, READY] for table in eye.tables] == [1.0, 0.0, 1.0]


def test_scraped_counts_are_those_of_the_last_scrape_that_has_arrived() -> None:
    eye = Eye(load="scraped")
    rows = arrivals((0.0, 100, 5000), (0.3, 10, 2), (0.55, 10, 2), (1.2, 10, 2))
    simulate(rows, alike(1), eye, Conditions(scrape_s=0.5, staleness_s=0.1))
    running = [table[0, RUNNING] for table in eye.tables]
    # At 0.3 the scrape of 0.0 is there, nothing ran then; at 0.55 that of 0.5 is on its way; at 1.2 that of 1.0 came.
    assert running == [0.0, 0.0, 0.0, 1.0]


def test_between_two_scrapes_own_sends_do_not_show() -> None:
    eye = Eye(load="scraped")
    simulate(arrivals(*[(0.01 * i, 100, 50) for i in range(10)]), alike(1), eye, Conditions(scrape_s=5.0))
    assert not any(table[0, LOADS].any() for table in eye.tables)


def test_with_stale_metrics_a_burst_herds_and_with_own_counts_it_spreads() -> None:
    rows = arrivals(*[(1.0 + 0.001 * i, 500, 50) for i in range(40)])

    def most_on_one(load: str) -> int:
        class Least(Eye):
            def __call__(self, i: int, ask: Ask, table: Table, cached: Cached) -> int:
                return int(np.argmin(table[:, RUNNING] + table[:, WAITING]))

        run = simulate(rows, alike(4), Least(load=load), Conditions(scrape_s=1.0))
        return int(run.requests.max())

    assert most_on_one("own") == 10
    assert most_on_one("scraped") == 40


@pytest.mark.parametrize("late", [0.0, 0.05, 3.0])
def test_events_of_a_cache_reach_the_router_late_by_as_much_as_told(late: float) -> None:
    chain = [1, 2, 3]
    stored = simulate(prompts((0.0, chain)), alike(1), LEAST).admitted[0]
    eye = Eye()
    rows = prompts((0.0, chain), (stored + late - 1e-3, chain), (stored + late + 1e-3, chain), output=400)
    if late < 1e-3:
        rows = prompts((0.0, chain), (0.0, chain), (stored + 1e-3, chain), output=400)
    simulate(rows, alike(1), eye, Conditions(staleness_s=late, expects=False))
    assert eye.hbm() == [0, 0, 3]


def test_a_prompt_on_its_way_counts_as_held_until_its_deadline() -> None:
    eye, chain = Eye(), [1, 2, 3]
    rows = prompts(*[(at, chain) for at in (0.0, 0.0, WAIT_FLOOR_S - 1e-3, WAIT_FLOOR_S)], output=400)
    simulate(rows, alike(1), eye, Conditions(staleness_s=60.0))
    assert eye.hbm() == [0, 3, 3, 0]


def test_only_a_longer_prompt_is_expected_anew() -> None:
    eye = Eye(to=lambda i: i % 2)
    rows = prompts((0.0, [1, 2]), (0.1, [1, 2, 3]), (0.2, [1, 2, 3, 4]), output=400)
    simulate(rows, alike(2), eye, Conditions(staleness_s=60.0))
    assert (eye.hbm(0), eye.hbm(1)) == ([0, 2, 2], [0, 0, 3])


def test_an_event_that_a_block_is_gone_ends_what_was_expected_of_it() -> None:
    """Four blocks of memory: the second prompt drives the first out, of which the router is told at once."""
    eye = Eye()
    rows = prompts((0.0, [1, 2]), (0.05, [3, 4, 5]), (0.45, [1, 2]), output=1)
    simulate(rows, alike(1, kv_tokens=4 * BLOCK), eye, Conditions(staleness_s=0.0))
    assert eye.hbm()[2] < 2


def test_what_was_evicted_is_believed_until_its_event_comes() -> None:
    """Four blocks of memory: the second prompt drives the first out."""
    eye = Eye()
    rows = prompts((0.0, [1, 2, 3]), (20.0, [11, 12, 13]), (20.5, [1, 2, 3]), (30.0, [1, 2, 3]), output=2, extra=1)
    simulate(rows, alike(1, kv_tokens=4 * BLOCK), eye, Conditions(staleness_s=1.0))
    believed = eye.hbm()
    assert believed[2] == 3, "the router does not know yet"
    assert believed[3] == 3, "by now it has come in again"


def test_a_believed_prefix_that_is_gone_is_a_misprediction_that_the_run_tells() -> None:
    rows = prompts((0.0, [1, 2, 3]), (20.0, [11, 12, 13]), (20.5, [1, 2, 3]), output=2, extra=1)
    run = simulate(rows, alike(1, kv_tokens=4 * BLOCK), routing("shortest_ttft"), Conditions(staleness_s=1.0))
    assert run.believed[2] == 3 * BLOCK
    assert run.cached[2] < run.believed[2]


def test_a_history_remembers_what_the_engine_has_long_lost() -> None:
    eye = Eye(cache="history")
    chains = [[1, 2, 3], [11, 12, 13], [21, 22, 23], [1, 2, 3]]
    rows = prompts(*[(20.0 * i, chain) for i, chain in enumerate(chains)], output=2, extra=1)
    run = simulate(rows, alike(1, kv_tokens=4 * BLOCK), eye)
    assert eye.hbm() == [0, 0, 0, 3]
    assert run.cached[3] < 3 * BLOCK


def test_a_history_knows_of_a_send_at_once() -> None:
    eye = Eye(cache="history")
    simulate(prompts((0.0, [1, 2]), (0.0, [1, 2])), alike(1), eye, Conditions(staleness_s=5.0))
    assert eye.hbm() == [0, 2]


def test_a_history_is_of_the_replica_that_it_was_sent_to() -> None:
    eye = Eye(to=lambda i: 1, cache="history")
    simulate(prompts((0.0, [1, 2]), (5.0, [1, 2])), alike(3), eye)
    assert [eye.hbm(row)[1] for row in range(3)] == [0, 2, 0]


def test_a_bounded_history_forgets_the_least_recent() -> None:
    eye = Eye(cache="history", history=4 * BLOCK)
    chains = [[1, 2], [11, 12], [1, 2], [21, 22], [11, 12], [1, 2]]
    simulate(prompts(*[(20.0 * i, chain) for i, chain in enumerate(chains)]), alike(1), eye)
    assert eye.hbm()[:5] == [0, 0, 2, 0, 0]
    assert eye.hbm()[5] == 0


def test_a_history_of_beginnings_matches_no_more_than_those() -> None:
    eye = Eye(cache="history", match=2 * BLOCK)
    simulate(prompts((0.0, [1, 2, 3, 4]), (20.0, [1, 2, 3, 4])), alike(1), eye)
    assert eye.hbm() == [0, 2]


def test_a_failed_replicas_blocks_are_forgotten_at_once_even_those_on_their_way() -> None:
    eye = Eye(to=lambda i: 0 if i == 0 else 1)
    rows = prompts((0.0, [1, 2, 3]), (5.0, [1, 2, 3]), (12.0, [1, 2, 3]), output=2)
    down = Conditions(staleness_s=4.0, outages=(Outage(replica=0, at=2.0, until=3.0),))
    simulate(rows, alike(2), eye, down)
    assert eye.hbm(0) == [0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=20), st.integers(1, 70))
@settings(max_examples=40, deadline=None)
def test_with_fresh_events_and_requests_far_apart_the_router_believes_what_the_engine_finds(
    rows: list[tuple[int, int]], replicas: int
) -> None:
    """Also with more than 64 replicas, whose bits fill more than one word."""
    chains = [[100 * kind + k for k in range(length)] for kind, length in rows]
    eye = Eye(to=lambda i: (7 * i) % replicas)
    given_ = prompts(*[(20.0 * i, chain) for i, chain in enumerate(chains)], extra=1)
    run = simulate(given_, alike(replicas, kv_tokens=2000 * BLOCK), eye, Conditions(staleness_s=0.0))
    for i, row in enumerate(run.replica.tolist()):
        assert int(eye.caches[i][row, HBM]) == run.cached[i]


def test_the_predicted_first_token_of_a_lone_request_is_what_it_takes() -> None:
    run = simulate(arrivals((0.0, 1000, 5), (30.0, 3000, 5)), alike(1), routing("shortest_ttft"))
    assert run.predicted_ttft_s.tolist() == pytest.approx(run.ttft_s.tolist(), rel=1e-6)


def test_a_request_reaches_its_engine_a_front_end_later_and_no_metric_shows_it_before() -> None:
    eye = Eye(load="scraped")
    rows = arrivals((1.0, 100, 5000), (1.0 + 0.9 * FRONT_S, 10, 2), (1.5, 10, 2))
    simulate(rows, alike(1), eye, Conditions(scrape_s=0.001, staleness_s=0.0))
    assert [table[0, RUNNING] + table[0, WAITING] for table in eye.tables] == [0.0, 0.0, 1.0]


def test_the_coin_of_a_request_is_its_own_and_its_sessions_the_sessions() -> None:
    eye = Eye()
    rows = arrivals(*[(0.1 * i, 10, 2) for i in range(6)], session=np.array([0, 0, 1, 1, -1, -1], np.int32))
    simulate(rows, alike(1), eye)
    coins = [ask.coin for ask in eye.asks]
    assert len(set(coins)) == 6
    sessions = [ask[1] for ask in eye.asks]
    assert sessions[0] == sessions[1] != sessions[2] == sessions[3]
    assert sessions[4] == sessions[5] == 0.0


def test_all_that_was_served_had_been_seen_by_the_policy_exactly_once() -> None:
    eye = Eye(to=lambda i: i % 3)
    run = simulate(drawn(90, 30.0), alike(3), eye)
    assert (run.state == SERVED).all()
    assert len(eye.asks) == 90
