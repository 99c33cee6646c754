"""What a scaling policy sees of the same requests live and in the simulator: the same counts at the same times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
import pytest

from policies.policy import routing
from policies.scale.scaling import History, PoolState, Wish
from pool.control.joined import joined
from pool.control.wishes import states
from pool.routed import Routed, Totals
from router.counts import Snapshot
from router.metrics import Metrics
from router.telling import demand
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate
from tests.parity.live_fleet import LiveFleet
from tests.pool.fakes import roster
from weir.fleetfile import Engine, FleetFile, Pool, Slo
from weir.v1 import fleet_pb2

EVERY_S, SPAN_S, BLOCK = 5.0, 60.0, 16
SMALL = Engine(kv_tokens=60_000, max_num_seqs=48, max_num_batched_tokens=2048)
POOLS = [
    Pool(name="fast", gpu="h100-sxm", model="llama-3.1-8b", replicas=2, engine=SMALL),
    Pool(name="slow", gpu="l40s", model="llama-3.1-8b", replicas=2, engine=SMALL),
]
SLO = Slo(ttft_s=0.3, tpot_s=0.03)
FLEET = FleetFile(pools=POOLS, slo=SLO)
COUNTS = ("arrived", "prompt_tokens", "ended", "judged", "late")

States = Mapping[str, PoolState]


@dataclass
class All:
    """A policy that wants everybody, and keeps what it saw."""

    interval_s: float = EVERY_S
    seen: list[States] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        self.seen.append(history[-1])
        return Wish(replicas={name: state.most for name, state in history[-1].items()})


class Watched(LiveFleet):
    """The live fleet, and a pool service that hears its router at the times at which the simulator decides."""

    def __init__(self, policy: str, seed: int) -> None:
        super().__init__(FLEET, policy, late_s=0.05, seed=seed)
        self.now, self.seen, self.roster = 0.0, list[States](), roster()
        self.routed = Routed(clock=lambda: self.now)
        self.before: Totals = {}
        for each in self.replicas:
            facts: dict[str, Any] = {"gpu": each.gpu, "profile": "llama-3.1-8b", "role": "mixed", "model": each.model}
            self.roster.answered(self.roster.enter(fleet_pb2.Replica(name=each.name, pool=each.pool, **facts)))

    def _play(self, until: float) -> None:
        while self.now <= min(until, SPAN_S + EVERY_S):
            super()._play(self.now)
            self._look()
            self.now += EVERY_S
        super()._play(until)

    def _look(self) -> None:
        snapshot: Snapshot = Metrics().snapshot()
        snapshot.demand = self.core.tally.told()
        told = demand("router", 1.0 + self.now, [snapshot])
        self.routed.hear(fleet_pb2.Demand.FromString(told.SerializeToString()))
        found = states({pool.name: pool for pool in POOLS}, list(self.roster), {}, {}, self.now)
        self.seen.append(joined(found, {name: name for name in found}, self.routed.totals, self.before, {}))
        self.before = dict(self.routed.totals)


def requests(seed: int, rate_rps: float) -> list[Arrival]:
    """Prompts that share nothing, for some time; and one long after, by when all others have ended."""
    draws, now, found = np.random.default_rng(seed), 0.0, list[Arrival]()
    while now < 0.6 * SPAN_S:
        now += float(draws.exponential(1.0 / rate_rps))
        found.append(request(len(found), now, int(draws.integers(20, 3000)), int(draws.integers(1, 250))))
    return [*found, request(len(found), SPAN_S + 2.0 * EVERY_S, 50, 2)]


def request(number: int, at: float, prompt_tokens: int, output_tokens: int) -> Arrival:
    blocks = tuple(range(1000 * number, 1000 * number + prompt_tokens // BLOCK))
    return Arrival(at=at, prompt_tokens=prompt_tokens, output_tokens=output_tokens, blocks=blocks,
                   session=str(number), block_tokens=BLOCK)  # fmt: skip


def both(policy: str, rate_rps: float, seed: int) -> tuple[Sequence[States], Sequence[States]]:
    arrivals, live, simulated = requests(seed, rate_rps), Watched(policy, seed), All()
    live.run(arrivals)
    conditions = Conditions(
        seed=seed, staleness_s=0.05, expects=True, ttft_slo_s=SLO.ttft_s, tpot_slo_s=SLO.tpot_s
    )  # fmt: skip
    simulate(Arrivals.of(arrivals), live.replicas, routing(policy), conditions, scaling=simulated)
    return live.seen, simulated.seen[: len(live.seen)]


def told(states: States) -> dict[str, dict[str, float]]:
    return {name: {count: float(getattr(state, count)) for count in COUNTS} for name, state in states.items()}


@pytest.mark.parametrize(("policy", "rate_rps"), [("shortest_ttft", 4.0), ("shortest_ttft", 25.0), ("two_choices", 9)])
def test_live_and_in_the_simulator_a_policy_sees_the_same_counts_at_the_same_times(
    policy: str, rate_rps: float
) -> None:
    live, simulated = both(policy, rate_rps, seed=4)
    assert len(live) == len(simulated) > SPAN_S / EVERY_S
    assert [told(each) for each in live] == [told(each) for each in simulated]
    late = sum(state.late for each in live for state in each.values())
    ended = sum(state.ended for each in live for state in each.values())
    assert ended > 100
    assert late < ended
    assert late > 0 or rate_rps < 10.0, "a crowded fleet is late"


def test_by_when_all_have_ended_as_many_tokens_have_come() -> None:
    live, simulated = both("shortest_ttft", 8.0, 6)
    sums = [sum(state.output_tokens for each in seen for state in each.values()) for seen in (live, simulated)]
    assert sums[0] == pytest.approx(sums[1], rel=0.05), "the simulator reckons those under way by steps and batches"


def test_there_is_a_look_after_the_last_answer() -> None:
    live, _ = both("shortest_ttft", 8.0, 6)
    assert sum(state.arrived - state.ended for each in live for state in each.values()) == 0
    assert max(each.at for seen in live for each in seen.values()) < inf
