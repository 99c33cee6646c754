"""Roles switched on a fleet that runs, under traffic drawn here: nobody is lost by it."""

from dataclasses import replace

import numpy as np
import pytest

from bench.roles.live import LIVE_S, MODEL, RATES, REPLICAS, acted, alternating, counted, fleet
from bench.roles.live import Acted as Live
from sims.arrivals import Arrivals
from sims.load.record import Record
from tests.bench.test_roles_bench import TRACES


def test_kinds_come_one_after_the_other_at_their_rates() -> None:
    both = alternating(TRACES, RATES, LIVE_S)
    for i, rate in enumerate(RATES.values()):
        phase = (both.at >= i * LIVE_S) & (both.at < (i + 1) * LIVE_S)
        assert phase.sum() == pytest.approx(rate * LIVE_S, rel=0.3)
    assert (np.diff(both.at) >= 0.0).all()


def test_the_fleet_is_alike_so_that_any_replica_may_take_any_role() -> None:
    (pool,) = fleet(REPLICAS).pools
    assert (pool.size, pool.model, pool.role) == (REPLICAS, MODEL, "mixed")


def test_a_request_without_its_whole_answer_is_lost() -> None:
    done = Record(
        request_id="a", session="", model=MODEL, scheduled_s=0.0, sent_s=0.0, first_token_s=0.1, last_token_s=0.2,
        prompt_tokens=9, output_tokens=5, status=200,
    )  # fmt: skip
    cut = replace(done, request_id="b", first_token_s=None, last_token_s=None, error="cut")
    found = counted(Live(switches=["one"]), [done, cut])
    assert found.figures() == {"live_requests": 2, "live_lost": 1, "live_in_time_share": 0.5, "live_switches": 1}


async def test_roles_are_switched_under_way_and_every_request_is_answered() -> None:
    said: list[str] = []
    code = alternating(TRACES, {"code": RATES["code"]}, 30.0)
    found = await acted(code, REPLICAS, said.append)
    assert (found.requests, found.lost) == (len(code), 0)
    assert found.switches, said
    assert all("from mixed to" in line for line in found.switches[:REPLICAS])


def test_all_of_one_kind_is_what_it_says() -> None:
    code = alternating(TRACES, {"code": 3.0}, 10.0)
    assert isinstance(code, Arrivals)
    assert code.prompt_tokens.mean() > 4 * code.output_tokens.mean()
