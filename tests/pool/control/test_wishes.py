"""What a scaling policy wants of a fleet in Kubernetes: replicas, and switches of role."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from policies.registry import BadSetting, UnknownName
from policies.scale.scaling import Boundary, History, Move, PoolState, Wish
from policies.scale.slo_model import SloModel
from pool.control.wishes import KEPT_S, WARM_S, Wishes, asked, promised, states
from pool.reconcile import Switch, Wanted
from pool.roster import Roster
from pool.routed import Routed
from pool.scrape import Reading
from tests.pool.fakes import described, roster
from weir.fleetfile import Pool
from weir.resources import PoolSpec
from weir.v1 import fleet_pb2

CHAT = Pool(name="chat", gpu="h100-sxm", model="llama-3.1-8b", addresses=["a:1"])


@dataclass
class Said:
    """A policy that wishes what it is told, and keeps what it saw."""

    replicas: Mapping[str, int] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    interval_s: float = 5.0
    seen: list[Mapping[str, PoolState]] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        self.seen.append(history[-1])
        return Wish(replicas=self.replicas, moves=self.moves, boundaries=self.boundaries)


class World:
    """Some replicas of a pool, a policy, and a clock."""

    def __init__(self, said: Said, *roles: str) -> None:
        self.said, self.now = said, 0.0
        self.roster: Roster = roster()
        for n, role in enumerate(roles):
            told = described(f"r{n}", pool="chat", model="llama-3.1-8b", gpu="h100-sxm", profile="llama-3.1-8b")
            told.role = role
            entry = self.roster.enter(told)
            self.roster.answered(entry)
        self.wishes = Wishes(policy="slo_model", clock=lambda: self.now)
        self.wishes._policy = said

    def wanted(self, after_s: float = 0.0, replicas: int | None = None) -> Wanted:
        self.now += after_s
        self.wishes.look(self.roster, {"chat": CHAT}, {"chat": 8})
        return self.wishes.wanted({"chat": Wanted(least=1, most=8, replicas=replicas)})["chat"]

    def turn(self, name: str, role: str) -> None:
        entry = self.roster.get(name)
        assert entry is not None
        self.roster.turn(entry, role)


class TestReplicas:
    def test_what_a_policy_wants_goes_before_what_the_resource_asks_within_its_bounds(self) -> None:
        world = World(Said(replicas={"chat": 5}), "mixed", "mixed")
        found = world.wanted(replicas=2)
        assert (found.replicas, found.least, found.most) == (5, 1, 8)
        assert found.why == "slo_model wants 5"

    def test_a_policy_is_asked_when_it_is_time_to(self) -> None:
        world = World(Said(replicas={"chat": 5}), "mixed")
        for _ in range(3):
            world.wanted(after_s=2.0)
        assert len(world.said.seen) == 1
        world.wanted(after_s=2.0)
        assert len(world.said.seen) == 2

    def test_a_pool_service_that_has_just_begun_ends_nobody(self) -> None:
        world = World(Said(replicas={"chat": 1}), "mixed", "mixed", "mixed")
        assert world.wanted().replicas == 3
        assert world.wanted(after_s=WARM_S - 1.0).replicas == 3
        assert world.wanted(after_s=5.0).replicas == 1

    def test_a_rule_that_only_trades_roles_lets_a_pool_be_as_large_as_it_is(self) -> None:
        world = World(Said(), "mixed", "mixed")
        world.wishes = Wishes(policy="roles", clock=lambda: world.now)
        assert [world.wanted(after_s=5.0).replicas for _ in range(3)] == [None, None, None]

    def test_what_nobody_wants_anything_of_stays_as_it_is_asked(self) -> None:
        assert World(Said(), "mixed").wanted(replicas=4).replicas == 4
        assert asked(None).replicas is None

    def test_a_pool_scaled_to_zero_in_so_many_words_may_be_there(self) -> None:
        spec = PoolSpec.model_validate({"name": "chat", "gpu": "h100-sxm", "model": "llama-3.1-8b", "replicas": 0,
                                        "discover": {"pods": "app=vllm"}})  # fmt: skip
        assert (asked(spec).replicas, asked(spec).least) == (0, 0)


class TestMoves:
    def move(self, *, drains: bool = True) -> Move:
        return Move(source="chat", target="prefill", replicas=1, drains=drains)

    def test_a_move_is_a_switch_of_role_within_the_pool_until_it_is_done(self) -> None:
        world = World(Said(moves=(self.move(),)), "mixed", "mixed", "mixed")
        assert world.wanted().switches == (Switch(role="prefill", replicas=1, source="mixed"),)
        world.said.moves = ()
        assert world.wanted(after_s=60.0).switches == (Switch(role="prefill", replicas=1, source="mixed"),)
        world.turn("r1", "prefill")
        assert world.wanted(after_s=1.0).switches == ()

    def test_roles_of_one_pool_are_seen_apart_and_moved_back_by_their_names(self) -> None:
        world = World(Said(), "mixed", "mixed", "prefill")
        world.wanted()
        assert {key: (one.role, one.ready) for key, one in world.said.seen[-1].items()} == {
            "chat": ("mixed", 2), "chat/prefill": ("prefill", 1),
        }  # fmt: skip
        world.said.moves = (Move(source="chat/prefill", target="chat", drains=False),)
        assert world.wanted(after_s=5.0).switches == (
            Switch(role="mixed", replicas=3, source="prefill", drains=False),
        )  # fmt: skip

    def test_the_way_back_calls_off_the_way_there(self) -> None:
        world = World(Said(moves=(self.move(),)), "mixed", "mixed", "prefill")
        assert [one.role for one in world.wanted().switches] == ["prefill"]
        world.said.moves = (Move(source="chat/prefill", target="chat"),)
        assert [one.role for one in world.wanted(after_s=5.0).switches] == ["mixed"]

    def test_a_move_that_nobody_can_make_is_given_up(self) -> None:
        world = World(Said(moves=(Move(source="chat", target="prefill", replicas=3),)), "mixed", "mixed", "mixed")
        assert world.wanted().switches
        world.said.moves = ()
        world.roster.leave("r2")
        assert not world.wanted(after_s=1.0).switches
        world = World(Said(moves=(self.move(),)), "mixed")
        assert world.wanted().switches
        world.said.moves = ()
        assert not world.wanted(after_s=KEPT_S).switches

    def test_replicas_of_roles_apart_count_together_for_their_pool(self) -> None:
        world = World(Said(replicas={"chat": 2, "chat/prefill": 3}), "mixed", "prefill")
        assert world.wanted().replicas == 5


class TestSeen:
    def test_a_policy_sees_demand_and_the_latency_model(self) -> None:
        world = World(Said(), "mixed")
        world.wanted()
        entry = world.roster.get("r0")
        assert entry is not None
        first = Reading(running=2, waiting=1, ended=100.0, prompt_tokens=5000.0, output_tokens=700.0, started=1.0)
        world.roster.read(entry, first, 0.0)
        world.wanted(after_s=5.0)
        second = Reading(running=3, waiting=0, ended=110.0, prompt_tokens=9000.0, output_tokens=900.0, started=1.0)
        world.roster.read(entry, second, 5.0)
        world.wanted(after_s=5.0)
        state = world.said.seen[-1]["chat"]
        assert (state.arrived, state.ended) == (10, 10)
        assert (state.prompt_tokens, state.output_tokens) == (4000.0, 200.0)
        assert state.perf is not None
        assert state.most == 8

    def test_a_pool_without_replicas_is_seen_and_can_be_predicted(self) -> None:
        state = states({"chat": CHAT}, [], {}, {}, 0.0)["chat"]
        assert (state.ready, state.starting) == (0, 0)
        assert state.perf is not None

    def test_a_policy_keeps_the_fleets_deadlines_where_it_knows_any(self) -> None:
        assert promised("slo_model", (0.7, 0.0)).ttft_s == 0.7  # type: ignore[attr-defined]
        assert promised("slo_model", (0.0, 0.0)).ttft_s == 2.0  # type: ignore[attr-defined]
        assert promised("hpa_queue", (0.7, 0.05)).interval_s > 0.0
        with pytest.raises(UnknownName):
            promised("no_such_policy", (0.0, 0.0))


EMPTY_ABLE: dict[str, float] = {"least": 0, "idle_s": 60.0, "down_s": 30.0, "interval_s": 60.0}


class Zero:
    """A pool that may be empty under the rule that foresees, one router, and a clock."""

    def __init__(self, *names: str) -> None:
        self.now, self.age_s, self.arrived = 1000.0, 1.0, 0
        self.roster, self.routed = roster(), Routed(clock=lambda: self.now)
        self.wishes = Wishes(
            policy="slo_model", settings=EMPTY_ABLE, routed=self.routed, clock=lambda: self.now
        )  # fmt: skip
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        facts = {"model": "llama-3.1-8b", "gpu": "h100-sxm", "profile": "llama-3.1-8b", "role": "mixed"}
        told = described(name, pool="chat", **facts)
        self.roster.answered(self.roster.enter(told))

    def pass_by(self, seconds: float, held: int = 0, sent: int = 0, late: int = 0) -> int | None:
        """Let time go by while so many wait and come; what is wanted then."""
        for _ in range(int(seconds)):
            self.now, self.age_s, self.arrived = self.now + 1.0, self.age_s + 1.0, self.arrived + sent
            pools = [
                fleet_pb2.PoolDemand(
                    pool="chat", role="mixed", arrived=self.arrived, ended=self.arrived, judged=self.arrived,
                    late=late, prompt_tokens=900 * self.arrived, output_tokens=100 * self.arrived,
                )
            ]  # fmt: skip
            told = fleet_pb2.Demand(router="a", age_s=self.age_s, pools=pools, held={"llama-3.1-8b": held})
            self.routed.hear(told)
            self.wishes.look(self.roster, {"chat": CHAT}, {"chat": 8})
        return self.wishes.wanted({"chat": Wanted(least=0, most=8)})["chat"].replicas

    @property
    def state(self) -> PoolState:
        (group,) = self.wishes._groups.values()
        return group.history[-1]["chat"]


class TestZero:
    def test_a_pool_that_nobody_asks_is_emptied_and_comes_back_for_whoever_waits(self) -> None:
        world = Zero("r0")
        assert world.pass_by(30) == 1
        assert world.pass_by(300) == 0
        world.roster.leave("r0")
        assert world.pass_by(100) == 0
        assert world.pass_by(2, held=1) == 1, "it does not wait for the next decision"
        world.start("r1")
        assert world.pass_by(70, sent=1) == 1
        assert world.state.arrived > 0

    def test_nobody_comes_back_once_nobody_waits(self) -> None:
        world = Zero()
        assert world.pass_by(90, held=2) == 1
        assert world.pass_by(130) == 0

    def test_a_router_that_is_silent_holds_nobody(self) -> None:
        world = Zero()
        world.pass_by(62, held=2)
        world.now += 61.0
        world.wishes.look(world.roster, {"chat": CHAT}, {"chat": 8})
        assert world.state.held == 0.0

    def test_a_pool_that_has_somebody_is_only_asked_when_it_is_time(self) -> None:
        world = Zero("r0")
        world.pass_by(5, held=50)
        (group,) = world.wishes._groups.values()
        assert len(group.history) == 1

    def test_what_the_decision_before_asked_for_is_told_to_the_next(self) -> None:
        world = Zero("r0")
        world.pass_by(1)
        assert world.state.wanted == -1
        world.pass_by(60, held=3)
        assert world.state.wanted == 1

    def test_lateness_is_learned_where_routers_tell_of_it(self) -> None:
        world = Zero("r0")
        policy = world.wishes._policy
        assert isinstance(policy, SloModel)
        world.pass_by(130, sent=5)
        (group,) = world.wishes._groups.values()
        assert world.state.judged == world.state.ended > 0
        assert policy._spare(list(group.history), world.now) == policy.spare
        blind = [{"chat": replace(states["chat"], judged=0)} for states in group.history]
        assert policy._spare(blind, world.now) == policy.untold

    def test_of_two_pool_services_that_hear_the_same_both_want_the_same(self) -> None:
        leader, follower = Zero("r0"), Zero("r0")
        for sent, held in ((5, 0), (20, 3), (0, 0)):
            wants = [world.pass_by(90, held=held, sent=sent, late=sent) for world in (leader, follower)]
            assert wants[0] == wants[1]
            assert leader.state == follower.state


class TestSettings:
    def test_what_is_set_by_hand_goes_before_what_is_promised(self) -> None:
        policy = promised("slo_model", (0.7, 0.05), 0, {"ttft_s": 0.5, "gpus": 8.0})
        assert isinstance(policy, SloModel)
        assert (policy.ttft_s, policy.tpot_s, policy.least, policy.gpus) == (0.5, 0.05, 0, 8)

    def test_a_setting_that_it_does_not_have_is_named(self) -> None:
        with pytest.raises(BadSetting, match="no setting 'leest'"):
            promised("slo_model", (0.0, 0.0), 1, {"leest": 0})

    def test_a_pool_of_the_file_is_emptied_only_where_that_is_set(self) -> None:
        assert (asked(None).least, asked(None, 0).least) == (1, 0)
