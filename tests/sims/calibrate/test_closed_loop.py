"""Clients in a closed loop, in closed form."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.profiles import latency_model
from sims.calibrate.closed_loop import steady
from sims.calibrate.measurements import Steady

H100 = latency_model("h100-sxm", "llama-3.1-8b")


def setting(clients: float, prompt: int = 1024, output: int = 512) -> Steady:
    return Steady(clients=clients, prompt=prompt, output=output)


def test_a_lone_client_waits_for_nobody() -> None:
    found = steady(setting(1), H100)
    assert found.ttft_s == pytest.approx(H100.prefill_seconds(1024))
    assert found.round_s == 0.0


def test_a_lone_client_pays_its_own_steps_and_the_prompt_of_its_next_request() -> None:
    found = steady(setting(1), H100)
    step = H100.decode_seconds(1, 1024 + 256)
    assert step < found.tpot_s < step + H100.prefill_seconds(1024) / 512


def test_sixteen_prompts_at_once_make_the_mean_client_wait_for_seven_and_a_half() -> None:
    found = steady(setting(16), H100)
    one = H100.slowdown * (H100.token_s * 1024 + H100.attention_s * 1024**2 / 2)
    assert found.round_s == pytest.approx(7.5 * one)


@given(st.integers(1, 255), st.integers(16, 8192), st.integers(16, 4096))
def test_more_clients_are_never_served_faster(clients: int, prompt: int, output: int) -> None:
    less, more = (steady(setting(c, prompt, output), H100) for c in (clients, clients + 1))
    assert more.ttft_s >= less.ttft_s * (1 - 1e-9)
    assert more.tpot_s >= less.tpot_s * (1 - 1e-9)


def test_longer_prompts_make_everybodys_tokens_slower() -> None:
    assert steady(setting(32, 8192), H100).tpot_s > steady(setting(32, 1024), H100).tpot_s


def test_clients_beyond_the_places_wait_for_a_whole_request() -> None:
    few = replace(H100, max_seqs=8)
    crowded, full = steady(setting(16), few), steady(setting(8), few)
    assert crowded.tpot_s == pytest.approx(full.tpot_s)
    assert crowded.ttft_s > full.ttft_s + 512 * full.tpot_s


def test_clients_beyond_the_kv_memory_wait_too() -> None:
    small = replace(H100, kv_tokens=4096)
    assert steady(setting(64), small).ttft_s > 1.0
