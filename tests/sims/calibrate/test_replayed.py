"""Requests at their arrivals on one engine."""

from dataclasses import replace

import pytest

from policies.perf.profiles import latency_model
from sims.calibrate.replayed import Asked, replayed

H100 = latency_model("h100-sxm", "llama-3.1-8b", slowdown=1.0, host_s=0.0, frontend_s=0.0)


def test_a_lone_request_takes_its_prompt_and_its_steps() -> None:
    (found,) = replayed([Asked(0.0, 1000, 101)], H100)
    assert found.ttft_s == pytest.approx(H100.prefill_seconds(1000))
    steps = [H100.decode_seconds(1, 1001 + k) for k in range(100)]
    assert found.tpot_s == pytest.approx(sum(steps) / 100)


def test_times_count_from_each_requests_own_arrival() -> None:
    apart = replayed([Asked(0.0, 1000, 10), Asked(100.0, 1000, 10)], H100)
    assert apart[0].ttft_s == pytest.approx(apart[1].ttft_s)


def test_a_single_token_has_no_time_per_token() -> None:
    (found,) = replayed([Asked(0.0, 1000, 1)], H100)
    assert found.tpot_s == 0.0


def test_who_shares_an_engine_waits() -> None:
    alone, _ = replayed([Asked(0.0, 8000, 50), Asked(500.0, 8000, 50)], H100)
    together = replayed([Asked(0.0, 8000, 50), Asked(0.0, 8000, 50)], H100)
    assert together[1].ttft_s > alone.ttft_s


def test_the_frontend_is_not_engine_time() -> None:
    late = replace(H100, frontend_s=5.0)
    assert replayed([Asked(0.0, 100, 10)], late) == replayed([Asked(0.0, 100, 10)], H100)


def test_nothing_asked_is_nothing_served() -> None:
    assert replayed([], H100) == []
