from typing import get_args

import pytest

from policies.decision import NOBODY, Decision, Outcome, Queue, Refusal, Send, Shed
from policies.policy import answer, routing
from policies.request import Request
from tests.policies.replicas import ask, fleet_of, replica


def test_a_decision_is_one_of_three() -> None:
    assert set(get_args(Decision)) == {Send, Queue, Shed}


def test_a_row_is_sent_to_for_prompt_and_answer_alike() -> None:
    assert answer("why", 3, 0.5, fleet_known=True) == Send(3, 3, "why", 0.5)


def test_nobody_in_a_known_fleet_means_wait() -> None:
    assert isinstance(answer("why", NOBODY, 1.0, fleet_known=True), Queue)


def test_nobody_without_a_fleet_means_refuse() -> None:
    assert answer("why", NOBODY, 1.0, fleet_known=False) == Shed(Refusal.NO_REPLICA)


@pytest.mark.parametrize("role", ["prefill", "decode", "encode"])
def test_a_replica_of_one_phase_serves_no_whole_request(role: str) -> None:
    fleet = fleet_of(replica("a", role=role))
    decision = routing("random").decide(Request("r", "m", ask()), fleet.table, fleet.table[:, :3] * 0.0, 0.0)
    assert isinstance(decision, Queue)


def test_the_reason_of_a_send_is_the_policys_name() -> None:
    fleet = fleet_of(replica("a"))
    decision = routing("two_choices").decide(Request("r", "m", ask()), fleet.table, fleet.table[:, :3] * 0.0, 0.0)
    assert decision == Send(0, 0, "two_choices", 1.0)


def test_refusals_are_words_fit_for_a_label() -> None:
    values = [one.value for one in Refusal]
    assert len(set(values)) == len(values)
    assert all(value.replace("-", "").isalpha() and value.islower() for value in values)


def test_an_outcome_needs_no_cost_status_or_retries() -> None:
    outcome = Outcome(True, 0.1, 0.01, 1.0, 10, 20, -1)
    assert (outcome.cost_usd, outcome.status, outcome.retries) == (0.0, 200, 0)
