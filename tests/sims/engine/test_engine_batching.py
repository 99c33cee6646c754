"""What a step computes: chunks, batches, admission in blocks, preemption; as the latency model times it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import REFUSED, SERVED, Run
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, arrivals, decode_s, prefill_s
from tests.sims.engine.worlds import BLOCK, H100, alike, drawn, fleets, traces

LEAST = routing("least_loaded")


def served(given_: Arrivals, sample_s: float = 0.0, **perf: object) -> Run:
    """By one H100 with those figures, everybody served."""
    run = simulate(given_, alike(1, **perf), LEAST, Conditions(sample_s=sample_s))
    assert (run.state == SERVED).all()
    return run


def test_a_lone_prompt_takes_the_front_end_and_one_step() -> None:
    run = served(arrivals((1.0, 1000, 1)))
    assert run.admitted[0] == pytest.approx(1.0 + FRONT_S)
    assert run.ttft_s[0] == pytest.approx(FRONT_S + prefill_s(1000))
    assert run.end[0] == run.first[0]


def test_a_lone_answer_takes_a_step_a_token_each_a_little_longer() -> None:
    run = served(arrivals((0.0, 1000, 300)))
    assert run.end[0] - run.first[0] == pytest.approx(decode_s(1000, 300))
    assert run.tpot_s[0] == pytest.approx(decode_s(1000, 300) / 299)
    assert run.tpot_s[0] > H100.step(1, 1001)


def test_a_prompt_longer_than_a_chunk_takes_several_steps() -> None:
    run = served(arrivals((0.0, 1000, 1)), chunk_tokens=400)
    chunks = prefill_s(400) + prefill_s(400, before=400) + prefill_s(200, before=800)
    assert run.ttft_s[0] == pytest.approx(FRONT_S + chunks)


def test_a_chunk_of_exactly_the_budget_is_one_step() -> None:
    assert served(arrivals((0.0, 400, 1)), chunk_tokens=400).ttft_s[0] == pytest.approx(FRONT_S + prefill_s(400))


def test_prompts_that_come_together_share_a_step() -> None:
    run = served(arrivals((0.0, 300, 1), (0.0, 200, 1)))
    both = H100.step(0, 0, 500, 300 * 150 + 200 * 100)
    assert run.ttft_s.tolist() == pytest.approx([FRONT_S + both] * 2)


def test_the_second_of_two_prompts_gets_what_the_first_leaves_of_the_budget() -> None:
    run = served(arrivals((0.0, 300, 1), (0.0, 300, 1)), chunk_tokens=400)
    first = H100.step(0, 0, 400, 300 * 150 + 100 * 50)
    assert run.ttft_s[0] == pytest.approx(FRONT_S + first)
    assert run.ttft_s[1] == pytest.approx(FRONT_S + first + prefill_s(200, before=100))


def test_who_comes_during_a_step_joins_the_next() -> None:
    step = prefill_s(4000)
    run = served(arrivals((0.0, 4000, 1), (step / 2, 100, 1)))
    assert run.admitted[1] == pytest.approx(FRONT_S + step)
    assert run.first[1] == pytest.approx(FRONT_S + step + prefill_s(100))


def test_those_who_decode_get_a_token_in_a_step_that_computes_a_prompt() -> None:
    one = served(arrivals((0.0, 100, 3)))
    gap = (one.first[0] - FRONT_S) / 2
    run = served(arrivals((0.0, 100, 3), (gap, 5000, 1)))
    mixed = prefill_s(5000, batch=1, context=101)
    assert run.end[0] - run.first[0] == pytest.approx(mixed + H100.step(1, 102))


def test_a_long_prompt_leaves_decodes_their_place_in_the_budget() -> None:
    run = served(arrivals((0.0, 100, 50), (0.001, 1000, 1)), chunk_tokens=256)
    steps = -(-1000 // 255)
    assert steps == 4, "one token of the budget is the other's"
    assert run.first[1] - run.admitted[1] == pytest.approx(
        sum(prefill_s(min(255, 1000 - 255 * k), before=255 * k, batch=1, context=101 + k) for k in range(steps))
    )


def test_no_more_than_max_seqs_run_at_once() -> None:
    run = served(drawn(200, 200.0), sample_s=0.05, max_seqs=8)
    assert run.samples is not None
    assert run.samples.running.max() == 8
    assert run.samples.waiting.max() > 0


def test_places_are_given_in_the_order_of_arrival() -> None:
    run = served(drawn(150, 300.0), max_seqs=4)
    assert (np.diff(run.admitted) >= 0.0).all()


def test_a_request_that_does_not_fit_waits_for_blocks_and_keeps_those_behind_it_waiting() -> None:
    run = served(arrivals((0.0, 500, 100), (0.01, 600, 2), (0.02, 20, 2)), kv_tokens=1024)
    assert run.admitted[1] >= run.end[0]
    assert run.admitted[2] >= run.admitted[1], "no one overtakes"
    assert run.preemptions.sum() == 0


def test_a_request_larger_than_the_memory_is_refused_at_once() -> None:
    run = simulate(arrivals((0.0, 1000, 100), (0.0, 10, 2)), alike(1, kv_tokens=1024), LEAST)
    assert run.state.tolist() == [REFUSED, SERVED]
    assert np.isinf(run.ttft_s[0])


@pytest.mark.parametrize(("prompt", "output", "fits"), [(1000, 25, True), (1000, 26, False), (1024, 1, True)])
def test_the_last_token_needs_no_place(prompt: int, output: int, fits: bool) -> None:
    run = simulate(arrivals((0.0, prompt, output)), alike(1, kv_tokens=1024), LEAST)
    assert (run.state[0] == SERVED) == fits


def test_a_request_longer_than_the_context_is_refused() -> None:
    run = simulate(arrivals((0.0, 200_000, 2), (0.0, 10, 2)), alike(1, kv_tokens=500_000), LEAST)
    assert run.state[1] == SERVED
    limit = alike(1)[0].context_limit
    assert (run.state[0] == REFUSED) == (0 < limit < 200_002)


def test_when_blocks_run_out_the_newest_gives_way_and_the_oldest_never() -> None:
    run = served(arrivals((0.0, 400, 300), (0.0, 400, 300), (0.0, 160, 60)), kv_tokens=1024)
    assert run.preemptions[0] == 0
    assert run.preemptions[1:].sum() > 0
    assert run.end[0] <= run.end[1]


def test_the_newest_is_the_one_admitted_last_not_the_one_with_the_longest_prompt() -> None:
    run = served(arrivals((0.0, 600, 200), (0.2, 200, 200)), kv_tokens=1024)
    assert run.preemptions.tolist() == [0, 1]


def test_who_was_preempted_goes_before_those_who_wait() -> None:
    run = served(arrivals((0.0, 400, 200), (0.05, 400, 200), (0.1, 300, 5)), kv_tokens=1024)
    assert run.preemptions[1] > 0
    assert run.admitted[2] > run.admitted[1]
    assert run.admitted[2] >= run.end[0]


def test_a_preempted_request_computes_its_answer_so_far_again_and_loses_no_token() -> None:
    run = served(arrivals((0.0, 500, 200), (0.05, 400, 200)), kv_tokens=1024)
    alone = served(arrivals((0.0, 500, 200), (0.05, 400, 200)))
    assert run.preemptions[1] == 1
    assert run.first[1] == pytest.approx(alone.first[1], rel=0.2), "its first token had come before"
    assert run.end[1] > alone.end[1]
    assert run.end[0] <= alone.end[0] + 1e-9, "the one that stayed had the engine to itself"


def test_being_preempted_does_not_change_when_it_was_admitted_or_first_answered() -> None:
    tight, wide = (served(arrivals((0.0, 500, 200), (0.05, 400, 200)), kv_tokens=kv) for kv in (1024, 100_000))
    assert tight.admitted.tolist() == pytest.approx(wide.admitted.tolist())
    assert tight.first.tolist() == pytest.approx(wide.first.tolist())


@given(traces(), st.sampled_from([16, 64, 256]), st.sampled_from([2, 8]))
@settings(max_examples=40, deadline=None)
def test_with_memory_enough_nobody_is_preempted(given_: Arrivals, chunk: int, places: int) -> None:
    run = simulate(given_, alike(2, chunk_tokens=chunk, max_seqs=places), LEAST)
    assert run.preemptions.sum() == 0


@given(traces(most=25, blocks=False, images=False))
@settings(max_examples=40, deadline=None)
def test_work_is_conserved_a_busy_engine_never_idles(given_: Arrivals) -> None:
    """One replica is busy from an admission until nobody is left: its busy time is no more than that of all apart."""
    run = simulate(given_, alike(1), LEAST)
    apart = sum(prefill_s(p) + decode_s(p, o) for p, o in zip(given_.prompt_tokens, given_.output_tokens, strict=True))
    assert run.busy_s[0] <= apart + 1e-9
    longest = max(float(run.end[i] - run.admitted[i]) for i in range(len(given_)))
    assert run.busy_s[0] >= longest - 1e-9


@given(traces(most=25), fleets(most=1))
@settings(max_examples=40, deadline=None)
def test_a_larger_batch_never_makes_a_token_faster(given_: Arrivals, fleet: list[object]) -> None:
    (one,) = fleet
    run = simulate(given_, [one], LEAST)  # type: ignore[list-item]
    perf = one.perf  # type: ignore[attr-defined]
    for i in np.flatnonzero((run.state == SERVED) & (run.output_tokens > 1)):
        assert run.tpot_s[i] >= perf.step(1, int(run.prompt_tokens[i]) + 1) - 1e-12


@given(st.integers(1, 6), st.integers(10, 3000), st.integers(2, 200))
@settings(max_examples=40, deadline=None)
def test_requests_alike_that_come_together_end_together(count: int, prompt: int, output: int) -> None:
    run = served(arrivals(*[(0.0, prompt, output)] * count), chunk_tokens=100_000)
    assert set(run.first.tolist()) == {run.first[0]}
    assert set(run.end.tolist()) == {run.end[0]}
    steps = sum(H100.step(count, count * (prompt + k)) for k in range(1, output))
    assert run.end[0] - run.first[0] == pytest.approx(steps)


@given(st.integers(17, 4000), st.sampled_from([16, 100, 512, 8192]))
@settings(max_examples=40, deadline=None)
def test_chunks_add_up_to_the_prompt(prompt: int, chunk: int) -> None:
    run = served(arrivals((0.0, prompt, 1)), chunk_tokens=chunk, max_seqs=8)
    steps = [min(chunk, prompt - start) for start in range(0, prompt, chunk)]
    seconds = sum(prefill_s(new, before=chunk * k) for k, new in enumerate(steps))
    assert run.ttft_s[0] == pytest.approx(FRONT_S + seconds)


@pytest.mark.parametrize("blocks", [20, 33, 48, 64])
def test_memory_in_use_is_whole_blocks_and_never_more_than_there_is(blocks: int) -> None:
    run = served(drawn(120, 60.0, prompt=100, output=60), sample_s=0.02, kv_tokens=blocks * BLOCK)
    assert run.samples is not None
    assert run.samples.kv_tokens.max() <= blocks * BLOCK
    assert (run.samples.kv_tokens % BLOCK == 0).all()
    assert run.samples.kv_tokens[-1, 0] in range(blocks * BLOCK + 1)


def test_a_faster_card_is_faster_and_a_slowdown_slows() -> None:
    rows = arrivals((0.0, 2000, 100))
    slow, fast = served(rows, slowdown=2.0 * H100.slowdown), served(rows)
    assert slow.ttft_s[0] - FRONT_S == pytest.approx(2.0 * (fast.ttft_s[0] - FRONT_S), rel=0.05)
    assert slow.tpot_s[0] > 1.8 * fast.tpot_s[0] - H100.host_s
