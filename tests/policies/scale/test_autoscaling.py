"""The rules that scale a pool, on histories made up for them; what lateness teaches is in test_lateness."""

from dataclasses import replace
from math import sin, tau
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from policies.scale.capacity import FEWEST, Window, capacity, staffed
from policies.scale.horizontal import recent
from policies.scale.scaling import PoolState, Scaling, scaling

PERF = latency_model("a100-80", "llama-3.1-70b", 4)
STATE = PoolState(
    pool="p", at=0.0, ready=4, starting=0, draining=0, most=30, running=40.0, waiting=0.0, held=0.0, slots=256,
    kv_share=0.1, arrived=0, perf=PERF,
)  # fmt: skip
NAMES = ("slo_model", "hpa_queue", "hpa_kv", "kpa", "dynamo_like", "wva_like")
STEP_S = 60.0


def at_rate(i: int, rate: float, **more: Any) -> dict[str, PoolState]:
    """The state number i of a pool to which so many requests a second come, of the recorded week's mean lengths."""
    arrived = round(rate * STEP_S)
    state = replace(
        STATE, at=i * STEP_S, arrived=arrived, ended=arrived, prompt_tokens=950.0 * arrived,
        output_tokens=180.0 * arrived, **more,
    )  # fmt: skip
    return {"p": state}


def steady(rate: float, count: int = 200, **more: Any) -> list[dict[str, PoolState]]:
    """The same for some time."""
    return [at_rate(i, rate, **more) for i in range(count)]


def wish(policy: Scaling, history: list[dict[str, PoolState]]) -> int:
    return policy.wanted(history, history[-1]["p"].at).replicas["p"]


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_begins_with_its_least_and_stays_within_the_pool(name: str) -> None:
    policy = scaling(name, {"least": 3})
    assert wish(policy, [{"p": replace(STATE, ready=0, running=0.0)}]) == 3
    crowded = steady(200.0, running=9000.0, waiting=9000.0, kv_share=1.0)
    assert 3 <= wish(policy, crowded) <= 30


@pytest.mark.parametrize("name", NAMES)
def test_the_same_history_gives_the_same_wish_and_is_left_alone(name: str) -> None:
    history = steady(8.0)
    before = list(history)
    assert scaling(name).wanted(history, 6000.0) == scaling(name).wanted(history, 6000.0)
    assert history == before


@pytest.mark.parametrize("name", ["hpa_queue", "hpa_kv", "kpa", "wva_like"])
def test_what_is_crowded_grows_and_what_is_idle_shrinks(name: str) -> None:
    policy = scaling(name)
    crowded: dict[str, Any] = {"running": 800.0, "waiting": 400.0, "kv_share": 0.95}
    idle: dict[str, Any] = {"running": 0.0, "kv_share": 0.0}
    assert wish(policy, steady(10.0, **crowded)) > 4
    assert wish(policy, steady(0.1, **idle)) < 4


def test_a_replica_more_is_asked_for_at_most_so_many_at_a_time() -> None:
    assert wish(scaling("hpa_queue"), steady(50.0, waiting=5000.0)) == 8


@given(st.floats(1.0, 40.0), st.floats(1.05, 3.0))
def test_more_requests_never_want_fewer_replicas(rate: float, more: float) -> None:
    for name in ("slo_model", "dynamo_like"):
        assert wish(scaling(name), steady(rate * more)) >= wish(scaling(name), steady(rate))


@given(st.floats(0.05, 1.0))
def test_tighter_deadlines_never_want_fewer_replicas(tpot_s: float) -> None:
    loose = wish(scaling("slo_model", {"tpot_s": 2.0 * tpot_s, "ttft_s": 5.0}), steady(10.0, ready=30))
    tight = wish(scaling("slo_model", {"tpot_s": tpot_s, "ttft_s": 5.0}), steady(10.0, ready=1))
    assert tight >= loose - 30 or loose <= 30


def test_the_capacity_is_the_latency_model_inverted() -> None:
    window = Window(seconds=60.0, arrived=600, prompt_tokens=950.0 * 600, output_tokens=180.0 * 600, ended=600)
    served = capacity(PERF, window, 5.0, 0.1)
    assert served > capacity(PERF, window, 5.0, 0.08) > 0.0
    assert served > capacity(PERF, replace(window, prompt_tokens=4000.0 * 600), 5.0, 0.1)


@pytest.mark.parametrize("arrived", [0, FEWEST - 1])
def test_of_too_few_requests_nothing_is_known(arrived: int) -> None:
    window = Window(seconds=60.0, arrived=arrived, prompt_tokens=1e4, output_tokens=1e4, ended=arrived)
    assert capacity(PERF, window, 5.0, 0.1) == 0.0
    assert capacity(None, window, 5.0, 0.1) == 0.0


def test_where_nothing_is_known_all_stays_as_it_is() -> None:
    assert wish(scaling("slo_model"), steady(0.0)) == 4
    assert wish(scaling("dynamo_like"), steady(0.0)) == 4


def test_those_who_wait_are_worked_off() -> None:
    assert wish(scaling("slo_model"), steady(4.0, waiting=400.0)) > wish(scaling("slo_model"), steady(4.0))


def test_nothing_goes_down_until_it_was_quiet_for_long() -> None:
    policy = scaling("slo_model", {"down_s": 1800.0})
    busy, calm = steady(20.0, 100, ready=20), [at_rate(100 + i, 1.0, ready=20) for i in range(200)]
    assert wish(policy, busy + calm[:20]) > wish(policy, busy + calm)


def test_a_rise_is_met_before_it_has_come() -> None:
    level, rising = steady(4.0, 60, ready=1), [at_rate(60 + i, 4.0 + 1.0 * i, ready=1) for i in range(16)]
    now = rising[-1]["p"].arrived / STEP_S
    foresees, follows = scaling("slo_model", {"trend": 1.0}), scaling("slo_model", {"trend": 0.0, "trust": 0.0})
    assert wish(foresees, level + rising) > wish(follows, level + rising)
    assert now > 10.0


def test_what_yesterday_knew_is_believed_as_far_as_it_is_trusted() -> None:
    day = round(86_400 / STEP_S)

    def rate(i: int) -> float:
        return 10.0 + 8.0 * sin(tau * i / day)

    history = [at_rate(i, rate(i), ready=1) for i in range(day + day // 30)]
    assert wish(scaling("slo_model", {"trust": 1.0, "trend": 0.0}), history) >= wish(
        scaling("slo_model", {"trust": 0.0, "trend": 0.0}), history
    )


def dearer(perf: LatencyModel) -> LatencyModel:
    return replace(perf, price_per_hour=10.0 * perf.price_per_hour)


def test_the_cheaper_variant_is_filled_first() -> None:
    history = [
        {**states, "dear": replace(states["p"], pool="dear", perf=dearer(PERF), ready=1)} for states in steady(6.0)
    ]
    found = scaling("slo_model").wanted(history, history[-1]["p"].at).replicas
    assert found["p"] > found["dear"]


def test_a_budget_and_a_quota_bound_the_pools_together() -> None:
    history = steady(40.0, ready=1)
    assert wish(scaling("slo_model", {"usd_per_hour": 3.5 * PERF.price_per_hour}), history) == 3
    assert wish(scaling("slo_model", {"gpus": 2 * PERF.gpus + 1}), history) == 2
    both = [{**states, "q": replace(states["p"], pool="q")} for states in history]
    found = scaling("slo_model", {"gpus": 5 * PERF.gpus, "least": 0}).wanted(both, both[-1]["p"].at).replicas
    assert sum(found.values()) == 5


def test_by_energy_the_variant_that_draws_least_is_filled_first() -> None:
    frugal = replace(PERF, idle_w=PERF.idle_w / 9, busy_w=PERF.busy_w / 9, sequence_j=0.0, context_j=0.0)
    dear = replace(dearer(frugal), limit_w=PERF.limit_w / 9)
    history = [{**states, "dear": replace(states["p"], pool="dear", perf=dear, ready=1)} for states in steady(6.0)]
    now = history[-1]["p"].at
    by_usd = scaling("slo_model").wanted(history, now).replicas
    by_energy = scaling("slo_model", {"usd": 0.0, "usd_per_kwh": 1.0}).wanted(history, now).replicas
    assert by_usd["p"] > by_energy["p"]
    assert by_energy["dear"] > by_usd["dear"]


def test_what_is_there_stays_until_something_is_known_of_the_traffic() -> None:
    begun = [{"p": replace(STATE, ready=7)}]
    assert wish(scaling("slo_model"), begun) == 7


def quiet(i: int, **more: Any) -> dict[str, PoolState]:
    """The state number i of a pool to which nothing comes."""
    return {"p": replace(STATE, at=i * STEP_S, **({"ready": 1, "running": 0.0, "kv_share": 0.0} | more))}


def test_a_pool_that_may_be_empty_is_emptied_when_nothing_has_come_for_long() -> None:
    history = [quiet(i) for i in range(40)]
    assert wish(scaling("slo_model", {"least": 0}), history) == 0
    assert wish(scaling("slo_model", {"least": 1}), history) == 1
    assert wish(scaling("slo_model", {"least": 0}), history[:5]) == 1
    assert wish(scaling("slo_model", {"least": 0}), [*history[:-1], quiet(39, running=1.0)]) == 1


def test_an_empty_pool_comes_back_for_those_who_are_held() -> None:
    empty = [quiet(i, ready=0) for i in range(40)]
    assert wish(scaling("slo_model", {"least": 0}), empty) == 0
    assert wish(scaling("slo_model", {"least": 0}), [*empty, quiet(40, ready=0, held=1.0)]) == 1


def test_few_requests_keep_the_last_replica() -> None:
    assert wish(scaling("slo_model", {"least": 0}), steady(0.05, ready=1)) == 1


def stepped(*wanted: int, rate: float) -> list[dict[str, PoolState]]:
    """A steady rate, and the replicas that were asked for in the last minutes, all of which are there."""
    before = steady(rate, 200 - len(wanted), ready=wanted[0], wanted=wanted[0])
    return [*before, *(at_rate(200 - len(wanted) + i, rate, ready=n, wanted=n) for i, n in enumerate(wanted))]


def test_a_step_is_not_taken_back_for_some_minutes_unless_much_is_short() -> None:
    policy = scaling("slo_model")
    need = wish(policy, steady(8.0, ready=1))
    assert need > 4
    assert wish(policy, stepped(need, need - 1, rate=8.0)) == need - 1
    assert wish(policy, stepped(need - 1, need - 1, rate=8.0)) == need
    assert wish(policy, stepped(need, 1, rate=8.0)) == need
    assert wish(policy, stepped(need + 5, need + 6, rate=8.0)) == need + 6
    assert wish(policy, stepped(need + 6, need + 6, rate=8.0)) < need + 6


def test_a_replica_that_is_lost_is_no_step_and_is_asked_for_at_once() -> None:
    need = wish(scaling("slo_model"), steady(8.0, ready=1))
    lost = stepped(need, need, rate=8.0)
    lost[-1] = {"p": replace(lost[-1]["p"], ready=need - 1)}
    assert wish(scaling("slo_model"), lost) == need


def test_small_pools_keep_more_to_spare() -> None:
    assert staffed(1.0, 1.0) / 1.0 > staffed(100.0, 1.0) / 100.0 > 1.0


def test_recent_states_are_the_latest_first_and_one_at_least() -> None:
    history = steady(1.0, 5)
    assert [state.at for state in recent(history, "p", 240.0, 120.0)] == [240.0, 180.0]
    assert [state.at for state in recent(history, "p", 1e9, 1.0)] == [240.0]
    assert list(recent(history, "other", 120.0, 60.0)) == []
