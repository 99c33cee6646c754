"""A record says how a request went, in seconds that follow from its times."""

from typing import Any

import pytest

from sims.load.record import Record


def record(**changes: Any) -> Record:
    fields: dict[str, Any] = {
        "request_id": "r",
        "session": "",
        "model": "m",
        "scheduled_s": 10.0,
        "sent_s": 10.5,
        "first_token_s": 12.5,
        "last_token_s": 22.5,
        "output_tokens": 11,
        "status": 200,
    }
    return Record(**(fields | changes))


def test_seconds_count_from_the_moment_of_sending() -> None:
    assert (record().ttft_s, record().e2e_s) == (2.0, 12.0)


def test_lag_is_the_generators_own_lateness() -> None:
    assert record().lag_s == 0.5


def test_seconds_per_token_leave_the_first_one_out() -> None:
    assert record().tpot_s == 1.0


@pytest.mark.parametrize("tokens", [0, 1])
def test_one_token_takes_no_time_per_token(tokens: int) -> None:
    assert record(output_tokens=tokens, last_token_s=12.5).tpot_s == 0.0


def test_a_whole_answer_is_completed() -> None:
    assert record().completed
    assert not record(error="died").completed
    assert not record(last_token_s=None).completed


def test_without_tokens_there_are_no_times() -> None:
    nothing = record(first_token_s=None, last_token_s=None)
    assert (nothing.ttft_s, nothing.tpot_s, nothing.e2e_s) == (None, None, None)


@pytest.mark.parametrize(("status", "shed"), [(200, False), (429, True), (503, True), (500, False), (0, False)])
def test_too_busy_is_shed_and_broken_is_not(status: int, shed: bool) -> None:
    assert record(status=status).shed is shed
