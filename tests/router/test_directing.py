"""What the pool service tells routers to do, taken in between two requests."""

import pytest

from policies.decision import Outcome
from policies.registry import UnknownName
from router.core import Core, Placement
from router.directing import direct, directed
from router.order import Order
from router.settings import Settings
from tests.router import fakes
from tests.router.caller import post
from tests.router.routers import Routers, core_of, described, load, update
from weir.v1 import fleet_pb2

OWN = Settings(policy="least_loaded", ttft_slo_s=3.0, rewrites=(("alias", (("m", 1),)),))
GOLD = fleet_pb2.SloClass(name="gold", ttft_s=0.3, priority=5)


def two(**settings: object) -> Core:
    ours = Settings(policy="least_loaded", tokens="estimate", **settings)  # type: ignore[arg-type]
    return core_of(ours, described("a", "h:1"), described("b", "h:2"))


def placed(core: Core, name: str = "r", slo: str = "") -> Placement:
    found = core.place(Order(name, "m", b"hello", slo=slo), 0.0)
    assert isinstance(found, Placement)
    return found


class Decided:
    """Notes the SLO classes of requests in the order in which they are decided."""

    def __init__(self) -> None:
        self.slos: list[str] = []

    def decision(self, core: Core, placement: Placement, block_tokens: float) -> None:
        self.slos.append(placement.order.slo)

    def outcome(self, placement: Placement, outcome: Outcome) -> None:
        pass


class TestLaidOver:
    def test_what_is_not_said_is_the_routers_own(self) -> None:
        assert directed(OWN, fleet_pb2.Directions()) == OWN

    def test_what_is_said_goes_before_it(self) -> None:
        told = fleet_pb2.Directions(policy="two_choices", ttft_s=1.5, classes=[GOLD], objectives=[
            fleet_pb2.Objective(name="low", priority=-1)])  # fmt: skip
        found = directed(OWN, told)
        assert (found.policy, found.policy_settings, found.ttft_slo_s) == ("two_choices", (), 1.5)
        assert found.slo_classes == (("gold", 0.3, 0.0, 5),)
        assert found.objectives == (("low", -1),)
        assert found.rewrites == OWN.rewrites

    def test_settings_without_a_policy_are_nobodys(self) -> None:
        own = Settings(policy="shortest_ttft", policy_settings=(("comfort", 0.5),))
        assert directed(own, fleet_pb2.Directions(settings={"x": 1.0})).policy_settings == (("comfort", 0.5),)


class TestCore:
    def test_another_policy_decides_the_next_request_and_load_is_kept(self) -> None:
        core = two()
        assert direct(core, fleet_pb2.Directions(policy="shortest_ttft", settings={"comfort": 0.5})) == ""
        first = placed(core)
        assert core.placer.name == "shortest_ttft"
        assert direct(core, fleet_pb2.Directions(policy="least_loaded")) == ""
        assert core.placer.name == "least_loaded"
        second = placed(core, "s")
        assert {first.replica.name, second.replica.name} == {"a", "b"}
        assert sum(load(core)) > 0.0

    def test_directions_that_say_nothing_give_its_own_policy_back(self) -> None:
        core = two()
        direct(core, fleet_pb2.Directions(policy="two_choices"))
        direct(core, fleet_pb2.Directions())
        assert core.placer.name == "least_loaded"

    def test_the_same_directions_again_leave_the_policy_as_it_is(self) -> None:
        core = two()
        before = core.placer
        direct(core, fleet_pb2.Directions(policy="least_loaded", ttft_s=0.5))
        assert core.placer is before
        assert core.settings.ttft_slo_s == 0.5

    def test_a_policy_that_this_router_does_not_know_changes_nothing_at_all(self) -> None:
        core = two()
        why = direct(core, fleet_pb2.Directions(policy="of_a_newer_release", ttft_s=0.5, classes=[GOLD]))
        assert "of_a_newer_release" in why
        assert core.placer.name == "least_loaded"
        assert core.settings.ttft_slo_s == 2.0
        assert core.promises.priority("gold") == 0
        with pytest.raises(UnknownName):
            core.direct(Settings(policy="of_a_newer_release"))

    def test_a_setting_that_this_router_does_not_know_changes_nothing_either(self) -> None:
        core = two()
        assert "nonsense" in direct(core, fleet_pb2.Directions(policy="shortest_ttft", settings={"nonsense": 1.0}))
        assert core.placer.name == "least_loaded"


class TestClasses:
    def test_a_class_has_its_own_deadlines_and_priority(self) -> None:
        core = two()
        direct(core, fleet_pb2.Directions(ttft_s=1.5, tpot_s=0.05, classes=[GOLD]))
        placed(core, "g", slo="gold")
        asked = core.used.asked()
        assert (asked.ttft_deadline_s, asked.tpot_deadline_s) == (0.3, 0.05)
        placed(core, "n", slo="nobody-described-this")
        assert core.used.asked().ttft_deadline_s == 1.5
        assert (
            core.promises.priority("gold"),
            core.promises.priority("nobody-described-this"),
            core.promises.priority(""),
        ) == (5, 0, 0)

    async def test_who_matters_more_is_served_first_of_those_that_wait(self, routers: Routers) -> None:
        order = Decided()
        classes = (("gold", 0.0, 0.0, 5), ("batch", 0.0, 0.0, -5))
        running = await routers.start(fakes.answer, recorder=order, slo_classes=classes)  # type: ignore[arg-type]
        running.told(update(described("r0", running.replicas[0].address), ready=False))
        callers = []
        for i, slo in enumerate(("batch", "none", "gold")):
            caller = running.caller()
            await caller.__aenter__()
            caller.send(post("/v1/chat/completions", f"X-Weir-Slo: {slo}", user=slo))
            callers.append(caller)
            await running.until(lambda wanted=i + 1: running.core.metrics.held == wanted)
        running.told(update(described("r0", running.replicas[0].address)))
        for caller in callers:
            assert (await caller.reply()).status == 200
            caller.writer.close()
        assert order.slos == ["gold", "none", "batch"]


def test_rewrites_and_objectives_of_a_running_router_are_others_from_the_next_request_on() -> None:
    core = two()
    told = fleet_pb2.Directions(
        rewrites=[fleet_pb2.Rewrite(model="alias", targets=[fleet_pb2.Target(model="m", weight=1)])],
        objectives=[fleet_pb2.Objective(name="low", priority=-3)],
    )
    assert core.rewriting.target("alias", "r") == "alias"
    assert direct(core, told) == ""
    assert core.rewriting.target("alias", "r") == "m"
    order = Order("r", "m", b"hello")
    core.promises.weigh(order, "low")
    assert (order.priority, order.sheddable) == (-3, True)
