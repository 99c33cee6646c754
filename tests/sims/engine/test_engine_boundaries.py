"""A boundary between two pools of a simulated fleet: who is served where, and prompts that are compressed to fit."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from bench.boundary.__main__ import row
from bench.boundary.traffic import HEAVY, PHASE_S, Kind, hours
from bench.boundary.trial import Outcome, rule, run
from policies.boundary import ROOM
from policies.fleet import Replica
from policies.policy import routing
from policies.scale.lengths import CLASSES, class_of
from policies.scale.scaling import Boundary, History, PoolState, Wish
from sims.engine.conditions import Conditions
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from tests.sims.engine.small import arrivals
from tests.sims.engine.worlds import replica

LEAST = routing("least_loaded")
EASY = Conditions(ttft_slo_s=60.0, tpot_slo_s=10.0)
AT = Boundary(short="s", long="l", tokens=1000.0, gamma=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Divides:
    """All replicas, and boundaries by a function of the time; writes down what it saw."""

    boundary: Callable[[float], Boundary | None]
    interval_s: float = 5.0
    seen: list[dict[str, PoolState]] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        self.seen.append(dict(history[-1]))
        made = self.boundary(now)
        return Wish(replicas=dict.fromkeys(history[-1], 1), boundaries=(made,) if made else ())


def pools() -> list[Replica]:
    """One replica a pool."""
    return [replace(replica(f"{pool}-0"), pool=pool) for pool in ("s", "l")]


ROWS = [(float(i), tokens, 10) for i, tokens in enumerate((500, 1000, 1001, 1500, 1999, 2001, 5000))]


def test_prompts_up_to_the_boundary_are_served_by_the_short_pool_and_longer_ones_by_the_long() -> None:
    done = simulate(arrivals(*ROWS), pools(), LEAST, EASY, scaling=Divides(boundary=lambda now: AT))
    assert done.replica.tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_a_boundary_that_moves_holds_from_then_on() -> None:
    later = replace(AT, tokens=3000.0)
    done = simulate(arrivals(*ROWS, (20.0, 1500, 10)), pools(), LEAST, EASY,
                    scaling=Divides(boundary=lambda now: AT if now < 10.0 else later))  # fmt: skip
    assert done.replica.tolist() == [0, 0, 1, 1, 1, 1, 1, 0]


def test_what_may_be_compressed_and_is_a_little_too_long_is_cut_and_goes_short() -> None:
    may = replace(EASY, compressible=1.0)
    done = simulate(arrivals(*ROWS), pools(), LEAST, may, scaling=Divides(boundary=lambda now: AT))
    assert done.replica.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert done.prompt_tokens.tolist() == [500, 1000, *[int(ROOM * 1000.0)] * 3, 2001, 5000]


def test_the_callers_arrivals_stay_as_they_were_and_so_do_the_lengths_that_a_policy_is_told() -> None:
    asked, divides = arrivals(*ROWS, (30.0, 10, 10)), Divides(boundary=lambda now: AT)
    simulate(asked, pools(), LEAST, replace(EASY, compressible=1.0), scaling=divides)
    assert asked.prompt_tokens.tolist()[:7] == [tokens for _, tokens, _ in ROWS]
    counts = np.zeros(CLASSES, np.int64)
    answers = np.zeros(CLASSES)
    for states in divides.seen:
        for state in states.values():
            counts += np.array(state.lengths)
            answers += np.array(state.answer_tokens)
    assert counts.sum() == len(ROWS)
    assert counts[class_of(1500.0)] == 1
    assert answers.sum() == 10.0 * len(ROWS)


def test_states_tell_the_boundary_in_force_and_what_replicas_take() -> None:
    divides = Divides(boundary=lambda now: AT if now == 5.0 else None)
    simulate(arrivals(*ROWS, (30.0, 10, 10)), pools(), LEAST, EASY, scaling=divides)
    assert [states["s"].boundary for states in divides.seen[:3]] == [None, None, AT]
    assert divides.seen[2]["l"].boundary == AT
    assert divides.seen[0]["s"].limit_tokens > 0


def test_a_boundary_of_a_pool_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no such pool"):
        simulate(arrivals(*ROWS), pools(), LEAST, EASY,
                 scaling=Divides(boundary=lambda now: replace(AT, long="nobody")))  # fmt: skip


def test_where_the_short_pool_is_full_requests_go_to_the_long_one_and_nobody_is_lost() -> None:
    burst = arrivals(*[(1.0, 900, 200) for _ in range(600)])
    done = simulate(burst, pools(), LEAST, Conditions(ttft_slo_s=2.0), scaling=Divides(boundary=lambda now: AT))
    assert (done.state == SERVED).all()
    assert 0 < int((done.replica == 1).sum()) < 600


@pytest.fixture(scope="module")
def shifting() -> dict[str, Outcome]:
    """A boundary that moves and two that stay, through one phase of chats and one of agents."""
    asked = hours(3, phases=2, kinds=HEAVY)
    settings = {"moves": {}, "1,448": {"step": 0}, "5,793": {"step": 0}}
    begins = {"moves": 2048.0, "1,448": 1448.0, "5,793": 5793.0}
    return {name: run(rule(tokens=begins[name], **more), asked, 3) for name, more in settings.items()}


def test_near_the_limit_of_a_fleet_a_boundary_that_moves_with_the_mix_keeps_more_than_two_that_stay(
    shifting: dict[str, Outcome],
) -> None:
    best = max(shifting["1,448"].kept, shifting["5,793"].kept)
    assert 1.0 - shifting["moves"].kept < 0.75 * (1.0 - best)


def test_it_turns_no_more_often_than_the_mix_does(shifting: dict[str, Outcome]) -> None:
    assert shifting["moves"].moves >= 1
    assert shifting["moves"].turns <= 3
    assert shifting["1,448"].moves == 0


def test_the_traffic_is_the_same_for_the_same_seed_and_takes_turns() -> None:
    one, again = hours(1, phases=2), hours(1, phases=2)
    assert one.prompt_tokens.tolist() == again.prompt_tokens.tolist()
    first = one.at < PHASE_S
    assert first.sum() > 5 * (~first).sum()
    assert Kind(lengths="agent", first=False, own_rps=2.0, other_rps=0.5).rate(np.array([0.0])) == [0.5]


def test_a_rule_is_a_line_of_the_table() -> None:
    made = [Outcome(kept=kept, compressed=0.0, boundaries=((0.0, 1.0, 1.0), (5.0, 2.0, 1.0))) for kept in (0.8, 0.9)]
    assert row("x", made).startswith("| x | 85.0 ± ")
    assert row("x", made).endswith("| 1.0 | 0.0 |")
