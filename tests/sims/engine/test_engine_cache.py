"""The prefix cache of a replica: what is found, what is held, and what has to go first."""

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine import cache
from sims.engine.arena import Memory
from sims.engine.compiled import layout
from sims.engine.conditions import Conditions, Outage
from sims.engine.memory import block, flight, record_at
from sims.engine.records import NONE, Flight, World
from sims.engine.run import Run
from sims.engine.simulate import simulate
from tests.sims.engine.plain import an_engine
from tests.sims.engine.small import FRONT_S, arrivals, prefill_s, prompts
from tests.sims.engine.worlds import BLOCK, alike, replica

LEAST, SHORTEST = routing("least_loaded"), routing("shortest_ttft")
FAR = 30.0  # seconds between requests, so that each has ended when the next comes


def found(given_: Arrivals, blocks: int = 1000, **perf: object) -> list[int]:
    """Blocks that each request found cached on one replica."""
    run = simulate(given_, alike(1, kv_tokens=blocks * BLOCK, **perf), LEAST)
    return [int(tokens) // BLOCK for tokens in run.cached]


def one_by_one(*chains: list[int], extra: int = 1) -> Arrivals:
    """Requests far apart, a token behind each one's full blocks."""
    return prompts(*[(FAR * i, chain) for i, chain in enumerate(chains)], extra=extra)


def test_a_prompt_that_comes_again_is_found() -> None:
    assert found(one_by_one([1, 2, 3], [1, 2, 3])) == [0, 3]


def test_a_longer_prompt_finds_the_part_it_shares() -> None:
    assert found(one_by_one([1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 9])) == [0, 3, 2]


def test_what_follows_a_block_that_differs_is_not_found() -> None:
    assert found(one_by_one([1, 2, 3], [8, 12, 13])) == [0, 0]


def test_the_last_token_of_a_prompt_is_always_computed() -> None:
    assert found(one_by_one([1, 2, 3], [1, 2, 3], extra=0)) == [0, 2]


def test_a_part_of_a_block_is_not_found() -> None:
    assert found(prompts((0.0, [1, 2]), (FAR, [1, 2]), extra=BLOCK - 1)) == [0, 2]


def test_without_blocks_nothing_is_found() -> None:
    assert found(arrivals((0.0, 160, 2), (FAR, 160, 2))) == [0, 0]


def test_what_is_found_is_not_computed_again() -> None:
    run = simulate(one_by_one(list(range(100)), list(range(100))), alike(1), LEAST)
    assert run.ttft_s[0] == pytest.approx(FRONT_S + prefill_s(1601))
    assert run.ttft_s[1] == pytest.approx(FRONT_S + prefill_s(1, before=1600))


def test_a_prefix_is_shared_while_its_first_owner_still_runs() -> None:
    given_ = prompts((0.0, [1, 2, 3]), (0.5, [1, 2, 3]), output=400, extra=1)
    assert found(given_) == [0, 3]


def test_two_that_compute_the_same_prefix_in_one_step_do_not_find_it_and_share_it_afterwards() -> None:
    given_ = prompts((0.0, [1, 2, 3]), (0.0, [1, 2, 3]), (FAR, [1, 2, 3]), extra=1)
    first, second, third = found(given_)
    assert first == 0
    assert second in (0, 3)
    assert third == 3


def test_answers_are_not_cached_only_prompts_are() -> None:
    """Five blocks: a prompt of two and an answer of more than one leave room that the next prompt's tail needs."""
    run = simulate(prompts((0.0, [1, 2]), (FAR, [1, 2]), output=40), alike(1, kv_tokens=5 * BLOCK), LEAST)
    assert run.cached.tolist() == [0, BLOCK]


def test_the_least_recently_used_goes_first() -> None:
    chains = [[1, 2], [11, 12], [1, 2], [21, 22], [1, 2], [11, 12]]
    assert found(one_by_one(*chains), blocks=5) == [0, 0, 2, 0, 2, 0]


def test_of_one_prompt_the_tail_goes_first() -> None:
    """The head is what others share: three of the four blocks are still there when one had to go."""
    chains = [[1, 2, 3, 4], [11, 12], [1, 2, 3, 4]]
    first, second, third = found(one_by_one(*chains), blocks=6)
    assert (first, second) == (0, 0)
    assert third == 3


def test_what_a_running_request_holds_is_not_evicted() -> None:
    rows = prompts((0.0, [1, 2, 3]), (0.3, [11, 12, 13]), (FAR, [1, 2, 3]), output=100, extra=1)
    run = simulate(rows, alike(1, kv_tokens=14 * BLOCK), LEAST)
    assert run.cached[2] == 3 * BLOCK


def test_a_preempted_request_finds_its_own_prompt_again() -> None:
    rows = prompts((0.0, list(range(30))), (0.05, list(range(100, 125))), output=200, extra=1)
    with_blocks = simulate(rows, alike(1, kv_tokens=64 * BLOCK), LEAST)
    sizes = [(float(a.at), a.prompt_tokens, a.output_tokens) for a in rows]
    without = simulate(arrivals(*sizes), alike(1, kv_tokens=64 * BLOCK), LEAST)
    assert with_blocks.preemptions[1] == without.preemptions[1] == 1
    assert with_blocks.end[1] < without.end[1]
    assert with_blocks.cached[1] == 0, "what it found at its first admission is what counts"


def test_replicas_do_not_share_their_caches() -> None:
    rows = one_by_one([1, 2, 3], [1, 2, 3], [1, 2, 3])
    run = simulate(rows, alike(3), lambda i, ask, table, cached: i)
    assert run.cached.tolist() == [0, 0, 0]


def test_a_failure_of_one_replica_leaves_the_others_caches_alone() -> None:
    rows = one_by_one([1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3])
    down = Conditions(outages=(Outage(replica=0, at=2.5 * FAR, until=2.6 * FAR),))
    run = simulate(rows, alike(2), lambda i, ask, table, cached: (0, 1, 1, 0)[i], down)
    assert (run.cached // BLOCK).tolist() == [0, 0, 3, 0]


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=30), st.integers(8, 20))
@settings(max_examples=60, deadline=None)
def test_requests_one_at_a_time_find_what_a_least_recently_used_list_holds(
    paths: list[list[int]], capacity: int
) -> None:
    """Blocks are named by the whole path before them, so that equal blocks have equal prefixes."""
    names: dict[tuple[int, ...], int] = {}
    chains = [[names.setdefault(tuple(path[: k + 1]), len(names)) for k in range(len(path))] for path in paths]
    got = found(one_by_one(*chains), blocks=capacity)
    kept, told = OrderedDict[int, None](), list[int]()
    for chain in chains:
        hits = next((k for k, number in enumerate(chain) if number not in kept), len(chain))
        told.append(hits)
        for number in chain[:hits]:
            del kept[number]
        needed = len(chain) - hits + 1
        while len(kept) > capacity - hits - needed:
            kept.popitem(last=False)
        for number in reversed(chain):
            kept[number] = None
    assert got == told


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_more_memory_never_finds_less(first: int, second: int, blocks: int) -> None:
    chains = [list(range(first)), list(range(100, 100 + second)), list(range(first))]
    least = max(first, second) + 1
    small, large = (found(one_by_one(*chains), blocks=least + more) for more in (blocks, 2 * blocks))
    assert all(a <= b for a, b in zip(small, large, strict=True))


def test_what_a_run_found_is_less_than_every_prompt_and_a_whole_number_of_blocks() -> None:
    draws = np.random.default_rng(5)
    rows = prompts(*[(0.05 * i, list(range(int(draws.integers(1, 40))))) for i in range(80)], extra=3)
    run: Run = simulate(rows, [replica("a", kv_tokens=60 * BLOCK), replica("b")], SHORTEST)
    assert (run.cached < run.prompt_tokens).all()
    assert (run.cached % BLOCK == 0).all()


def holder(memory: Memory, chain: list[int]) -> Flight:
    """A request whose prompt has those blocks, on an engine of 16-token blocks."""
    memory.keep("chains_", np.array(chain, np.int32))
    memory.keep("memo_", np.zeros(len(chain), np.int32))
    memory.keep("flights_", np.zeros(1, layout(Flight)))
    world = record_at(World, memory.address)
    f = flight(world, 0)
    f.chained, f.prompt = len(chain), BLOCK * len(chain)
    return f


def test_blocks_are_plain_then_named_then_given_back_tail_first() -> None:
    memory = Memory()
    e = an_engine(memory, capacity=10)
    f, w = holder(memory, [5, 6, 7]), record_at(World, memory.address)
    cache.take(w, e, 3)
    f.kv = 3 * BLOCK
    assert (e.plain, e.freed, cache.free(e)) == (7, 0, 7)
    cache.name(w, e, f, 3)
    assert cache.hits(w, e, f, 3) == 3
    assert cache.evictable(w, e, f, 3) == 0
    cache.release(w, e, f)
    assert (e.plain, e.freed, cache.free(e)) == (7, 3, 10)
    assert cache.evictable(w, e, f, 3) == 3
    assert block(e, e.oldest).key - 1 == 7, "the tail is the first to be evicted"
    assert block(e, e.youngest).key - 1 == 5


def test_taking_more_than_is_plain_evicts_the_oldest() -> None:
    memory = Memory()
    e = an_engine(memory, capacity=4)
    f, w = holder(memory, [5, 6, 7]), record_at(World, memory.address)
    cache.take(w, e, 3)
    f.kv = 3 * BLOCK
    cache.name(w, e, f, 3)
    cache.release(w, e, f)
    cache.take(w, e, 2)
    assert cache.hits(w, e, f, 3) == 2
    assert (e.plain, e.freed) == (0, 2)


def test_holding_what_is_cached_takes_it_from_those_that_may_go() -> None:
    memory = Memory()
    e = an_engine(memory, capacity=4)
    f, w = holder(memory, [5, 6]), record_at(World, memory.address)
    cache.take(w, e, 2)
    f.kv = 2 * BLOCK
    cache.name(w, e, f, 2)
    cache.release(w, e, f)
    hits = cache.hits(w, e, f, 2)
    cache.hold(w, e, f, hits)
    assert (hits, e.freed, e.oldest) == (2, 0, NONE)
    f.named, f.kv = 2, 2 * BLOCK
    cache.release(w, e, f)
    assert e.freed == 2


def test_at_most_as_many_hits_are_counted_as_asked_for() -> None:
    memory = Memory()
    e = an_engine(memory, capacity=8)
    f, w = holder(memory, [1, 2, 3, 4]), record_at(World, memory.address)
    cache.take(w, e, 4)
    f.kv = 4 * BLOCK
    cache.name(w, e, f, 4)
    assert [cache.hits(w, e, f, limit) for limit in range(6)] == [0, 1, 2, 3, 4, 4]
