"""How many replicas of each role a demand takes: hand calculations and laws."""

from dataclasses import replace
from math import inf, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.perf.profiles import latency_model
from policies.scale.needs import Deadlines, Demand, decode_rate, mixed_rate, needs, prompt_seconds

H100 = latency_model("h100-sxm", "llama-3.1-8b")
CODE = Demand(rate=20.0, prompt_tokens=2048.0, output_tokens=28.0)
TALK = Demand(rate=20.0, prompt_tokens=1155.0, output_tokens=211.0)
SOON = Deadlines(ttft_s=1.0, tpot_s=0.05)

demands = st.builds(
    Demand,
    rate=st.floats(0.1, 200.0),
    prompt_tokens=st.floats(1.0, 8000.0),
    output_tokens=st.floats(1.0, 2000.0),
    burst=st.floats(0.5, 20.0),
)
deadlines = st.builds(Deadlines, ttft_s=st.floats(0.05, 20.0), tpot_s=st.floats(0.005, 0.5))


def test_prompts_take_their_seconds_and_some_room_lest_they_wait() -> None:
    found = needs(CODE, H100, SOON)
    seconds = prompt_seconds(H100, 2048.0)
    assert found.prefill == pytest.approx(20.0 * seconds)
    slack_s = 1.0 - H100.frontend_s - 2.0 * seconds
    assert found.spare == pytest.approx(log(10.0) * seconds / slack_s)


def test_a_prompt_of_many_chunks_takes_what_the_latency_model_says() -> None:
    tokens = 4.0 * H100.chunk_tokens
    assert prompt_seconds(H100, tokens) == pytest.approx(H100.prefill_seconds(tokens))


def test_code_takes_prefill_replicas_and_talk_takes_decode_replicas() -> None:
    code, talk = needs(CODE, H100, SOON), needs(TALK, H100, SOON)
    assert code.prefill / code.decode > 3.0 * talk.prefill / talk.decode


def test_a_batch_that_keeps_the_time_per_token_is_the_largest_that_does() -> None:
    rate = decode_rate(TALK, H100, 0.02)
    held, gaps = 1155.0 + 0.5 * 211.0, 210.0
    moved_s = 2.0 * H100.transfer_seconds(1155.0) / gaps
    batch = next(b for b in range(1, 400) if H100.decode_seconds(b, b * held) + moved_s > 0.02) - 1
    least = batch / (gaps * H100.decode_seconds(batch, batch * held))
    assert least <= rate <= least * (batch + 1) / batch


def test_where_the_deadline_is_loose_memory_is_the_bound() -> None:
    tight = replace(H100, kv_tokens=20 * 1260)
    assert decode_rate(TALK, tight, 10.0) < 0.5 * decode_rate(TALK, H100, 10.0)


def test_a_prompt_longer_than_its_deadline_needs_more_than_there_are() -> None:
    found = needs(CODE, H100, Deadlines(ttft_s=0.03, tpot_s=0.05))
    assert (found.prefill, found.decode, found.mixed) == (inf, inf, inf)


def test_a_time_per_token_below_one_step_can_be_kept_by_nobody() -> None:
    found = needs(CODE, H100, Deadlines(ttft_s=1.0, tpot_s=0.001))
    assert (found.decode, found.mixed) == (inf, inf)
    assert found.prefill < inf


def test_those_who_wait_already_are_to_be_computed_too() -> None:
    assert needs(replace(CODE, behind=20.0), H100, SOON).prefill == pytest.approx(2.0 * needs(CODE, H100, SOON).prefill)


def test_a_mixed_replica_is_not_full_of_prompts_however_loose_the_deadline() -> None:
    assert mixed_rate(CODE, H100, 100.0) <= 0.8 / prompt_seconds(H100, 2048.0) + 1e-9


@given(demands, deadlines, st.floats(1.0, 10.0))
@settings(max_examples=200, deadline=None)
def test_more_requests_take_as_many_times_the_replicas(demand: Demand, wanted: Deadlines, times: float) -> None:
    one, more = needs(demand, H100, wanted), needs(replace(demand, rate=times * demand.rate), H100, wanted)
    for role in ("prefill", "decode", "mixed"):
        assert getattr(more, role) == pytest.approx(times * getattr(one, role))
    assert more.spare == one.spare


@given(demands, deadlines, st.floats(1.0, 10.0))
@settings(max_examples=200, deadline=None)
def test_looser_deadlines_take_no_more(demand: Demand, wanted: Deadlines, times: float) -> None:
    tight = needs(demand, H100, wanted)
    loose = needs(demand, H100, Deadlines(ttft_s=times * wanted.ttft_s, tpot_s=times * wanted.tpot_s))
    assert loose.decode <= tight.decode * (1.0 + 1e-6)
    assert loose.mixed <= tight.mixed * (1.0 + 1e-6)
    if tight.prefill < inf:
        assert loose.spare <= tight.spare * (1.0 + 1e-6)


@given(demands, deadlines, st.floats(1.0, 4.0))
@settings(max_examples=200, deadline=None)
def test_longer_answers_take_no_fewer_decode_replicas(demand: Demand, wanted: Deadlines, times: float) -> None:
    longer = replace(demand, output_tokens=times * demand.output_tokens)
    room = longer.prompt_tokens + longer.output_tokens < H100.kv_tokens
    short, long = needs(demand, H100, wanted), needs(longer, H100, wanted)
    # What a transfer adds to each token is the less the longer the answer is, so only where it hardly counts.
    if room and short.decode < inf and demand.output_tokens > 20.0:
        assert long.decode >= 0.7 * short.decode


@given(demands, deadlines, st.floats(1.0, 10.0))
@settings(max_examples=200, deadline=None)
def test_longer_prompts_take_no_fewer_prefill_replicas(demand: Demand, wanted: Deadlines, times: float) -> None:
    longer = replace(demand, prompt_tokens=times * demand.prompt_tokens)
    short, long = needs(demand, H100, wanted), needs(longer, H100, wanted)
    assert long.prefill >= short.prefill * (1.0 - 1e-9)
    if long.prefill < inf:
        assert long.spare >= short.spare * (1.0 - 1e-9)
