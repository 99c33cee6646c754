"""What happens to a fleet while it serves: failures, repairs, scaling, drains, queues at the router, slower tiers."""

from dataclasses import dataclass, field, replace
from math import inf

import numpy as np
import pytest

from policies.policy import routing
from policies.scale.by_hour import ByHour
from policies.scale.scaling import History, PoolState, Wish
from policies.scale.target_load import TargetLoad
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import SERVED, SHED, UNFINISHED
from sims.engine.simulate import simulate
from tests.sims.engine.small import arrivals
from tests.sims.engine.worlds import BLOCK, alike, drawn, replica

LEAST = routing("least_loaded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """So many replicas in every pool from each of these times on."""

    steps: tuple[tuple[float, int], ...]
    interval_s: float = 5.0
    seen: list[dict[str, PoolState]] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        self.seen.append(dict(history[-1]))
        count = [replicas for at, replicas in self.steps if at <= now][-1]
        return Wish(replicas=dict.fromkeys(history[-1], count))


def test_what_a_failed_replica_was_serving_starts_anew_elsewhere() -> None:
    arrivals, fleet = drawn(300, 30.0), alike(3)
    down = Conditions(outages=(Outage(replica=1, at=4.0),))
    run, whole = simulate(arrivals, fleet, LEAST, down), simulate(arrivals, fleet, LEAST)
    assert (run.state == SERVED).all()
    there = (whole.replica == 1) & (whole.at < 4.0) & (whole.end > 4.0)
    assert there.any()
    assert (run.replica[there] != 1).all()
    assert (run.first[there] > 4.0).all()
    assert (run.end[run.replica == 1] <= 4.0).all()


def test_a_failed_replica_costs_nothing_until_it_is_back_and_then_serves_again() -> None:
    down = Conditions(outages=(Outage(replica=0, at=3.0, until=6.0),))
    run = simulate(drawn(300, 30.0), alike(2), LEAST, down)
    assert run.up_s.tolist() == pytest.approx([run.end_s - 3.0, run.end_s])
    served = run.at[run.replica == 0]
    assert not ((served > 3.0) & (served < 6.0)).any()
    assert (served > 6.0).any()


def test_an_outage_that_begins_during_another_lasts_to_its_own_end_and_the_longer_of_two_to_the_last() -> None:
    for ends in ((4.0, 30.0), (30.0, 4.0)):
        outages = tuple(Outage(replica=0, at=2.0 + i, until=until) for i, until in enumerate(ends))
        run = simulate(drawn(60, 10.0), alike(1), LEAST, Conditions(outages=outages))
        assert not ((run.admitted > 2.0) & (run.admitted < 30.0)).any()
        assert (run.state == SERVED).all()


def test_a_start_that_was_called_off_makes_nobody_ready_early() -> None:
    script = Script(steps=((0.0, 1), (10.0, 2), (15.0, 1), (20.0, 2)))
    slow = Conditions(provision_s=30.0, read_bytes_per_s=1e13)
    simulate(arrivals(*[(0.5 * i, 100, 5) for i in range(200)]), alike(2), LEAST, slow, scaling=script)
    ready = [5.0 * i for i, pools in enumerate(script.seen) if pools["h100-sxm"].ready == 2]
    start_s = slow.provision_s + alike(1)[0].perf.load_seconds(slow.read_bytes_per_s)
    assert ready[0] - 5.0 < 20.0 + start_s <= ready[0], "from when it was asked for again"


def test_requests_wait_while_nobody_is_ready_and_go_on_when_somebody_is() -> None:
    down = Conditions(outages=(Outage(replica=0, at=2.0, until=10.0),))
    run = simulate(drawn(60, 10.0), alike(1), LEAST, down)
    assert (run.state == SERVED).all()
    late = (run.at > 2.0) & (run.at < 10.0)
    assert late.any()
    assert (run.admitted[late] >= 10.0).all()


def test_without_a_repair_the_rest_is_left_unfinished() -> None:
    run = simulate(drawn(60, 10.0), alike(1), LEAST, Conditions(outages=(Outage(replica=0, at=2.0),)))
    assert set(run.state.tolist()) == {SERVED, UNFINISHED}
    assert (run.state[run.at > 2.0] == UNFINISHED).all()


def test_a_replica_that_failed_has_lost_its_cache_and_the_router_knows() -> None:
    turns = [
        Arrival(at=20.0 * i, prompt_tokens=BLOCK * 8, output_tokens=4, blocks=tuple(range(8)), block_tokens=BLOCK)
        for i in range(4)
    ]
    down = Conditions(outages=(Outage(replica=0, at=30.0, until=31.0),))
    run = simulate(Arrivals.of(turns), alike(1), routing("shortest_ttft"), down)
    assert run.cached.tolist() == [0, 7 * BLOCK, 0, 7 * BLOCK]
    assert run.believed.tolist() == [0, 8 * BLOCK, 0, 8 * BLOCK]


def test_a_request_waits_at_the_router_for_room_and_is_shed_when_none_comes() -> None:
    fleet = alike(1, max_seqs=4)
    run = simulate(drawn(200, 40.0), fleet, LEAST, Conditions(queue_s=1.5))
    shed = run.state == SHED
    assert shed.any()
    assert (run.state[~shed] == SERVED).all()
    assert (run.admitted[~shed] - run.at[~shed] < 1.5 + 1.0).all()
    patient = simulate(drawn(200, 40.0), fleet, LEAST, Conditions(queue_s=1e6))
    assert (patient.state == SERVED).all()


def test_those_held_go_in_the_order_in_which_they_came() -> None:
    run = simulate(drawn(100, 40.0), alike(1, max_seqs=2), LEAST, Conditions(queue_s=1e6))
    assert (np.diff(run.admitted) >= 0.0).all()


def test_a_replica_asked_for_is_ready_after_its_start_and_paid_for_from_then_on() -> None:
    fleet = alike(2)
    conditions = Conditions(provision_s=4.0, read_bytes_per_s=1e12)
    run = simulate(drawn(600, 8.0), fleet, LEAST, conditions, scaling=Script(steps=((0.0, 1), (20.0, 2))))
    ready = 20.0 + 4.0 + fleet[1].perf.load_seconds(1e12)
    assert run.up_s.tolist() == pytest.approx([run.end_s, run.end_s - 20.0])
    first = run.at[run.replica == 1].min()
    assert ready <= first < ready + 2.0
    assert (run.state == SERVED).all()


def test_a_replica_no_longer_wanted_serves_what_it_has_and_then_costs_nothing() -> None:
    run = simulate(drawn(400, 8.0), alike(2), LEAST, scaling=Script(steps=((0.0, 2), (20.0, 1))))
    assert (run.state == SERVED).all()
    drained = int(np.argmin(run.up_s))
    mine = run.replica == drained
    assert run.at[mine].max() <= 20.0
    assert run.end[mine].max() <= run.up_s[drained] <= run.end[mine].max() + 1.0 + 1e-9


def test_scaling_to_nothing_and_back_serves_everybody_in_the_end() -> None:
    script = Script(steps=((0.0, 1), (5.0, 0), (30.0, 1)))
    run = simulate(drawn(100, 10.0), alike(1), LEAST, Conditions(provision_s=1.0), scaling=script)
    assert (run.state == SERVED).all()
    assert run.end_s > 30.0


def test_an_autoscaler_follows_the_load_and_costs_less_than_the_whole_fleet() -> None:
    arrivals = drawn(3000, 20.0)
    pace = replace(
        arrivals,
        at=np.concatenate([arrivals.at[:1500], arrivals.at[1499] + 8.0 * (arrivals.at[1500:] - arrivals.at[1499])]),
    )
    fleet = alike(4, max_seqs=16)
    policy = TargetLoad(interval_s=5.0, down_s=60.0, target=0.7)
    scaled = simulate(pace, fleet, LEAST, Conditions(provision_s=5.0, read_bytes_per_s=1e11), scaling=policy)
    assert (scaled.state == SERVED).all()
    assert scaled.cost_usd < 0.7 * simulate(pace, fleet, LEAST).cost_usd
    assert 2 <= (scaled.up_s > 0.0).sum() <= 4


def test_what_a_scaler_sees_adds_up() -> None:
    script = Script(steps=((0.0, 2),))
    fleet = [replica("a"), replica("b"), replica("c", fast=False), replica("d", fast=False)]
    run = simulate(drawn(200, 10.0), fleet, LEAST, scaling=script)
    pools = [state for states in script.seen for state in states.values()]
    assert {state.pool for state in pools} == {"h100-sxm", "l40s"}
    assert sum(state.arrived for state in pools) <= 200
    assert {state.ready for state in pools[2:]} == {2}
    assert (run.state == SERVED).all()


def test_a_plan_by_the_hour_changes_the_fleet_by_the_hour() -> None:
    arrivals = drawn(800, 0.1)
    plan = ByHour(replicas=(1, 2), ahead_s=170.0)
    run = simulate(arrivals, alike(2), LEAST, Conditions(provision_s=60.0), scaling=plan)
    assert 1.4 * run.end_s < run.up_s.sum() < 1.65 * run.end_s


def growing(count: int, times: int) -> Arrivals:
    """Sessions that come again and again, more of them than fit into HBM."""
    rows = [
        Arrival(
            at=2.0 * (turn * count + one), prompt_tokens=10 * BLOCK, output_tokens=2, block_tokens=BLOCK,
            blocks=tuple(100 * one + i for i in range(10)),
        )
        for turn in range(times)
        for one in range(count)
    ]  # fmt: skip
    return Arrivals.of(rows)


@pytest.mark.parametrize(("host", "disk", "found"), [(0, 0, 0), (200, 0, 9), (15, 0, 0), (15, 200, 9)])
def test_blocks_that_fell_to_a_slower_tier_are_found_there(host: int, disk: int, found: int) -> None:
    tiers = Conditions(host_tokens=host * BLOCK, disk_tokens=disk * BLOCK, read_bytes_per_s=1e11)
    run = simulate(growing(8, 3), alike(1, kv_tokens=30 * BLOCK), routing("shortest_ttft"), tiers)
    assert run.cached[:8].tolist() == [0] * 8
    assert run.cached[8:].tolist() == [found * BLOCK] * 16
    assert (run.believed[8:] == 0).all()


def test_a_fetched_prompt_is_slower_than_one_in_hbm_and_faster_than_one_computed() -> None:
    arrivals, small = growing(8, 2), alike(1, kv_tokens=30 * BLOCK)
    fetched, computed, held = (
        np.mean(simulate(arrivals, fleet, LEAST, conditions).ttft_s[8:])
        for fleet, conditions in (
            (small, Conditions(host_tokens=200 * BLOCK)),
            (small, Conditions()),
            (alike(1), Conditions()),
        )
    )
    assert held < fetched < computed


def test_a_tier_too_slow_to_be_worth_it_is_left_alone() -> None:
    slow = Conditions(host_tokens=15 * BLOCK, disk_tokens=200 * BLOCK, read_bytes_per_s=1e6)
    run = simulate(growing(8, 2), alike(1, kv_tokens=30 * BLOCK), LEAST, slow)
    assert run.cached.sum() == 0


def test_samples_show_the_fleet_at_regular_times() -> None:
    down = Conditions(sample_s=0.5, outages=(Outage(replica=1, at=3.2, until=inf),))
    run = simulate(drawn(200, 20.0), alike(2), LEAST, down)
    assert run.samples is not None
    assert np.diff(run.samples.at) == pytest.approx(0.5)
    assert run.samples.ready[:7].all()
    assert not run.samples.ready[7:, 1].any()
    assert not run.samples.running[7:, 1].any()
    busy = (run.admitted < 3.0) & (run.end > 3.0) & (run.replica == 0)
    assert run.samples.running[6, 0] == busy.sum()
