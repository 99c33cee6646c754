"""InferenceModelRewrite and InferenceObjective at the built-in gateway: decided by the core, as at Envoy's picker."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.decision import Queue, Refusal, Shed
from router.apart.large import UNRULED
from router.core import Core, Placement
from router.gateway.server import MOST_AT_ONCE
from router.order import OBJECTIVE, Order, told
from router.promises import Promises
from router.settings import Settings
from tests.router import fakes
from tests.router.caller import chat, post
from tests.router.extproc.plane import Plane, body, endpoint, headers, set_headers
from tests.router.routers import Routers, core_of, described, load, update

ALIAS = (("alias", (("m", 1),)),)
OBJECTIVES = (("batch", -1), ("chat", 5))


def objective(name: str) -> str:
    return f"X-Gateway-Inference-Objective: {name}"


def asked(core: Core, name: str, slo: str = "", request_id: str = "r") -> Order:
    order = Order(request_id, "m", b"hello", slo=slo)
    core.promises.weigh(order, name)
    return order


def one(**settings: object) -> Core:
    ours = Settings(policy="least_loaded", tokens="estimate", objectives=OBJECTIVES, **settings)  # type: ignore[arg-type]
    return core_of(ours, described("a", "h:1"))


class TestRewrites:
    async def test_the_replica_reads_the_model_that_the_request_is_for(self, routers: Routers) -> None:
        running = await routers.start(fakes.answer, rewrites=ALIAS)
        async with running.caller() as caller:
            reply = await caller.ask(model="alias", temperature=0.25)
            assert reply.status == 200
        (seen,) = running.replicas[0].seen
        assert json.loads(seen.body) == json.loads(chat(model="m", temperature=0.25))
        assert seen.header("content-length") == str(len(seen.body))

    async def test_a_stream_of_another_name_is_one_of_its_models(self, routers: Routers) -> None:
        running = await routers.start(fakes.stream, rewrites=ALIAS)
        async with running.caller() as caller:
            assert (await caller.ask(model="alias", stream=True)).body.endswith(b"data: [DONE]\n\n")
        await running.idle()
        assert running.core.metrics.series("m", "p").output_tokens == 5

    async def test_a_model_without_a_rewrite_goes_on_to_the_byte(self, routers: Routers) -> None:
        running = await routers.start(fakes.answer, rewrites=ALIAS)
        async with running.caller() as caller:
            assert (await caller.ask(model="m")).status == 200
        assert running.replicas[0].seen[0].body == chat(model="m")

    async def test_all_that_nobody_else_names_goes_where_the_star_says(self, routers: Routers) -> None:
        running = await routers.start(fakes.answer, rewrites=(("*", (("m", 1),)),))
        async with running.caller() as caller:
            assert (await caller.ask(model="whatever")).status == 200

    async def test_a_rewrite_to_a_model_that_nobody_serves_is_refused_by_that_name(self, routers: Routers) -> None:
        running = await routers.start(fakes.answer, rewrites=(("alias", (("gone", 1),)),))
        async with running.caller() as caller:
            reply = await caller.ask(model="alias")
        assert (reply.status, reply.json["error"]["code"]) == (404, "unknown-model")
        assert "gone" in reply.json["error"]["message"]

    async def test_targets_are_drawn_by_weight_and_as_an_envoys_picker_draws_them(self, routers: Routers) -> None:
        rules = (("alias", (("m", 3), ("n", 1))),)
        running = await routers.start(fakes.answer, rewrites=rules)
        running.told(update(described("r1", running.replicas[0].address, model="n")))
        async with running.caller() as caller:
            for i in range(60):
                assert (await caller.ask("/v1/chat/completions", f"X-Request-Id: id-{i}", model="alias")).status == 200
        went = ["n" if b'"model":"n"' in seen.body else "m" for seen in running.replicas[0].seen]
        assert went == [running.core.rewriting.target("alias", f"id-{i}") for i in range(60)]
        assert 5 < Counter(went)["n"] < 27

    @pytest.mark.parametrize("size", [MOST_AT_ONCE, UNRULED])
    async def test_a_large_body_is_rewritten_and_weighed_as_a_small_one(self, routers: Routers, size: int) -> None:
        running = await routers.start(
            fakes.answer, facts={"context_limit": 1 << 25}, tokens="estimate", rewrites=ALIAS, objectives=OBJECTIVES,
            ttft_slo_s=1e-9,
        )  # fmt: skip
        said = [{"role": "user", "content": "word " * (size // 4)}]
        async with running.caller() as caller:
            caller.send(post(model="alias", messages=said))
            assert (await caller.reply(within=60.0)).status == 200  # a process is started for it
            caller.send(post("/v1/chat/completions", objective("batch"), model="alias", messages=said))
            shed = await caller.reply(within=60.0)
            assert (shed.status, shed.headers["x-weir-refused"]) == (429, "saturated")
        (seen,) = running.replicas[0].seen
        assert json.loads(seen.body)["model"] == "m"


class TestObjectives:
    @pytest.mark.parametrize("header", [name.decode() for name in OBJECTIVE])
    async def test_what_may_be_shed_is_refused_where_it_would_come_late(self, routers: Routers, header: str) -> None:
        running = await routers.start(fakes.answer, objectives=OBJECTIVES, ttft_slo_s=1e-9)
        async with running.caller() as caller:
            shed = await caller.ask("/v1/chat/completions", f"{header}: batch")
            assert (shed.status, shed.headers["x-weir-refused"]) == (429, "saturated")
            assert (await caller.ask("/v1/chat/completions", f"{header}: chat")).status == 200
        assert len(running.replicas[0].seen) == 1

    async def test_what_may_be_shed_does_not_wait_for_a_replica(self, routers: Routers) -> None:
        running = await routers.start(fakes.answer, objectives=OBJECTIVES)
        running.told(update(described("r0", running.replicas[0].address), ready=False))
        async with running.caller() as caller:
            shed = await caller.ask("/v1/chat/completions", objective("batch"))
            assert (shed.status, shed.headers["x-weir-refused"]) == (503, "no-replica")

    async def test_it_is_served_where_there_is_time(self, routers: Routers) -> None:
        running = await routers.start(fakes.answer, objectives=OBJECTIVES, ttft_slo_s=60.0)
        async with running.caller() as caller:
            assert (await caller.ask("/v1/chat/completions", objective("batch"))).status == 200

    def test_one_that_nobody_described_is_as_none(self) -> None:
        core = one()
        order = asked(core, "nobody")
        assert (order.priority, order.sheddable) == (0, False)

    def test_an_objective_goes_before_a_class_and_a_class_is_never_shed(self) -> None:
        core = one(slo_classes=(("gold", 0.0, 0.0, 7), ("late", 0.0, 0.0, -7)), ttft_slo_s=1e-9)
        assert asked(core, "chat", "gold").priority == 5
        assert asked(core, "", "gold").priority == 7
        late = asked(core, "", "late")
        assert (late.priority, late.sheddable) == (-7, False)
        assert isinstance(core.place(late, 0.0), Placement)

    def test_late_is_later_than_its_own_class_is_promised(self) -> None:
        core = one(slo_classes=(("patient", 60.0, 0.0, 0),), ttft_slo_s=1e-9)
        assert core.place(asked(core, "batch"), 0.0) == Shed(Refusal.SATURATED)
        assert isinstance(core.place(asked(core, "batch", "patient"), 0.0), Placement)

    def test_a_request_that_is_shed_leaves_no_load_behind(self) -> None:
        core = one(ttft_slo_s=1e-9)
        before = load(core)
        core.place(asked(core, "batch"), 0.0)
        assert load(core) == before
        core.view.set_ready(0, False)
        assert core.place(asked(core, "batch"), 0.0) == Shed(Refusal.NO_REPLICA)
        assert isinstance(core.place(asked(core, "chat"), 0.0), Queue)


@given(st.dictionaries(st.sampled_from([*OBJECTIVE, b"x-other"]), st.sampled_from([b"", b"a", b"b", b"\xff"])))
def test_the_first_header_that_says_something_counts(said: dict[bytes, bytes]) -> None:
    heard = [said[name] for name in OBJECTIVE if said.get(name)]
    assert told(said, OBJECTIVE) == (heard[0].decode() if heard and heard[0].isascii() else "")


@given(st.integers(-9, 9), st.integers(-9, 9))
def test_only_an_objective_below_nought_may_be_shed(by_objective: int, by_class: int) -> None:
    told_of = Settings(objectives=(("o", by_objective),), slo_classes=(("c", 0.0, 0.0, by_class),))
    promises = Promises(told_of)
    order = Order("r", "m", b"", slo="c")
    promises.weigh(order, "o")
    assert (order.priority, order.sheddable) == (by_objective, by_objective < 0)
    other = Order("r", "m", b"", slo="c")
    promises.weigh(other, "")
    assert (other.priority, other.sheddable) == (by_class, False)


def test_a_picker_and_a_gateway_refuse_the_same_request_in_the_same_words() -> None:
    made = endpoint(objectives=OBJECTIVES, ttft_slo_s=1e-9)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(x_gateway_inference_objective="batch"), body())
    (answer,) = plane.heard(call)
    assert set_headers(answer.immediate_response.headers)["x-weir-refused"] == Refusal.SATURATED.value
    assert made.core.place(asked(made.core, "batch"), 0.0) == Shed(Refusal.SATURATED)
