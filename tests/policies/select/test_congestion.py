"""How full a replica is, and what a request costs there now."""

from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import CONTEXT_TOKENS, KV_TOKENS, KV_USED, QUEUED_TOKENS, READY, RUNNING, Fleet, Replica, Table
from policies.perf.profiles import latency_model
from policies.request import Ask
from policies.select.congestion import COMFORT, fullness, price_now, steady_tpot_seconds

ASK = Ask(1.0, 0.0, 0.0, 500.0, 0.0, 100.0, 2.0, 0.1)


def table() -> Table:
    made = Fleet()
    perf = latency_model("l40s", "llama-3.1-8b", 1)
    row = made.add(Replica(name="a", address="", pool="p", model="llama-3.1-8b", gpu="l40s", perf=perf))
    made.table[row, READY] = 1.0
    return made.table


def test_at_list_price_a_full_replica_costs_no_more() -> None:
    assert price_now(3.0, 5.0, 0.0) == 3.0


def test_a_comfortable_replica_costs_what_the_list_says() -> None:
    assert price_now(3.0, COMFORT, 6.0) == 3.0


@given(st.floats(0.01, 3.0), st.floats(0.01, 3.0), st.floats(0.5, 12.0))
def test_the_fuller_the_dearer(one: float, other: float, surge: float) -> None:
    low, high = sorted((one, other))
    assert price_now(1.0, low, surge) <= price_now(1.0, high, surge)


def test_prompts_that_come_meanwhile_lengthen_every_token() -> None:
    fleet = table()
    idle = steady_tpot_seconds(ASK, fleet, 0, 0.02)
    fleet[0, RUNNING], fleet[0, CONTEXT_TOKENS] = 20.0, 20.0 * 550.0
    busy = steady_tpot_seconds(ASK, fleet, 0, 0.02)
    assert 0.02 < idle < busy
    prompts_a_token = (20.0 * 500.0 + 500.0) / 100.0
    assert (busy - 0.02) / (idle - 0.02) == prompts_a_token / 5.0


def test_prompts_in_the_queue_count_as_those_that_run() -> None:
    fleet = table()
    fleet[0, RUNNING], fleet[0, CONTEXT_TOKENS] = 4.0, 2200.0
    before = steady_tpot_seconds(ASK, fleet, 0, 0.02)
    fleet[0, QUEUED_TOKENS] = 1000.0
    assert steady_tpot_seconds(ASK, fleet, 0, 0.02) > before


def test_a_replica_is_full_by_whichever_limit_is_nearest() -> None:
    fleet = table()
    assert fullness(ASK, fleet, 0, 1.0, 0.001) == 0.5
    assert fullness(ASK, fleet, 0, 0.01, 0.09) >= 0.9
    fleet[0, KV_USED] = fleet[0, KV_TOKENS]
    assert fullness(ASK, fleet, 0, 0.01, 0.001) > 1.0
