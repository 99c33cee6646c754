from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from sims.replica.jobs import Finished, FirstToken, Job
from sims.validation.store import Store
from sims.validation.whole import WholeEngine

BLOCK = 16
PERF = latency_model("a100-80", "llama-3.1-8b", 1, chunk_tokens=1000, slowdown=1.0, host_s=0.0, frontend_s=0.0)


def job(name: str, prompt: int, output: int = 4, first: int = 0) -> Job:
    """A job whose blocks are numbered from `first`."""
    return Job(
        id=name,
        prompt_tokens=prompt,
        output_tokens=output,
        blocks=tuple(range(first, first + prompt // BLOCK)),
    )


def play(
    engine: WholeEngine, jobs: Sequence[tuple[float, Job]]
) -> tuple[dict[str, FirstToken], dict[str, Finished]]:  # fmt: skip
    """Submit at those times and run to the end; first tokens and ends by job."""
    events = []
    for at, each in jobs:
        engine.submit(each, at)
        events += engine.advance(at)
    while engine.next_time() < inf:
        events += engine.advance(engine.next_time())
    first = {event.id: event for event in events if isinstance(event, FirstToken)}
    return first, {event.id: event for event in events if isinstance(event, Finished)}


def sized(tokens: int) -> LatencyModel:
    """The same with so many KV tokens."""
    return replace(PERF, kv_tokens=tokens)


def test_a_lone_prompt_takes_one_step() -> None:
    first, _ = play(WholeEngine(PERF, BLOCK), [(0.0, job("a", 960))])
    assert first["a"].at == pytest.approx(PERF.step(0.0, 0.0, 960.0, 960.0 * 480.0))


def test_a_prompt_that_does_not_fit_beside_another_waits_for_a_step_of_its_own() -> None:
    engine = WholeEngine(PERF, BLOCK)
    first, _ = play(engine, [(0.0, job("a", 640)), (0.0, job("b", 640, first=1000))])
    assert first["b"].at == pytest.approx(2.0 * first["a"].at)


def test_prompts_that_fit_together_share_a_step() -> None:
    first, _ = play(WholeEngine(PERF, BLOCK), [(0.0, job("a", 320)), (0.0, job("b", 320, first=1000))])
    assert first["a"].at == first["b"].at


def test_decoding_stands_still_while_a_prompt_is_computed() -> None:
    alone = play(WholeEngine(PERF, BLOCK), [(0.0, job("a", 320, output=50))])[1]["a"].at
    both = play(WholeEngine(PERF, BLOCK), [(0.0, job("a", 320, output=50)), (0.1, job("b", 960, output=1, first=99))])
    prompt_s = PERF.step(0.0, 0.0, 960.0, 960.0 * 480.0)
    assert both[1]["a"].at == pytest.approx(alone + prompt_s)


def test_a_cached_prompt_computes_its_rest_alone() -> None:
    engine = WholeEngine(PERF, BLOCK)
    first, _ = play(engine, [(0.0, job("a", 960)), (1.0, job("again", 960))])
    assert first["again"].cached_tokens == 944
    assert first["again"].at - 1.0 < 0.3 * first["a"].at


def test_without_prefix_caching_the_gpu_finds_nothing_again() -> None:
    engine = WholeEngine(PERF, BLOCK, prefix_caching=False)
    first, _ = play(engine, [(0.0, job("a", 960)), (1.0, job("again", 960))])
    assert first["again"].cached_tokens == 0


def test_a_store_brings_in_what_it_kept_and_that_takes_its_time() -> None:
    store = Store(1000, 1.0, 100.0)
    engine = WholeEngine(PERF, BLOCK, prefix_caching=False, store=store)
    first, _ = play(engine, [(0.0, job("a", 960)), (5.0, job("again", 960))])
    assert first["a"].at == pytest.approx(PERF.step(0.0, 0.0, 960.0, 960.0 * 480.0) + 60 / 100.0)
    assert first["again"].cached_tokens == 944
    assert first["again"].at - 5.0 == pytest.approx(59 / 100.0, abs=0.02)


def test_a_store_of_another_replica_serves_this_one() -> None:
    store = Store(1000, 1.0, 1e9)
    play(WholeEngine(PERF, BLOCK, store=store), [(0.0, job("a", 960))])
    first, _ = play(WholeEngine(PERF, BLOCK, store=store), [(9.0, job("b", 960))])
    assert first["b"].cached_tokens == 944


def test_what_the_gpu_holds_is_not_fetched() -> None:
    store = Store(1000, 1.0, 1.0)
    engine = WholeEngine(PERF, BLOCK, store=store)
    first, _ = play(engine, [(0.0, job("a", 960)), (200.0, job("again", 960))])
    assert first["again"].at - 200.0 < 0.1


def test_prompts_wait_for_memory_and_are_then_served() -> None:
    engine = WholeEngine(sized(1600), BLOCK)
    first, ended = play(engine, [(0.0, job("a", 960, output=30)), (0.0, job("b", 960, output=30, first=500))])
    assert first["b"].at > ended["a"].at
    assert engine.cache.used == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 5.0), st.integers(1, 900), st.integers(1, 60), st.integers(0, 5)),
        min_size=1,
        max_size=14,
    ),
    st.booleans(),
    st.booleans(),
)
def test_every_job_gets_its_tokens_and_gives_its_blocks_back(
    drawn: list[tuple[float, int, int, int]], caching: bool, outside: bool
) -> None:
    engine = WholeEngine(sized(2400), BLOCK, prefix_caching=caching, store=Store(90, 1.0, 1e3) if outside else None)
    jobs = [
        (at, job(str(i), prompt, output, first=1000 * group))
        for i, (at, prompt, output, group) in enumerate(sorted(drawn))
    ]
    first, ended = play(engine, jobs)
    assert {name: event.output_tokens for name, event in ended.items()} == {j.id: j.output_tokens for _, j in jobs}
    assert all(at <= first[j.id].at <= ended[j.id].at for at, j in jobs)
    assert engine.cache.used == 0
