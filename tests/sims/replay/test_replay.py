from dataclasses import replace

import pytest

from policies.policy import ROUTES, routing
from sims.arrival import Arrival
from sims.replay import replay
from tests.sims.replay.fleets import CHAT, REASON, chats, replica, turns

FLEET = [replica("fast"), replica("slow", "l40s")]


@pytest.mark.parametrize("policy", ROUTES.names())
def test_every_arrival_is_served_once_by_every_policy(policy: str) -> None:
    result = replay(chats(120), FLEET, routing(policy))
    assert [one.index for one in result.served] == list(range(120))
    assert sum(use.requests for use in result.replicas) == 120


def test_the_same_arguments_give_the_same_result() -> None:
    results = [replay(chats(80), FLEET, routing("two_choices"), seed=3) for _ in range(2)]
    assert results[0] == results[1]


def test_another_seed_draws_otherwise() -> None:
    rows = [[one.replica for one in replay(chats(80), FLEET, routing("random"), seed=seed).served] for seed in (1, 2)]
    assert rows[0] != rows[1]


def test_a_lone_request_takes_the_seconds_that_were_predicted() -> None:
    served = replay(chats(1), FLEET[:1], routing("shortest_ttft")).served[0]
    assert served.ttft_s == pytest.approx(served.predicted_ttft_s, rel=0.05)
    assert served.e2e_s >= served.ttft_s >= FLEET[0].perf.frontend_s


def test_a_request_goes_only_to_replicas_of_its_model() -> None:
    fleet = [replica("a"), replica("b", model=REASON)]
    mixed = [replace(each, model=(CHAT, REASON)[i % 2]) for i, each in enumerate(chats(40))]
    result = replay(mixed, fleet, routing("random"))
    assert {(one.model, one.replica) for one in result.served} == {(CHAT, 0), (REASON, 1)}


def test_a_longer_prompt_than_the_model_takes_is_refused_and_counted() -> None:
    long = Arrival(at=0.0, prompt_tokens=131072, output_tokens=1, model=CHAT)
    result = replay([long, *chats(3)], FLEET, routing("random"))
    assert (result.refused, len(result.served)) == (1, 3)


def test_a_model_that_nobody_serves_is_refused() -> None:
    assert replay(chats(2, model="other"), FLEET, routing("random")).refused == 2


def test_a_later_turn_finds_its_prefix_cached_and_the_router_knew() -> None:
    served = replay(turns(4), FLEET, routing("shortest_ttft")).served
    assert [one.cached_tokens for one in served] == [0, 512, 1024, 1536]
    assert [one.predicted_cached for one in served] == [0, 512, 1024, 1536]
    assert len({one.replica for one in served}) == 1


def test_events_that_come_late_leave_the_router_ignorant() -> None:
    served = replay(turns(3), FLEET[:1], routing("shortest_ttft"), staleness_s=1e6).served
    assert [one.predicted_cached for one in served] == [0, 0, 0]
    assert served[2].cached_tokens == 1024


def test_a_turn_of_a_closed_loop_waits_for_the_answer_before_it() -> None:
    first, second = turns(2, gap_s=0.0)
    served = replay([first, replace(second, turn=1, after_s=5.0)], FLEET, routing("shortest_ttft")).served
    assert served[1].at == pytest.approx(served[0].e2e_s + 5.0)


def test_a_loaded_fleet_queues_and_says_so() -> None:
    served = replay(chats(400, gap_s=0.0005), FLEET[1:], routing("random")).served
    assert max(one.queue_s for one in served) > 1.0


def test_shares_of_the_cost_add_up_to_the_price_of_the_fleet() -> None:
    result = replay(chats(100), FLEET, routing("least_loaded"))
    dollars = sum(each.perf.price_per_hour for each in FLEET) * result.end_s / 3600.0
    assert sum(use.cost_usd for use in result.replicas) == pytest.approx(dollars)
    assert sum(one.cost_usd for one in result.served) == pytest.approx(dollars)


def test_a_replica_is_busy_no_longer_than_the_replay_lasts() -> None:
    result = replay(chats(100), FLEET, routing("least_loaded"))
    assert all(0.0 < use.busy_s <= result.end_s and use.energy_joules > 0.0 for use in result.replicas)


def test_blocks_of_two_sizes_are_an_error() -> None:
    small = replace(turns(1)[0], block_tokens=256)
    with pytest.raises(ValueError, match=r"blocks of \[256, 512\] tokens"):
        replay([*turns(1), small], FLEET, routing("random"))


def test_nothing_arrives_and_nothing_happens() -> None:
    result = replay([], FLEET, routing("random"))
    assert (result.served, result.refused, result.end_s) == ((), 0, 0.0)
