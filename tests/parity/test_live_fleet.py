"""A whole emulated fleet behind the live core, and the simulator, on the same trace: the same throughput, cached share
and median time to the first token."""

from dataclasses import dataclass
from math import inf

import numpy as np
import pytest

from policies.policy import routing
from router.truth import Bounds
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from tests.parity.live_fleet import Lived, LiveFleet
from weir.fleetfile import Engine, FleetFile, Pool

WITHIN = 0.05
LATE_S = 0.05
BLOCK = 16
SMALL = Engine(kv_tokens=40_000, max_num_seqs=64, max_num_batched_tokens=2048)
FLEET = FleetFile(
    pools=[
        Pool(name="fast", gpu="h100-sxm", model="llama-3.1-8b", replicas=4, engine=SMALL),
        Pool(name="slow", gpu="l40s", model="llama-3.1-8b", replicas=4, engine=SMALL),
    ]
)


def conversations(count: int, rate_rps: float, seed: int) -> list[Arrival]:
    """Turns of sixty conversations under four system prompts, each prompt beginning with the one before it."""
    draws, now, found = np.random.default_rng(seed), 0.0, list[Arrival]()
    chains = [list(range(1000 * (s % 4), 1000 * (s % 4) + 40)) for s in range(60)]
    fresh, named = 10_000, dict[int, int]()  # sessions are named in the order in which they come, as columns are
    for _ in range(count):
        now += float(draws.exponential(1.0 / rate_rps))
        session = int(draws.integers(0, 60))
        if len(chains[session]) > 400:
            chains[session] = chains[session][:40]
        more = int(draws.integers(1, 60))
        chains[session] += range(fresh, fresh + more)
        fresh += more
        chain = tuple(chains[session])
        name = str(named.setdefault(session, len(named)))
        found.append(
            Arrival(
                at=now, prompt_tokens=BLOCK * len(chain) + int(draws.integers(1, BLOCK)), blocks=chain, session=name,
                output_tokens=int(draws.integers(1, 300)), block_tokens=BLOCK,
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is compared."""

    tokens_per_s: float
    cached: float
    ttft_p50_s: float
    replicas: list[int]


def lived(lives: list[Lived], arrivals: list[Arrival]) -> Figures:
    prompts = sum(arrival.prompt_tokens for arrival in arrivals)
    outputs = sum(arrival.output_tokens for arrival in arrivals)
    return Figures(
        tokens_per_s=outputs / max(life.end for life in lives),
        cached=sum(life.cached for life in lives) / prompts,
        ttft_p50_s=float(np.median([life.first - life.at for life in lives])),
        replicas=[life.replica for life in lives],
    )


def simulated(fleet: LiveFleet, policy: str, arrivals: list[Arrival], late_s: float = LATE_S) -> Figures:
    slo = FLEET.slo
    conditions = Conditions(
        seed=fleet.seed, staleness_s=late_s, expects=True, ttft_slo_s=slo.ttft_s, tpot_slo_s=slo.tpot_s
    )
    run = simulate(Arrivals.of(arrivals), fleet.replicas, routing(policy), conditions)
    assert (run.state == SERVED).all()
    return Figures(
        tokens_per_s=float(run.output_tokens.sum() / run.end.max()),
        cached=float(run.cached.sum() / run.prompt_tokens.sum()),
        ttft_p50_s=float(np.median(run.ttft_s)),
        replicas=run.replica.tolist(),
    )


def both(policy: str, rate_rps: float, seed: int = 3, count: int = 600) -> tuple[Figures, Figures]:
    arrivals = conversations(count, rate_rps, seed)
    fleet = LiveFleet(FLEET, policy, late_s=LATE_S, seed=seed)
    return lived(fleet.run(arrivals), arrivals), simulated(fleet, policy, arrivals)


def agree(live: Figures, replayed: Figures) -> bool:
    pairs = [(getattr(live, of), getattr(replayed, of)) for of in ("tokens_per_s", "cached", "ttft_p50_s")]
    return all(abs(there - here) <= WITHIN * here for here, there in pairs)


@pytest.mark.parametrize("policy", ["shortest_ttft", "prefix_affinity", "session_affinity", "least_loaded"])
@pytest.mark.parametrize("rate_rps", [15.0, 40.0])
def test_a_whole_emulated_fleet_and_the_simulator_agree_on_the_same_trace(policy: str, rate_rps: float) -> None:
    live, replayed = both(policy, rate_rps)
    assert agree(live, replayed)
    assert replayed.replicas == live.replicas, "every single choice is the same"


@pytest.mark.parametrize("seed", [11, 12])
def test_they_agree_on_another_trace_under_other_request_ids(seed: int) -> None:
    live, replayed = both("shortest_ttft", 25.0, seed, count=300)
    assert agree(live, replayed)
    assert replayed.replicas == live.replicas


def test_they_agree_where_events_come_seconds_late_as_long_as_the_router_believes_them() -> None:
    arrivals = conversations(300, 25.0, 5)
    fleet = LiveFleet(FLEET, "shortest_ttft", late_s=3.0)
    fleet.core.held.bounds = Bounds(over=inf)  # the simulated router does not doubt what engines say
    live = lived(fleet.run(arrivals), arrivals)
    replayed = simulated(fleet, "shortest_ttft", arrivals, late_s=3.0)
    assert agree(live, replayed)
    assert replayed.replicas == live.replicas


def test_five_per_cent_tell_one_policy_from_another() -> None:
    arrivals = conversations(300, 25.0, 5)
    fleet = LiveFleet(FLEET, "shortest_ttft", late_s=LATE_S)
    live = lived(fleet.run(arrivals), arrivals)
    assert agree(live, simulated(fleet, "shortest_ttft", arrivals))
    assert not agree(live, simulated(fleet, "two_choices", arrivals))


def test_the_router_believes_of_the_caches_what_the_engines_then_find() -> None:
    arrivals = conversations(200, 5.0, 9)
    fleet = LiveFleet(FLEET, "shortest_ttft", late_s=0.0)
    lives = fleet.run(arrivals)
    apart = [life for life in lives if life.placement.cached_tokens != life.cached]
    assert len(apart) < 0.05 * len(lives)  # a sibling came to be computed, or a block to be evicted, on the way there
