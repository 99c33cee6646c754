"""The laws of the engine, and its behaviour on single cases worked out by hand."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.replica.engine import Engine
from sims.replica.jobs import Event, Finished, FirstToken, Impossible, Job
from sims.replica.kv_events import Removed, Stored
from tests.sims.replica.engines import BLOCK, arrivals, chain, perf, play

Arrivals = list[tuple[float, Job]]
TIMES = ("at", "admitted")
tight = st.integers(152, 400)  # KV tokens; the longest job of `arrivals` needs 149


def finished(events: list[Event]) -> dict[str, Finished]:
    return {event.id: event for event in events if isinstance(event, Finished)}


def blockwise(engine: Engine) -> list[tuple[str, int]]:
    return [
        (type(event).__name__, block)
        for event in engine.take_kv_events()
        if isinstance(event, Stored | Removed)
        for block in event.hashes
    ]


@given(arrivals(), tight)
def test_every_job_gets_its_first_token_once_and_all_its_tokens(jobs: Arrivals, kv_tokens: int) -> None:
    events = play(Engine(perf(kv_tokens), BLOCK), jobs)
    firsts = [event.id for event in events if isinstance(event, FirstToken)]
    assert sorted(firsts) == sorted(job.id for _, job in jobs)
    assert {i: f.output_tokens for i, f in finished(events).items()} == {job.id: job.output_tokens for _, job in jobs}


@given(arrivals(), tight)
def test_events_come_in_order_of_time_and_after_the_submission(jobs: Arrivals, kv_tokens: int) -> None:
    events = play(Engine(perf(kv_tokens), BLOCK), jobs)
    times = [event.at for event in events]
    assert times == sorted(times)
    submitted = {job.id: at for at, job in jobs}
    assert all(event.at > submitted[event.id] for event in events)


@given(arrivals(), tight)
@settings(max_examples=300)
def test_many_steps_at_once_are_the_same_as_one_by_one(jobs: Arrivals, kv_tokens: int) -> None:
    macro, single = Engine(perf(kv_tokens), BLOCK), Engine(perf(kv_tokens), BLOCK, macro=False)
    for fast, slow in zip(play(macro, jobs), play(single, jobs), strict=True):
        assert fast.at == pytest.approx(slow.at, abs=1e-9)
        assert type(fast) is type(slow)
        assert all(getattr(fast, name) == getattr(slow, name) for name in fast.__slots__ if name not in TIMES)
        if isinstance(fast, FirstToken) and isinstance(slow, FirstToken):
            assert fast.admitted == pytest.approx(slow.admitted, abs=1e-9)
    assert blockwise(macro) == blockwise(single)
    assert macro.load() == pytest.approx(single.load())


@given(arrivals(), tight, st.lists(st.floats(0, 0.1), max_size=30))
def test_looking_at_an_engine_changes_nothing(jobs: Arrivals, kv_tokens: int, looks: list[float]) -> None:
    watched, left, now = Engine(perf(kv_tokens), BLOCK), Engine(perf(kv_tokens), BLOCK), jobs[-1][0]
    plain = play(left, jobs)
    seen = play(watched, jobs, until=now)
    for gap in looks:
        now += gap
        seen += watched.advance(now)
        watched.load()
        watched.take_kv_events()
    seen += watched.advance(1e4)
    assert [event.at for event in seen] == pytest.approx([event.at for event in plain])


@given(arrivals(), tight)
def test_blocks_never_exceed_what_there_is_and_all_come_back(jobs: Arrivals, kv_tokens: int) -> None:
    engine = Engine(perf(kv_tokens), BLOCK)
    for at, job in jobs:
        engine.advance(at)
        engine.submit(job, at)
    while (at := engine.next_time()) < inf:
        engine.advance(at)
        assert 0 <= engine.load().kv_used_tokens <= kv_tokens
        assert engine.cache.free >= 0
    load = engine.load()
    assert load[:6] == (0, 0, 0, 0, 0, 0)


@given(arrivals(), tight, st.lists(st.integers(0, 13), max_size=8), st.floats(0, 0.3))
def test_cancelled_jobs_leave_nothing_behind(jobs: Arrivals, kv: int, victims: list[int], gap: float) -> None:
    engine = Engine(perf(kv), BLOCK)
    now = jobs[-1][0]
    events = play(engine, jobs, until=now)
    for victim in victims:
        now += gap
        engine.cancel(f"r{victim}", now)
    events += engine.advance(1e4)
    spared = {job.id for _, job in jobs} - {f"r{victim}" for victim in victims}
    assert spared <= set(finished(events))
    assert engine.load()[:6] == (0, 0, 0, 0, 0, 0)


@given(arrivals(), tight, st.floats(0, 2))
def test_emitted_tokens_are_those_of_single_steps(jobs: Arrivals, kv_tokens: int, later: float) -> None:
    macro, single = Engine(perf(kv_tokens), BLOCK), Engine(perf(kv_tokens), BLOCK, macro=False)
    now = jobs[-1][0] + later
    for engine in (macro, single):
        play(engine, jobs, until=now)
    for _, job in jobs:
        try:
            expected = single.emitted(job.id, now)
        except KeyError:
            continue
        assert macro.emitted(job.id, now) == expected


@given(arrivals())
def test_cached_tokens_are_the_longest_prefix_seen_before_less_the_last_block(jobs: Arrivals) -> None:
    engine, seen, now = Engine(perf(kv_tokens=40_000), BLOCK), set[int](), 0.0
    for _, job in jobs:
        engine.submit(job, now)
        events = engine.advance(now := now + 1e3)
        known = next((i for i, block in enumerate(job.blocks) if block not in seen), len(job.blocks))
        assert finished(events)[job.id].cached_tokens == BLOCK * min(known, (job.prompt_tokens - 1) // BLOCK)
        seen |= set(job.blocks) | set(job.output_blocks)


@given(arrivals(), tight)
def test_cache_events_replayed_give_the_cache(jobs: Arrivals, kv_tokens: int) -> None:
    engine, seen = Engine(perf(kv_tokens), BLOCK), set[int]()
    play(engine, jobs)
    for event in engine.take_kv_events():
        match event:
            case Stored(hashes=hashes, parent=parent):
                assert parent is None or parent in seen
                seen |= set(hashes)
            case Removed(hashes=hashes):
                assert seen >= set(hashes)
                seen -= set(hashes)
    assert len(seen) == len(engine.cache)


def test_the_first_token_takes_one_prefill_step_and_each_next_one_a_decode_step() -> None:
    model = perf()
    engine = Engine(model, BLOCK)
    engine.submit(Job(id="a", prompt_tokens=10, output_tokens=3), 5.0)
    first, done = engine.advance(100.0)
    prefill = model.step(0, 0, 10, 50)
    assert first == FirstToken(id="a", at=5.0 + prefill, admitted=5.0, cached_tokens=0)
    assert done.at == pytest.approx(5.0 + prefill + model.step(1, 11) + model.step(1, 12))


def test_a_long_prompt_is_computed_in_chunks_beside_the_decodes() -> None:
    model = perf()
    engine = Engine(model, BLOCK)
    engine.submit(Job(id="a", prompt_tokens=4, output_tokens=50), 0.0)
    joined = model.step(0, 0, 4, 8)
    engine.submit(Job(id="b", prompt_tokens=40, output_tokens=1), joined / 2)
    events = engine.advance(100.0)
    expected = joined + model.step(1, 5, 31, 31 * 15.5) + model.step(1, 6, 9, 9 * 35.5)
    assert next(event.at for event in events if event.id == "b") == pytest.approx(expected)


def test_jobs_of_the_same_instant_share_their_first_step() -> None:
    engine = Engine(perf(), BLOCK)
    for name in "ab":
        engine.advance(1.0)
        engine.submit(Job(id=name, prompt_tokens=8, output_tokens=2), 1.0)
    first, second, *_ = engine.advance(100.0)
    assert first.at == second.at


def test_the_newest_is_preempted_and_resumes_with_its_tokens() -> None:
    engine = Engine(perf(kv_tokens=80), BLOCK)
    jobs = [(0.0, Job(id=name, prompt_tokens=20, output_tokens=40)) for name in "ab"]
    done = finished(play(engine, jobs))
    assert done["a"].preemptions == 0
    assert done["b"].preemptions >= 1
    assert done["b"].output_tokens == 40


def test_a_preempted_job_is_the_faster_for_its_prompt_in_the_cache() -> None:
    jobs = [
        (0.0, Job(id=name, prompt_tokens=28, output_tokens=20, blocks=chain(28, i, 0))) for i, name in enumerate("ab")
    ]
    blind = [(0.0, Job(id=job.id, prompt_tokens=28, output_tokens=20)) for _, job in jobs]
    cached, computed = (finished(play(Engine(perf(kv_tokens=80), BLOCK), each))["b"] for each in (jobs, blind))
    assert cached.preemptions >= 1
    assert cached.cached_tokens == 0
    assert cached.at < computed.at


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (Job(id="a", prompt_tokens=390, output_tokens=20), "needs 103 KV blocks of 4 tokens; 100 exist"),
        (Job(id="a", prompt_tokens=0, output_tokens=20), "at least one prompt token"),
        (Job(id="a", prompt_tokens=7, output_tokens=1, blocks=(1, 2)), "2 block hashes for 7 prompt tokens"),
        (Job(id="a", prompt_tokens=8, output_tokens=9, blocks=(1,), output_blocks=(2,)), "all prompt blocks"),
    ],
)
def test_a_job_that_can_never_run_is_refused_with_the_reason(job: Job, reason: str) -> None:
    with pytest.raises(Impossible, match=reason):
        Engine(perf(), BLOCK).submit(job, 0.0)


def test_jobs_that_each_just_fit_all_run_to_their_end() -> None:
    jobs = [(0.0, Job(id=name, prompt_tokens=381, output_tokens=20)) for name in "abc"]
    assert len(finished(play(Engine(perf(), BLOCK), jobs))) == 3


def test_without_prefix_caching_nothing_is_cached_and_nothing_told() -> None:
    engine = Engine(perf(), BLOCK, prefix_caching=False)
    jobs = [(float(i), Job(id=str(i), prompt_tokens=40, output_tokens=2, blocks=chain(40, 0, 9))) for i in range(2)]
    assert finished(play(engine, jobs))["1"].cached_tokens == 0
    assert engine.take_kv_events() == []


def test_an_engine_whose_events_nobody_reads_keeps_none() -> None:
    engine = Engine(perf(), BLOCK, kv_events=False)
    play(engine, [(0.0, Job(id="a", prompt_tokens=40, output_tokens=2, blocks=chain(40, 0, 9)))])
    assert engine.take_kv_events() == []
    assert len(engine.cache) == 10


def test_idle_time_draws_idle_power_and_no_busy_seconds() -> None:
    model = perf()
    engine = Engine(model, BLOCK, born=10.0)
    engine.advance(20.0)
    assert engine.load().energy_joules == pytest.approx(10.0 * model.watts(0))
    assert engine.load().busy_s == 0.0


def test_a_step_that_could_not_hold_every_request_is_refused() -> None:
    with pytest.raises(ValueError, match="max_seqs 4 above chunk_tokens 2"):
        Engine(perf(chunk_tokens=2, max_seqs=4))
