"""The functions of the compiled loop run as plain Python: alone against naive models, and all together."""

from collections import OrderedDict
from math import inf, nextafter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Fleet, Replica
from policies.perf.latency import LatencyModel
from policies.policy import routing
from policies.request import hash31
from sims.arrivals import Arrivals
from sims.engine import agenda, coin, decodes, heap, holders, line, phase, seconds, shelf, simulate, transfers
from sims.engine.arena import Memory, powered
from sims.engine.compiled import layout
from sims.engine.conditions import Conditions
from sims.engine.layout import COEFFICIENTS, grow_ring, lay_agenda, lay_arrivals
from sims.engine.memory import engine, entry, flight, floats, just_after, lowest_bit, record_at, smalls, transfer
from sims.engine.records import NONE, Engine, Event, Flight, Transfer, World
from sims.replica.meter import Meter
from sims.replica.phase import Phase
from sims.replica.scheduler import Step
from tests.sims.engine.plain import a_shelf, an_engine, plainly
from tests.sims.engine.worlds import H100, L40S, drawn, fleets, lived, replica, traces


@given(traces(most=8), fleets(most=2), st.sampled_from(["shortest_ttft", "llm_d_precise", "sglang_cache_aware"]))
@settings(max_examples=12, deadline=None)
def test_the_loop_as_plain_python_is_the_loop_compiled(arrivals: Arrivals, fleet: list[Replica], policy: str) -> None:
    conditions = Conditions(host_tokens=64, scrape_s=0.5)
    compiled = simulate.simulate(arrivals, fleet, routing(policy), conditions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "asked", lambda: plainly)
        plain = simulate.simulate(arrivals, fleet, routing(policy), conditions)
    assert lived(plain) == lived(compiled)
    assert plain.joules.tolist() == compiled.joules.tolist()
    assert plain.state.tolist() == compiled.state.tolist()


def test_the_loop_as_plain_python_moves_kv_between_replicas_too() -> None:
    fleet = [replica("p", role="prefill"), replica("q", role="prefill"), replica("d", role="decode")]
    arrivals = drawn(12, 30.0, output=10)
    compiled = simulate.simulate(arrivals, fleet, routing("least_loaded"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "asked", lambda: plainly)
        plain = simulate.simulate(arrivals, fleet, routing("least_loaded"))
    assert lived(plain) == lived(compiled)


@given(st.integers(0, 2**20), st.integers(0, 10**9))
def test_the_hash_of_a_request_is_that_of_its_id(seed: int, index: int) -> None:
    state = coin.EMPTY
    for byte in f"{seed}-".encode():
        state = coin.folded(state, byte)
    assert coin.hashed(state, index) == hash31(f"{seed}-{index}")


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0.0, 1.0, 2.5, inf])), max_size=40), st.integers(1, 9))
def test_the_agenda_names_who_is_due_first_the_lower_row_of_two(moves: list[tuple[int, float]], rows: int) -> None:
    memory, due = Memory(), [inf] * rows
    lay_agenda(memory, rows)
    world = record_at(World, memory.address)
    for row, time in moves:
        agenda.schedule(world, row % rows, time)
        due[row % rows] = time
        first = int(smalls(world.tree_)[1])
        assert floats(world.due_)[first] == min(due)
        assert min(due) == inf or first == due.index(min(due))


@given(st.lists(st.integers(0, 30), max_size=40), st.data())
def test_the_heap_gives_the_first_finish_and_the_newest(finishes: list[int], data: st.DataObject) -> None:
    memory = Memory()
    e = an_engine(memory)
    held: dict[int, int] = {}
    for serial, finish in enumerate(finishes, 1):
        heap.insert(e, finish, serial, serial)
        held[serial] = finish
        if data.draw(st.booleans()):
            gone = entry(e, data.draw(st.integers(0, e.batch - 1)))
            index = int(gone.flight)
            place = next(k for k in range(e.batch) if entry(e, k).flight == index)
            heap.remove(e, place)
            del held[index]
        assert e.batch == len(held)
        if held:
            assert heap.first_finish(e) == min(held.values())
            assert entry(e, heap.newest(e)).flight == max(held)
            first = min(held, key=lambda one: (held[one], one))
            assert entry(e, 0).flight == first


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=120))
def test_a_table_finds_the_blocks_that_were_entered_and_not_taken_out(moves: list[tuple[bool, int]]) -> None:
    memory, kept = Memory(), dict[int, int]()
    e = an_engine(memory, slots=61)
    for enters, number in moves:
        place = holders.place_of(e, number)
        assert (place >= 0) == (number in kept)
        if enters and number not in kept:
            kept[number] = holders.enter(e, number, -1 - place)
        elif not enters and number in kept:
            assert holders.leave(e, kept.pop(number)) == number
        assert len(set(kept.values())) == len(kept)
        assert all(holders.slot_of(e, one, slot) == slot for one, slot in kept.items())
        assert all(holders.slot_of(e, one, 0) == slot for one, slot in kept.items())


@given(st.lists(st.integers(0, 12), max_size=80), st.integers(1, 6))
def test_a_shelf_keeps_the_latest_and_says_who_had_to_go(numbers: list[int], capacity: int) -> None:
    memory, naive = Memory(), OrderedDict[int, None]()
    kept = a_shelf(memory, capacity)
    for number in numbers:
        gone = shelf.put(kept, number)
        naive[number] = None
        naive.move_to_end(number)
        assert gone == (naive.popitem(last=False)[0] if len(naive) > capacity else NONE)
        assert kept.freed == len(naive)
        assert [one for one in range(13) if shelf.has(kept, one)] == sorted(naive)


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 80)), min_size=1, max_size=8), st.integers(1, 60))
def test_blocks_needed_are_those_of_each_request_on_its_own(sizes: list[tuple[int, int]], steps: int) -> None:
    memory = Memory()
    e = an_engine(memory, block=8)
    memory.keep("flights_", np.zeros(len(sizes), layout(Flight)))
    for index, (prompt, output) in enumerate(sizes):
        f = flight(record_at(World, memory.address), index)
        f.prompt = f.kv = prompt
        f.output, f.emitted, f.serial = output, 1, index
        decodes.join(e, f, index)
    grown = [-(-(prompt + steps) // 8) - -(-prompt // 8) for prompt, _ in sizes]
    assert decodes.blocks(e, steps) == sum(grown)
    most = decodes.affordable(e, sum(grown) // 2, steps)
    assert decodes.blocks(e, most) <= sum(grown) // 2 or most == 0
    assert most == steps or decodes.blocks(e, most + 1) > sum(grown) // 2
    assert decodes.until_finish(e) == min(output for _, output in sizes) - 1


def flying(e: Engine, run: Phase, model: LatencyModel, step: Step) -> None:
    e.start, e.steps, e.first_s, e.growth_s = run.start, run.steps, run.first_s, run.growth_s
    e.step_batch, e.step_context, e.prefill_tokens = step.batch, step.context, step.prefill_tokens
    for name in COEFFICIENTS:
        setattr(e, name, getattr(model, name))


phases = st.builds(
    Phase, st.floats(0, 1e6), st.integers(1, 10_000), st.floats(1e-4, 1.0), st.floats(0, 1e-3) | st.just(0.0)
)


@given(phases, st.floats(0, 1.2))
def test_a_phase_is_as_far_as_the_reference_says(run: Phase, share: float) -> None:
    memory = Memory()
    e, step = an_engine(memory), Step(batch=1, context=1, chunks=(), prefill_tokens=0, attended=0.0, repeats=1)
    flying(e, run, H100, step)
    now = run.start + share * (run.end - run.start)
    assert phase.done(e, now) == run.done(now)
    phase.shorten(e, run.done(now))
    rest = run.after(run.done(now))
    assert (e.start, e.steps, e.first_s) == (rest.start, rest.steps, rest.first_s)


@given(st.integers(0, 200), st.integers(0, 4000), st.integers(1, 50), st.sampled_from([H100, L40S]))
def test_a_meter_reads_as_the_reference_does(batch: int, prefill: int, steps: int, model: LatencyModel) -> None:
    context, prefill = 500 * batch, prefill if batch else max(prefill, 1)
    steps = 1 if prefill else steps
    first = model.step(batch, context, prefill, prefill * 100.0)
    growth = (model.step(batch, context + 4096.0 * batch) - first) / 4096.0 if steps > 1 else 0.0
    step = Step(
        batch=batch, context=context, chunks=(), prefill_tokens=prefill, attended=prefill * 100.0, repeats=steps
    )
    memory, run, reference = Memory(), Phase(3.0, steps, first, growth), Meter(model, 0.0)
    e = an_engine(memory)
    flying(e, run, model, step)
    assert seconds.step(e, batch, context, prefill, prefill * 100.0) == first
    seconds.meter(e, steps)
    reference.add(run, step, 0, steps)
    assert e.busy_s == reference.busy_s
    assert e.busy_joules == pytest.approx(reference.joules(e.busy_s, e.busy_s), rel=1e-9)


def test_arrivals_come_in_order_of_time_and_turns_when_they_are_free() -> None:
    given_, memory, fleet = drawn(5, 1.0), Memory(), Fleet()
    fleet.add(replica("a"))
    after = np.array([np.nan, np.nan, 2.0, np.nan, 0.5])
    arrivals = Arrivals.drawn(
        np.array([0.0, 1.0, 1.0, 1.0, 9.0]), given_.prompt_tokens, given_.output_tokens,
        session=np.array([0, 1, 0, -1, 1], np.int32), after_s=after,
    )  # fmt: skip
    lay_arrivals(memory, arrivals, fleet, "chat")
    world = record_at(World, memory.address)
    assert [line.take(world) for _ in range(2)] == [0, 1]
    line.ended(world, 1, 3.0)
    line.ended(world, 0, 3.0)
    assert line.coming(world) == 1.0
    assert [line.take(world) for _ in range(3)] == [3, 2, 4]
    assert line.coming(world) == inf


def test_transfers_share_the_narrower_of_their_links() -> None:
    memory = Memory()
    an_engine(memory)
    engines: Any = memory.keep("engines_", np.zeros(3, layout(Engine)).view(np.recarray))
    engines.transfer_bytes_per_s = 90.0, 60.0, 40.0
    flights: Any = memory.keep("flights_", np.zeros(3, layout(Flight)).view(np.recarray))
    flights.row = 2, 2, 1
    memory.keep("transfers_", np.zeros(3, layout(Transfer)))
    lay_agenda(memory, 3)
    world = record_at(World, memory.address)
    world.replicas, world.transfers = 3, 3
    for i, source in enumerate((0, 1, 0)):
        t = transfer(world, i)
        t.left, t.flight, t.source = 100.0, i, source
        engine(world, source).sending += 1
        engine(world, int(flights.row[i])).receiving += 1
    transfers.share(world)
    assert [float(transfer(world, i).rate) for i in range(3)] == [20.0, 20.0, 45.0]
    assert floats(world.due_)[3] == pytest.approx(100.0 / 45.0)
    transfers.bring_up(world, 2.0)
    assert [float(transfer(world, i).left) for i in range(3)] == [60.0, 60.0, 10.0]
    assert transfers.take_out(world, 0) == 0
    assert [int(transfer(world, i).flight) for i in range(world.transfers)] == [2, 1]
    assert engines.sending.tolist() == [1, 1, 0]


@given(st.floats(0, 1e9), st.integers(1, 2**62))
def test_the_next_float_and_the_lowest_bit_are_what_they_say(time: float, word: int) -> None:
    assert just_after(time) == nextafter(time, inf)
    assert word >> lowest_bit(word) & 1
    assert word % (1 << lowest_bit(word)) == 0


def test_a_ring_that_grows_keeps_its_events_in_order() -> None:
    memory = Memory()
    ring = memory.keep("ring_", np.zeros(4, layout(Event)))
    ring["block"] = [14, 15, 12, 13]
    world = record_at(World, memory.address)
    world.ring_first, world.ring_last, world.ring_mask = 2, 6, 3
    grow_ring(memory)
    assert memory.array("ring_")["block"][:4].tolist() == [12, 13, 14, 15]
    assert (world.ring_first, world.ring_last, world.ring_mask) == (0, 4, 7)


@given(st.integers(1, 10**6))
def test_a_power_of_two_is_the_least_that_is_enough(least: int) -> None:
    assert powered(least) >= least > powered(least) // 2 or least == powered(least) == 1


def test_a_replica_that_is_idle_for_ever_is_never_due() -> None:
    memory = Memory()
    lay_agenda(memory, 3)
    assert all(time == inf for time in memory.array("due_"))
    assert smalls(record_at(World, memory.address).tree_)[1] == 0
