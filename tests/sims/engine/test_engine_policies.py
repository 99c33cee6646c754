"""Policies inside the compiled loop: compiled kernels, plain Python, and what each is shown."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cached import Cached
from policies.fleet import CONTEXT_TOKENS, HBM, KV_USED, RUNNING, TIERS, WAITING, Replica, Table
from policies.policy import Kernel, Routing, Settings, routing
from policies.request import Ask, hash31
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate
from sims.replica.jobs import Job
from sims.validation.reporting import ReportingEngine
from tests.sims.engine.worlds import BLOCK, alike, drawn, fleets, lived, replica, traces


def argmin(i: int, ask: Ask, table: Table, cached: Cached) -> int:
    return int(np.argmin(table[:, RUNNING] + table[:, WAITING]))


class Watching:
    """A plain policy that goes round the fleet and writes down what it was shown."""

    def __init__(
        self, reads_cache: str = "events", reads_load: str = "own", history_tokens: int = 0, match: int = 0
    ) -> None:
        self.reads_cache, self.reads_load = reads_cache, reads_load
        self.history_tokens, self.history_match_tokens = history_tokens, match
        self.seen: list[tuple[int, int, Table, Cached]] = []

    def __call__(self, i: int, ask: Ask, table: Table, cached: Cached) -> int:
        row = len(self.seen) % len(table)
        self.seen.append((i, row, table.copy(), cached.copy()))
        return row


@pytest.mark.parametrize("name", ["least_loaded", "shortest_ttft", "prefix_affinity", "two_choices"])
def test_a_kernel_run_as_plain_python_chooses_as_when_compiled(name: str) -> None:
    policy, arrivals, fleet = routing(name), drawn(150, 40.0), [replica("a"), replica("b", fast=False), replica("c")]
    kernel, settings_ = type(policy).kernel, policy.settings()
    plain = simulate(arrivals, fleet, lambda i, ask, table, cached: kernel(ask, table, cached, settings_, 0.0)[0])
    assert lived(plain, believed=False) == lived(simulate(arrivals, fleet, policy), believed=False)


def test_a_routing_policy_that_nobody_registered_runs_as_plain_python() -> None:
    def first(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
        return 0, 1.0

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Stubborn(Routing):
        kernel: ClassVar[Kernel] = staticmethod(first)

    assert simulate(drawn(20, 5.0), alike(3), Stubborn()).requests.tolist() == [20, 0, 0]


def test_a_policy_is_told_the_request_and_not_its_output_length() -> None:
    asks: list[Ask] = []

    def note(i: int, ask: Ask, table: Table, cached: Cached) -> int:
        assert i == len(asks)
        asks.append(ask)
        return 0

    arrivals = drawn(30, 1.0)
    simulate(arrivals, alike(1), note, Conditions(seed=7, ttft_slo_s=3.0, tpot_slo_s=0.2))
    assert [ask.coin for ask in asks] == [float(hash31(f"7-{i}")) for i in range(30)]
    assert [ask.prompt_tokens for ask in asks] == arrivals.prompt_tokens.tolist()
    assert {(ask.ttft_deadline_s, ask.tpot_deadline_s) for ask in asks} == {(3.0, 0.2)}
    assert asks[0].expected_tokens == 200.0
    assert not {ask.expected_tokens for ask in asks} & set(arrivals.output_tokens.tolist())


def test_what_a_plain_policy_raises_is_raised_to_the_caller() -> None:
    def broken(i: int, ask: Ask, table: Table, cached: Cached) -> int:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        simulate(drawn(5, 1.0), alike(1), broken)


def test_a_row_that_is_not_there_is_an_error_that_names_the_arrival() -> None:
    with pytest.raises(ValueError, match="row 9 for arrival 0: there are 2 replicas"):
        simulate(drawn(5, 1.0), alike(2), lambda i, ask, table, cached: 9)


def test_whom_a_policy_finds_nowhere_for_is_held_until_a_time_at_which_it_does() -> None:
    def hesitant(i: int, ask: Ask, table: Table, cached: Cached) -> int:
        return -1 if i % 2 and table[0, RUNNING] else 0

    run = simulate(drawn(20, 2.0), alike(1), hesitant)
    assert (run.state == 0).all()


@given(traces(), st.integers(1, 3), st.sampled_from([0, 4 * BLOCK, 9 * BLOCK]), st.sampled_from([0, 3 * BLOCK]))
@settings(max_examples=60, deadline=None)
def test_a_history_remembers_what_was_sent_least_recent_out_first(
    arrivals: Arrivals, replicas: int, tokens: int, match: int
) -> None:
    policy = Watching("history", history_tokens=tokens, match=match)
    simulate(arrivals, alike(replicas), policy)
    kept = [OrderedDict[int, None]() for _ in range(replicas)]
    for i, row, _, cached in policy.seen:
        chain = arrivals[i].blocks[: match // BLOCK] if match else arrivals[i].blocks
        for each, known in enumerate(kept):
            held = next((j for j, block in enumerate(chain) if block not in known), len(chain))
            assert cached[each].tolist() == [held * BLOCK] * TIERS
        for block in reversed(chain):
            kept[row][block] = None
            kept[row].move_to_end(block)
            while tokens and len(kept[row]) > tokens // BLOCK:
                kept[row].popitem(last=False)


@given(traces(), fleets(most=2))
@settings(max_examples=60, deadline=None)
def test_scraped_metrics_are_what_the_engines_showed_at_the_last_scrape(
    arrivals: Arrivals, fleet: list[Replica]
) -> None:
    # Looking at the oracle splits its phases, so no request may come at the very instant of a boundary; nor when a
    # scrape arrives, so that is no whole number of milliseconds.
    opened = replace(arrivals, after_s=np.full(len(arrivals), np.nan))
    policy = Watching(reads_load="scraped")
    run = simulate(opened, fleet, policy, Conditions(scrape_s=0.5, staleness_s=0.1003))
    engines = [ReportingEngine(each.perf, BLOCK) for each in fleet]
    inbox = sorted((run.at[i] + fleet[row].perf.frontend_s, i, row) for i, row, *_ in policy.seen if run.state[i] == 0)
    for i, _, table, _ in policy.seen:
        scraped = np.floor((run.at[i] - 0.1003) / 0.5) * 0.5
        if scraped < 0.0:
            assert not table[:, [RUNNING, WAITING, KV_USED]].any()
            continue
        while inbox and inbox[0][0] <= scraped:
            at, one, row = inbox.pop(0)
            engines[row].submit(job(opened, one), at)
        for row, engine in enumerate(engines):
            engine.advance(scraped)
            assert table[row, [RUNNING, WAITING, KV_USED]].tolist() == list(engine.gauges(scraped))
            assert table[row, CONTEXT_TOKENS] == engine.load().context_tokens


def job(arrivals: Arrivals, i: int) -> Job:
    one = arrivals[i]
    return Job(
        id=str(i), prompt_tokens=one.prompt_tokens, output_tokens=one.output_tokens, blocks=one.blocks,
        visual_tokens=one.visual_tokens,
    )  # fmt: skip


def test_a_policy_that_reads_nothing_cached_is_told_nothing() -> None:
    policy = Watching()
    policy.uses_cached = False  # type: ignore[attr-defined]
    rows = drawn(50, 5.0)
    ends = np.cumsum([0, *(rows.prompt_tokens // BLOCK)])
    blocks = np.concatenate([np.arange(n) for n in rows.prompt_tokens // BLOCK]).astype(np.int32)
    arrivals = Arrivals.drawn(
        rows.at, rows.prompt_tokens, rows.output_tokens, blocks=blocks, ends=ends, block_tokens=BLOCK
    )
    run = simulate(arrivals, alike(2), policy)
    assert not any(cached[:, HBM].any() for *_, cached in policy.seen)
    assert run.cached.sum() > 0
