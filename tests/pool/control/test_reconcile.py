"""What is to be done, from what is seen and wanted: laws, and the cases that people ask about."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.reconcile import DRAIN_S, HEARD_S, Drain, Pool, Replica, Resume, Scale, Switch, Wanted, Workload, reconcile

DEPLOYMENT = Workload(kind="Deployment", name="vllm", replicas=3, version="7")


def pool(*replicas: Replica, asked: int | None = None, kind: str = "Deployment") -> Pool:
    count = len(replicas) if asked is None else asked
    return Pool(replicas=replicas, workload=replace(DEPLOYMENT, replicas=count, kind=kind))


def named(count: int, **facts: object) -> list[Replica]:
    return [Replica(name=f"r{n}", born=f"{n}", **facts) for n in range(count)]  # type: ignore[arg-type]


def act(seen: Pool, **wanted: object) -> list[object]:
    return list(reconcile({"p": seen}, {"p": Wanted(**wanted)}))  # type: ignore[arg-type]


class TestGrowing:
    def test_more_are_asked_for_in_the_version_that_was_seen(self) -> None:
        (action,) = act(pool(*named(3)), replicas=5)
        assert isinstance(action, Scale)
        assert (action.replicas, action.workload.version) == (5, "7")

    def test_nothing_is_done_twice_while_pods_are_still_being_made(self) -> None:
        assert act(pool(*named(3), asked=5), replicas=5) == []

    def test_whoever_drains_is_taken_back_before_another_is_made(self) -> None:
        first, *rest = named(3)
        actions = act(pool(replace(first, drained_s=1.0), *rest), replicas=3)
        assert [type(action) for action in actions] == [Resume]

    def test_bounds_hold_whatever_is_asked_for(self) -> None:
        (action,) = act(pool(*named(3)), replicas=50, most=4)
        assert isinstance(action, Scale)
        assert action.replicas == 4

    def test_a_pool_without_a_workload_or_a_wish_is_left_alone(self) -> None:
        assert act(Pool(replicas=tuple(named(2))), replicas=5) == []
        assert act(pool(*named(2))) == []


class TestShrinking:
    def test_nobody_is_ended_before_being_drained(self) -> None:
        actions = act(pool(*named(3)), replicas=1)
        assert [type(action) for action in actions] == [Drain, Drain]

    def test_whoever_is_idle_and_has_been_heard_to_drain_is_let_go(self) -> None:
        drained = replace(named(3)[2], drained_s=HEARD_S)
        (action,) = act(pool(*named(2), drained), replicas=2)
        assert isinstance(action, Scale)
        assert action.replicas == 2

    def test_whoever_still_serves_is_waited_for_but_not_for_ever(self) -> None:
        busy = replace(named(3)[2], drained_s=HEARD_S, in_flight=4.0)
        assert act(pool(*named(2), busy), replicas=2) == []
        (action,) = act(pool(*named(2), replace(busy, drained_s=DRAIN_S)), replicas=2)
        assert isinstance(action, Scale)

    def test_routers_are_given_time_to_hear_of_it(self) -> None:
        assert act(pool(*named(2), replace(named(3)[2], drained_s=0.5)), replicas=2) == []

    def test_who_is_not_ready_or_has_least_to_do_goes_first(self) -> None:
        a, b, c = named(3)
        actions = act(
            pool(replace(a, in_flight=9.0), replace(b, in_flight=1.0), replace(c, ready=False, in_flight=5.0)),
            replicas=1,
        )
        assert [action.replica for action in actions if isinstance(action, Drain)] == ["r2", "r1"]

    def test_of_a_numbered_set_the_highest_go_and_only_from_the_top(self) -> None:
        replicas = [
            Replica(name=f"r{n}", ordinal=n, drained_s=9.0 if n else None, in_flight=float(n == 2)) for n in range(4)
        ]
        (action,) = act(pool(*replicas, kind="StatefulSet"), replicas=1)
        assert isinstance(action, Scale)
        assert action.replicas == 3  # r3 goes; r2 still serves, so r1 has to wait behind it

    def test_pods_that_were_never_made_are_given_up_first(self) -> None:
        (action,) = act(pool(*named(2), asked=4), replicas=2)
        assert isinstance(action, Scale)
        assert action.replicas == 2

    def test_zero_is_reached_only_when_it_is_allowed(self) -> None:
        idle = [replace(each, drained_s=9.0) for each in named(2)]
        (action,) = act(pool(*idle), replicas=0)
        assert isinstance(action, Scale)
        assert action.replicas == 0
        actions = act(pool(*idle), replicas=0, least=1)
        assert [action.replicas for action in actions if isinstance(action, Scale)] == [1]


class TestSwitching:
    def test_whoever_has_least_to_do_is_drained_for_the_role(self) -> None:
        a, b = named(2)
        (action,) = act(pool(replace(a, in_flight=3.0), b), switches=(Switch(role="decode"),))
        assert action == Drain(pool="p", replica="r1", why="role:decode", becoming="decode")

    def test_the_role_is_given_when_it_is_idle_and_no_other_is_drained_meanwhile(self) -> None:
        a, b = named(2)
        on_the_way = replace(a, drained_s=HEARD_S, becoming="decode", in_flight=1.0)
        wish = (Switch(role="decode"),)
        assert act(pool(on_the_way, b), switches=wish) == []
        (action,) = act(pool(replace(on_the_way, in_flight=0.0), b), switches=wish)
        assert isinstance(action, Resume)
        assert (action.replica, action.role) == ("r0", "decode")
        assert act(pool(replace(a, role="decode"), b), switches=wish) == []

    def test_one_that_was_drained_for_a_role_takes_it_though_nobody_asks_for_it_any_more(self) -> None:
        (a,) = named(1)
        (action,) = act(pool(replace(a, drained_s=HEARD_S, becoming="decode")))
        assert isinstance(action, Resume)
        assert action.role == "decode"

    def test_those_that_need_not_drain_are_given_the_role_at_once(self) -> None:
        a, b = named(2)
        (action,) = act(pool(replace(a, in_flight=3.0), b), switches=(Switch(role="decode", drains=False),))
        assert action == Resume(pool="p", replica="r1", why="it serves as decode now", role="decode")

    def test_only_replicas_of_the_role_that_is_to_give_are_taken(self) -> None:
        a, b = named(2)
        wish = (Switch(role="decode", source="prefill"),)
        assert act(pool(a, b), switches=wish) == []
        (action,) = act(pool(a, replace(b, role="prefill")), switches=wish)
        assert isinstance(action, Drain)
        assert action.replica == "r1"

    def test_two_switches_do_not_take_the_same_replica(self) -> None:
        wish = (Switch(role="decode"), Switch(role="prefill"))
        actions = act(pool(*named(2)), switches=wish)
        assert sorted(action.replica for action in actions if isinstance(action, Drain)) == ["r0", "r1"]


replicas = st.builds(
    Replica,
    name=st.uuids().map(str),
    ready=st.booleans(),
    born=st.sampled_from("abc"),
    in_flight=st.sampled_from([0.0, 1.0, 5.0]),
    drained_s=st.sampled_from([None, None, 0.0, 3.0, 500.0]),
)
fleets = st.tuples(st.lists(replicas, max_size=6), st.integers(0, 8), st.integers(0, 8))


class TestLaws:
    @given(fleets)
    def test_nobody_who_was_not_drained_is_let_go(self, fleet: tuple[list[Replica], int, int]) -> None:
        there, asked, want = fleet
        for action in act(pool(*there, asked=asked), replicas=want):
            if isinstance(action, Scale) and action.replicas < asked:
                done = sum(each.drained_s is not None for each in there)
                unborn = max(asked - len(there), 0)
                assert asked - action.replicas <= done + unborn

    @given(fleets)
    def test_it_never_overshoots(self, fleet: tuple[list[Replica], int, int]) -> None:
        there, asked, want = fleet
        for action in act(pool(*there, asked=asked), replicas=want):
            if isinstance(action, Scale):
                assert min(asked, want) <= action.replicas <= max(asked, want)

    @given(fleets)
    def test_the_same_is_answered_to_the_same_whatever_the_order(self, fleet: tuple[list[Replica], int, int]) -> None:
        there, asked, want = fleet
        assert act(pool(*there, asked=asked), replicas=want) == act(pool(*there, asked=asked), replicas=want)

    @given(fleets)
    def test_done_again_and_again_it_ends_where_it_was_asked_to(self, fleet: tuple[list[Replica], int, int]) -> None:
        there, asked, want = fleet
        state = {each.name: each for each in there[:asked]}
        for turn in range(60):
            actions = act(pool(*state.values(), asked=asked), replicas=want)
            if not actions and asked == want and len(state) == want:
                break
            for action in actions:
                if isinstance(action, Drain):
                    state[action.replica] = replace(state[action.replica], drained_s=0.0)
                elif isinstance(action, Resume):
                    state[action.replica] = replace(state[action.replica], drained_s=None)
                elif isinstance(action, Scale):
                    asked = action.replicas
            leaving = sorted(state.values(), key=lambda each: (each.drained_s is None, -(each.drained_s or 0.0)))
            for each in leaving[: max(len(state) - asked, 0)]:
                del state[each.name]
            for _ in range(asked - len(state)):
                name = f"new-{turn}-{len(state)}"
                state[name] = Replica(name=name, born=name)
            aged = {n: r for n, r in state.items() if r.drained_s is not None}
            state |= {n: replace(r, drained_s=(r.drained_s or 0.0) + 60.0) for n, r in aged.items()}
        assert asked == want
        assert len(state) == want


@pytest.mark.parametrize("count", [0, 1])
def test_an_unknown_pool_is_left_alone(count: int) -> None:
    assert reconcile({"p": pool(*named(count))}, {}) == []


def test_a_pool_is_as_large_as_is_wanted_within_its_bounds() -> None:
    sizes = [Wanted(replicas=count, least=1, most=4).size for count in (0, 3, 9)]
    assert sizes == [1, 3, 4]
    assert Wanted(least=1, most=4).size is None
