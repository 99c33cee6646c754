"""Answers whose full blocks are cached too, held against the reference engine."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings

from policies.fleet import Replica
from policies.policy import routing
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.layout import with_answers
from sims.engine.simulate import simulate
from sims.replica.engine import Engine
from sims.replica.jobs import Event, Job
from tests.sims.engine.worlds import BLOCK, alike, drawn, fleets, traces

ANSWERS = Conditions(cache_outputs=True)
FAR = 1 << 40


def first(*_: object) -> int:
    return 0


def job(arrivals: Arrivals, i: int) -> Job:
    """An arrival, and after its blocks those of its answer where all before them are known."""
    one = arrivals[i]
    whole = len(one.blocks) == one.prompt_tokens // BLOCK
    answers = (one.prompt_tokens + one.output_tokens - 1) // BLOCK - len(one.blocks) if whole else 0
    fresh = tuple(range(FAR + i * 10_000, FAR + i * 10_000 + answers))
    return Job(
        id=str(i), prompt_tokens=one.prompt_tokens, output_tokens=one.output_tokens, blocks=one.blocks,
        output_blocks=fresh, visual_tokens=one.visual_tokens,
    )  # fmt: skip


def oracle(arrivals: Arrivals, replica: Replica) -> dict[str, list[Event]]:
    """What the reference engine does with all that fit."""
    engine, told = Engine(replica.perf, BLOCK, kv_events=False), dict[str, list[Event]]()
    for i in range(len(arrivals)):
        at = float(arrivals.at[i]) + replica.perf.frontend_s
        for event in engine.advance(at):
            told.setdefault(event.id, []).append(event)
        engine.submit(job(arrivals, i), at)
    while engine.next_time() < inf:
        for event in engine.advance(engine.next_time()):
            told.setdefault(event.id, []).append(event)
    return told


@given(traces(), fleets(most=1))
@settings(max_examples=60, deadline=None)
def test_answers_take_the_room_that_the_reference_gives_them(arrivals: Arrivals, fleet: list[Replica]) -> None:
    opened = replace(arrivals, after_s=np.full(len(arrivals), np.nan), block_tokens=BLOCK)
    run = simulate(opened, fleet, first, ANSWERS)
    opened = opened.chosen(run.state == 0)
    told = oracle(opened, fleet[0])
    for i, place in enumerate(np.flatnonzero(run.state == 0)):
        begun, ended = told[str(i)][0], told[str(i)][-1]
        assert begun.at == pytest.approx(run.first[place], abs=1e-9)
        assert ended.at == pytest.approx(run.end[place], abs=1e-9)
        assert (begun.cached_tokens, ended.preemptions) == (run.cached[place], run.preemptions[place])  # type: ignore[union-attr]


def turns(count: int, answer: int) -> Arrivals:
    """Two conversations in turns, whose prompts are short and whose answers are long."""
    rows = [
        Arrival(
            at=20.0 * i, prompt_tokens=6 * BLOCK + 1, output_tokens=answer, block_tokens=BLOCK,
            blocks=tuple(range(100 * (i % 2), 100 * (i % 2) + 6)),
        )
        for i in range(count)
    ]  # fmt: skip
    return Arrivals.of(rows)


def test_long_answers_push_prompts_out_of_a_small_cache() -> None:
    # Prompts of four conversations, six blocks each, return after three answers: beside them two answers find room.
    rows = [replace(row, blocks=tuple(range(100 * (i % 4), 100 * (i % 4) + 6))) for i, row in enumerate(turns(16, 320))]
    arrivals, fleet = Arrivals.of(rows), alike(1, kv_tokens=60 * BLOCK)
    kept, gone = (simulate(arrivals, fleet, first, c).cached for c in (Conditions(), ANSWERS))
    assert kept.tolist() == [0] * 4 + [6 * BLOCK] * 12
    assert gone.sum() < kept.sum()


def test_answers_are_told_to_nobody() -> None:
    fleet = alike(2)
    runs = [simulate(turns(10, 40), fleet, routing("shortest_ttft"), c) for c in (Conditions(), ANSWERS)]
    assert runs[0].believed.tolist() == runs[1].believed.tolist()


def test_an_answers_blocks_follow_its_prompts_and_are_nobody_elses() -> None:
    arrivals = turns(2, answer=2 * BLOCK)
    chains, ends = with_answers(arrivals)
    assert ends.tolist() == [0, 8, 16]
    assert chains[:6].tolist() == arrivals.blocks[:6].tolist()
    answers = [*chains[6:8].tolist(), *chains[14:].tolist()]
    assert len(set(answers)) == 4
    assert min(answers) >= arrivals.distinct_blocks


def test_a_prompt_whose_blocks_are_not_all_known_gets_none_for_its_answer() -> None:
    rows = drawn(5, 1.0)
    known = replace(rows, block_tokens=BLOCK)
    chains, ends = with_answers(known)
    short = known.prompt_tokens < BLOCK
    assert (np.diff(ends)[~short] == 0).all()
    assert len(chains) == ends[-1]
