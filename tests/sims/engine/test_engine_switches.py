"""Replicas that change their role while they serve: nobody is lost, whatever was under way; what a policy is told."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.policy import routing
from policies.scale.roles import Roles
from policies.scale.scaling import History, Move, PoolState, Wish
from policies.scale.splits import Split, split_of
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from tests.sims.engine.small import prompts
from tests.sims.engine.test_engine_laws import check
from tests.sims.engine.test_engine_roles import ROUND, apart
from tests.sims.engine.worlds import alike, drawn, replica

SHORTEST = routing("shortest_ttft")
ROLES = ("prefill", "decode", "mixed")
HOME = tuple(Move(source=role, target="mixed", replicas=5, drains=False) for role in ("prefill", "decode"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Everybody at first, then moves at their times; writes down what it saw."""

    moves: dict[float, tuple[Move, ...]] = field(default_factory=dict)
    interval_s: float = 2.5
    seen: list[tuple[float, dict[str, PoolState]]] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        self.seen.append((now, dict(history[-1])))
        everybody = {pool: state.most for pool, state in history[-1].items()} if len(history) == 1 else {}
        return Wish(replicas=everybody, moves=self.moves.get(now, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A policy, and the split it had at each of its decisions."""

    policy: Roles
    had: list[tuple[float, Split]] = field(default_factory=list)

    @property
    def interval_s(self) -> float:
        """See `Scaling`."""
        return self.policy.interval_s

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        self.had.append((now, split_of(history[-1])))
        return self.policy.wanted(history, now)


def by_role(prefill: int, decode: int, mixed: int = 0) -> list[Replica]:
    roles = ["prefill"] * prefill + ["decode"] * decode + ["mixed"] * mixed
    return [replace(replica(f"{role}-{i}", role=role), pool=role) for i, role in enumerate(roles)]


@pytest.mark.parametrize("drains", [True, False])
def test_a_switch_to_a_role_that_nobody_had_makes_a_pool_of_it(drains: bool) -> None:
    orders = Orders(moves={5.0: (Move(source="mixed", target="prefill", drains=drains),
                                 Move(source="mixed", target="decode", drains=drains))})  # fmt: skip
    run = simulate(drawn(300, 15.0), by_role(0, 0, 3), SHORTEST, scaling=orders)
    assert (run.state == SERVED).all()
    last = orders.seen[-1][1]
    assert {role: last[role].ready for role in ROLES} == {"prefill": 1, "decode": 1, "mixed": 1}
    assert {role: last[role].role for role in ROLES} == {role: role for role in ROLES}
    assert (run.up_s == run.end_s).all()


def test_without_emptying_first_a_replica_serves_in_its_new_role_at_once() -> None:
    busy = Arrivals.drawn(np.array([0.0, 4.0]), np.array([200, 200]), np.array([4000, 20]))
    at_once, emptied = (
        simulate(busy, by_role(0, 0, 1), SHORTEST, Conditions(give_up_s=300.0),
                 scaling=Orders(moves={2.5: (Move(source="mixed", target="prefill", drains=drains),)}))
        for drains in (False, True)
    )  # fmt: skip
    assert (at_once.state == SERVED).sum() == 1  # nobody decodes for it: the second is held for ever
    assert emptied.replica[0] == 0
    assert at_once.end[0] == emptied.end[0]


def test_a_move_to_a_pool_that_is_none_is_an_error() -> None:
    orders = Orders(moves={2.5: (Move(source="mixed", target="nowhere", drains=False),)})
    with pytest.raises(ValueError, match=r"'nowhere'.*no such role"):
        simulate(drawn(50, 10.0), by_role(0, 0, 1), SHORTEST, scaling=orders)


def test_one_that_fails_while_it_empties_comes_back_to_what_it_was() -> None:
    orders = Orders(moves={5.0: (Move(source="prefill", target="decode"),)})
    down = Conditions(outages=(Outage(replica=0, at=5.1, until=9.0), Outage(replica=1, at=5.1, until=9.0)))
    run = simulate(drawn(300, 15.0, output=300), by_role(2, 1), SHORTEST, down, scaling=orders)
    assert (run.state == SERVED).all()
    assert orders.seen[-1][1]["prefill"].ready == 2
    assert orders.seen[-1][1]["prefill"].draining == 0


def test_a_replica_that_sends_or_is_sent_a_prompt_is_not_empty() -> None:
    slow = ROUND | {"transfer_bytes_per_s": 1e8}  # a prompt takes ten seconds over the link
    fleet = [replace(one, pool=one.role) for one in apart(**slow)]
    one = Arrivals.drawn(np.array([0.0]), np.array([1000]), np.array([50]))
    orders = Orders(moves={2.5: (Move(source="prefill", target="mixed"), Move(source="decode", target="mixed"))})
    run = simulate(one, fleet, SHORTEST, Conditions(give_up_s=60.0), scaling=orders)
    assert run.state[0] == SERVED
    assert {now for now, states in orders.seen if states["decode"].draining} >= {5.0, 7.5, 10.0}


def test_one_that_went_off_has_lost_its_cache() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Off:
        interval_s: float = 5.0

        def wanted(self, history: History, now: float) -> Wish:
            return Wish(replicas={"h100-sxm": 0 if 20.0 <= now < 40.0 else 1})

    rows = prompts((0.0, [1, 2, 3]), (10.0, [1, 2, 3]), (100.0, [1, 2, 3]), extra=1)
    quick = Conditions(provision_s=2.0, read_bytes_per_s=1e13)
    run = simulate(rows, alike(1), SHORTEST, quick, scaling=Off())
    assert run.cached.tolist() == [0, 48, 0]
    assert run.believed.tolist() == [0, 48, 0]


def test_what_a_policy_is_told_of_lengths_adds_up() -> None:
    rows = drawn(400, 20.0)
    orders = Orders(interval_s=1.0)
    fleet = by_role(2, 2)
    run = simulate(rows, fleet, SHORTEST, scaling=orders)
    states = [state for _, seen in orders.seen for state in seen.values()]
    until = orders.seen[-1][0]
    assert sum(state.prompt_tokens for state in states) == rows.prompt_tokens[run.at <= until].sum()
    assert sum(state.ended for state in states) == (run.end <= until).sum()
    told, came = sum(state.output_tokens for state in states), rows.output_tokens[run.end <= until].sum()
    assert told == pytest.approx(came, rel=0.1)
    assert all(state.perf == fleet[0].perf for state in states)


def test_the_policy_follows_the_traffic_and_loses_nobody() -> None:
    code, talk = drawn(2000, 40.0, prompt=2000, output=15), drawn(2000, 40.0, prompt=150, output=400)
    at = np.concatenate([code.at, code.at[-1] + talk.at])
    lengths = [
        np.concatenate([getattr(one, name) for one in (code, talk)]) for name in ("prompt_tokens", "output_tokens")
    ]
    watched = Watched(policy=Roles(ttft_s=0.6, tpot_s=0.013, burst=1.0, comfort=10.0))
    run = simulate(Arrivals.drawn(at, *lengths), by_role(2, 2), SHORTEST, scaling=watched)
    check(run)
    assert (run.state == SERVED).all()
    code_split = [split for now, split in watched.had if now < code.at[-1]][-1]
    talk_split = [split for now, split in watched.had if now < at[-1]][-1]
    assert code_split.prefill > talk_split.prefill


@given(
    st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(ROLES), st.integers(1, 3), st.booleans()), max_size=8),
    st.integers(0, 30),
    st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 20.0), st.floats(0.1, 5.0)), max_size=2),
)
@settings(max_examples=40, deadline=None)
def test_whatever_moves_and_whatever_fails_nobody_is_lost(
    moved: list[tuple[str, str, int, bool]], seed: int, broken: list[tuple[int, float, float]]
) -> None:
    orders = Orders(moves={
        2.5 * (i + 1): (Move(source=source, target=target, replicas=count, drains=drains),)
        for i, (source, target, count, drains) in enumerate(moved) if source != target
    } | {60.0: HOME})  # fmt: skip
    outages = tuple(Outage(replica=row, at=at, until=at + lasting) for row, at, lasting in broken)
    conditions = Conditions(outages=outages, give_up_s=400.0)
    run = simulate(drawn(150, 10.0, seed=seed), by_role(2, 2, 1), SHORTEST, conditions, scaling=orders)
    check(run)
    assert (run.state == SERVED).all()
