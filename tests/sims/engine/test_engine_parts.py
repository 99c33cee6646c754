"""Single parts of the loop as plain Python: the view's counts, queues, looks, knowledge, memory and its layout."""

from collections import deque
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import (
    CONTEXT_TOKENS,
    HBM,
    KV_USED,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    RUNNING,
    TIERS,
    WAITING,
    WIDTH,
    Fleet,
)
from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine import batching, flights, holding, knowledge, line, telling, view
from sims.engine.arena import CACHE_LINE, Memory, aligned
from sims.engine.compiled import COMPILED, layout
from sims.engine.conditions import Conditions
from sims.engine.layout import (
    FEW,
    lay_agenda,
    lay_arrivals,
    lay_classes,
    lay_engines,
    lay_fleet,
    lay_held,
    lay_knowledge,
    lay_metrics,
)
from sims.engine.memory import engine, flight, floats, integers, outcome, record_at, smalls
from sims.engine.reads import Reads
from sims.engine.records import NONE, Block, Engine, Flight, World
from sims.engine.run import SHED
from sims.engine.simulate import simulate
from tests.sims.engine.plain import an_engine
from tests.sims.engine.small import arrivals, prompts
from tests.sims.engine.worlds import BLOCK, alike, replica

LOADS = [RUNNING, WAITING, QUEUED_TOKENS, QUEUED_ATTENDED, CONTEXT_TOKENS, KV_USED]

ROWS = st.integers(0, 99).filter(lambda row: row != 63)
"""Of a hundred replicas those whose bit is no sign: plain Python's words have none, the machine's do."""


def a_world(given_: Arrivals, replicas: int = 2, *, conditions: Conditions | None = None) -> tuple[Memory, Any]:
    """All of a simulation's memory, nothing played yet; engines with cached blocks enough."""
    memory, fleet, conditions = Memory(), Fleet(replicas), conditions or Conditions()
    ours = alike(replicas)
    lay_fleet(memory, fleet, ours)
    lay_arrivals(memory, given_, fleet, ours[0].model)
    lay_classes(memory, given_, conditions)
    engines = lay_engines(memory, ours, given_.block_tokens or BLOCK, conditions)
    lay_agenda(memory, replicas)
    reads = Reads.of(routing("shortest_ttft"), blocks=len(given_.blocks) > 0)
    lay_knowledge(memory, engines, reads, conditions)
    lay_metrics(memory, replicas, reads, conditions)
    lay_held(memory, 1, len(given_), conditions)
    return memory, record_at(World, memory.address)


def sent_to(w: Any, index: int, row: int) -> Any:
    """The record of an arrival that goes to a replica."""
    f = flight(w, flights.taken(w))
    flights.prepare(w, f, index)
    f.row = row
    return f


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 500), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_what_is_counted_in_is_counted_out_whichever_way_it_ends(rows: list[tuple[int, int, bool]]) -> None:
    given_ = arrivals(*[(float(i), prompt, output) for i, (prompt, output, _) in enumerate(rows)])
    memory, w = a_world(given_)
    held = []
    for i, (_, _, fails) in enumerate(rows):
        f = sent_to(w, i, i % 2)
        w.missing += 1
        view.sent(w, f, 0.0)
        held.append((f, fails))
    table = memory.array("table_")
    assert table[:, WAITING].sum() == len(rows)
    for k, (f, fails) in enumerate(held):
        if not fails or k % 2:
            view.started(w, f)
            f.emitted = 1
        if fails:
            view.lost(w, f)
        else:
            view.ended(w, f)
    assert np.abs(table[:, LOADS]).max() < 1e-6
    assert w.missing == sum(fails for _, _, fails in rows), "those lost wait for their first token again"


def test_what_is_believed_cached_is_not_counted_as_queued() -> None:
    memory, w = a_world(arrivals((0.0, 1000, 10)))
    view.sent(w, sent_to(w, 0, 1), 400.0)
    row = memory.array("table_")[1]
    assert (row[WAITING], row[QUEUED_TOKENS]) == (1.0, 600.0)
    assert row[QUEUED_ATTENDED] == 600.0 * (1000.0 - 300.0)
    assert row[KV_USED] == 1000.0 + 0.5 * 200.0


def test_a_prompt_believed_to_be_cached_whole_still_counts_one_token() -> None:
    memory, w = a_world(arrivals((0.0, 1000, 10)))
    view.sent(w, sent_to(w, 0, 0), 1000.0)
    assert memory.array("table_")[0, QUEUED_TOKENS] == 1.0


def test_a_request_that_moves_is_counted_where_it_decodes() -> None:
    memory, w = a_world(arrivals((0.0, 1000, 10)))
    f = sent_to(w, 0, 0)
    w.missing = 1
    view.sent(w, f, 0.0)
    view.started(w, f)
    view.moved(w, f, 1)
    table = memory.array("table_")
    assert not table[0, LOADS].any()
    assert (table[1, RUNNING], f.row) == (1.0, 1)
    view.ended(w, f)
    assert not table[1, LOADS].any()


def test_what_to_expect_of_an_answer_moves_towards_what_came() -> None:
    _, w = a_world(arrivals(*[(float(i), 10, 1000) for i in range(3)]))
    before = float(floats(w.expected_)[0])
    for i in range(3):
        f = sent_to(w, i, 0)
        w.missing += 1
        view.sent(w, f, 0.0)
        view.started(w, f)
        view.ended(w, f)
    assert before == 200.0
    assert floats(w.expected_)[0] == pytest.approx(1000.0 - 800.0 * 0.99**3)


@given(st.lists(st.sampled_from(["hold", "go"]), max_size=40))
@settings(max_examples=40, deadline=None)
def test_those_held_are_a_queue(moves: list[str]) -> None:
    _, w = a_world(arrivals(*[(float(i), 10, 2) for i in range(41)]))
    naive, following = deque[int](), 0
    for move in moves:
        if move == "hold":
            holding.hold(w, following)
            naive.append(following)
            following += 1
        elif naive:
            assert holding.let_go(w, 0) == naive.popleft()
        assert w.held == len(naive)
        assert holding.first_held(w, 0) == (naive[0] if naive else NONE)


def test_patience_ends_with_the_one_held_longest() -> None:
    _, w = a_world(arrivals((1.0, 10, 2), (2.0, 10, 2)), conditions=Conditions(queue_s=3.0))
    assert holding.patience(w) == inf
    for index in (0, 1):
        outcome(w, index).at = 1.0 + index
        holding.hold(w, index)
    w.missing = 2
    assert holding.patience(w) == 4.0
    w.now = 4.0
    holding.shed(w)
    assert (outcome(w, 0).state, w.held, w.missing, holding.patience(w)) == (SHED, 1, 1, 5.0)


def test_room_is_a_place_and_the_tokens_of_the_prompt() -> None:
    memory, w = a_world(arrivals((0.0, 1000, 10)))
    table = memory.array("table_")
    perf = alike(1)[0].perf
    assert holding.has_room(w, 0, 0)
    table[0, KV_USED] = perf.kv_tokens - 999
    assert not holding.has_room(w, 0, 0)
    assert holding.any_room(w, 0), "the other one has"
    table[1, RUNNING], table[1, WAITING] = perf.max_seqs - 1, 1
    assert not holding.any_room(w, 0)


def test_a_record_that_was_given_back_is_the_next_to_be_taken() -> None:
    _, w = a_world(arrivals(*[(0.0, 10, 2)] * 4))
    first, second = flights.taken(w), flights.taken(w)
    assert (first, second) == (0, 1)
    flights.give_back(w, first)
    flights.give_back(w, second)
    assert [flights.taken(w) for _ in range(3)] == [1, 0, 2]


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(0, 1000)), max_size=40, unique_by=lambda one: one[1]))
@settings(max_examples=40, deadline=None)
def test_turns_come_by_time_then_by_number(rows: list[tuple[float, int]]) -> None:
    sessions, after = np.zeros(50, np.int32), np.concatenate([[np.nan], np.zeros(49)])
    _, w = a_world(arrivals(*[(0.0, 10, 2)] * 50, session=sessions, after_s=after))
    for at, index in rows:
        line.push(w, at, index)
    assert [line.pop(w) for _ in rows] == [index for _, index in sorted(rows)]


@given(st.lists(st.tuples(ROWS, st.integers(0, 5), st.booleans()), max_size=60))
@settings(max_examples=40, deadline=None)
def test_what_is_known_of_caches_is_what_was_told_in_order(moves: list[tuple[int, int, bool]]) -> None:
    """Of a hundred replicas: their bits fill two words."""
    chain = list(range(6))
    _, w = a_world(prompts((0.0, chain)), replicas=100, conditions=Conditions(staleness_s=0.0))
    naive: set[tuple[int, int]] = set()
    for row, number, stored in moves:
        telling.tell(w, row, number, HBM, int(stored))
        (naive.add if stored else naive.discard)((row, number))
    knowledge.hear(w)
    knowledge.match(w, 0, len(chain), float(BLOCK), HBM)
    cached = floats(w.cached_)
    for row in range(100):
        held = next((k for k, number in enumerate(chain) if (row, number) not in naive), len(chain))
        assert [cached[TIERS * row + tier] for tier in range(TIERS)] == [held * BLOCK] * TIERS
    knowledge.forget_last(w)
    assert not any(cached[k] for k in range(TIERS * 100))


def test_an_event_that_has_not_arrived_is_not_known() -> None:
    _, w = a_world(prompts((0.0, [0, 1])))
    w.stamp, w.now = 5.0, 4.9
    telling.tell(w, 0, 0, HBM, 1)
    knowledge.hear(w)
    known = integers(w.known_)
    assert known[0] == 0
    w.now = 5.0
    knowledge.hear(w)
    assert known[0] == 1


def test_a_replica_that_is_forgotten_takes_nobody_else_along() -> None:
    _, w = a_world(prompts((0.0, [0, 1])), replicas=3)
    for row in range(3):
        knowledge.note(w, row, 0, HBM, 1)
    telling.tell(w, 1, 1, HBM, 1)
    knowledge.forget(w, 1)
    w.now = 100.0
    knowledge.hear(w)
    assert integers(w.known_)[0] == 0b101
    assert integers(w.known_)[1] == 0, "what was on its way from it tells of a block that is gone"


def test_whoever_is_enqueued_is_at_the_end_and_its_tokens_are_counted() -> None:
    memory = Memory()
    e = an_engine(memory)
    memory.keep("engines_", memory.array("engines_"))
    memory.keep("flights_", np.zeros(3, layout(Flight)))
    w = record_at(World, memory.address)
    for index, tokens in enumerate((10, 20, 30)):
        flight(w, index).target = tokens
        batching.enqueue(w, e, index)
    assert (e.waiting, e.queued, e.first_waiting, e.last_waiting) == (3, 60, 0, 2)
    assert [int(flight(w, index).next) for index in range(3)] == [1, 2, NONE]
    assert not batching.idle(e)


@pytest.mark.parametrize(("growth", "count", "most"), [(0.25, 1000, 250), (0.25, 10, FEW), (0.0, 1000, 1 << 30)])
def test_how_many_may_wait_is_a_share_of_all_but_never_a_few(growth: float, count: int, most: int) -> None:
    _, w = a_world(arrivals(*[(0.0, 10, 2)] * count), conditions=Conditions(unstable_growth=growth))
    assert w.most_missing == most


def test_a_row_of_the_fleet_begins_a_line_of_the_processors_cache() -> None:
    memory, _ = a_world(arrivals((0.0, 10, 2)), replicas=5)
    table = memory.array("table_")
    assert table.ctypes.data % CACHE_LINE == 0
    assert WIDTH * 8 % CACHE_LINE == 0
    assert (aligned(np.arange(7.0)) == np.arange(7.0)).all()


def test_records_are_laid_out_as_c_lays_them_out() -> None:
    assert layout(Block).itemsize == 16
    assert layout(World).itemsize % 8 == 0
    assert layout(Engine).fields is not None
    assert all(offset % kind.itemsize == 0 for kind, offset in layout(Engine).fields.values())  # type: ignore[union-attr,misc]


def test_every_function_of_the_loop_is_compiled_once() -> None:
    names = [f"{each.__module__}.{each.__name__}" for each in COMPILED]
    assert len(names) == len(set(names)) > 100
    assert all(name.startswith("sims.engine.") for name in names)


def test_engines_of_a_kind_differ_in_nothing_but_their_row() -> None:
    memory, w = a_world(arrivals((0.0, 10, 2)), replicas=3)
    for row in range(3):
        assert engine(w, row).row == row
    engines = memory.array("engines_")
    for name in ("capacity", "plain", "block", "base_s", "max_seqs", "idle_w"):
        assert len(set(engines[name].tolist())) == 1


def test_a_policy_that_reads_no_cache_or_a_trace_without_blocks_needs_no_knowledge() -> None:
    assert Reads.of(routing("shortest_ttft"), blocks=True).cached
    assert not Reads.of(routing("shortest_ttft"), blocks=False).cached
    assert not Reads.of(routing("least_loaded"), blocks=True).cached


def test_outputs_stand_where_the_arrivals_do() -> None:
    given_ = arrivals((0.0, 10, 2), (1.0, 20, 3))
    memory, w = a_world(given_)
    assert [smalls(w.prompts_)[i] for i in range(2)] == [10, 20]
    assert np.isnan(memory.array("outcomes_")["end"]).all()
    assert memory.array("outcomes_")["replica"].tolist() == [NONE, NONE]


def test_replicas_of_two_block_sizes_are_simulated_in_the_smaller_where_the_trace_has_none() -> None:
    fleet = [replica("a"), replace(replica("b"), block_tokens=32)]
    run = simulate(arrivals((0.0, 100, 5), (0.0, 100, 5)), fleet, routing("least_loaded"))
    assert (run.state == 0).all()
