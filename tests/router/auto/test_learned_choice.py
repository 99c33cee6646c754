"""A learner behind "auto": it chooses among what a rule admits, is billed and judged; its records can be evaluated."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cli.evaluate import judge
from cli.selections import selections
from policies.decision import Outcome
from policies.select.exploring import Explorer
from policies.signals.reading import Reading
from router.auto import offers
from router.auto.choosing import Chooser, key
from router.auto.serving import connect
from router.order import Order
from router.record import Recorder
from tests.router import fakes
from tests.router.auto.ruled import FakeClassifier, ruled, ruler
from tests.router.caller import Caller, post
from tests.router.routers import Routers, Running, described, update

BOTH = "fallback: {models: [small, large]}\n"
PRICES = {"small": {"input_usd": 0.1, "output_usd": 0.4}, "large": {"input_usd": 1.0, "output_usd": 4.0}}
EVEN: dict[str, Any] = {"policy": "epsilon_greedy", "settings": {"epsilon": 1.0}, "prices": PRICES}
GREEDY: dict[str, Any] = {"policy": "epsilon_greedy", "settings": {"epsilon": 0.0}, "prices": PRICES}


async def learning(
    routers: Routers, learn: dict[str, Any], text: str = BOTH, classifier: FakeClassifier | None = None,
    recorder: Recorder | None = None, trick: fakes.Trick = fakes.answer,
) -> tuple[Running, list[bytes]]:  # fmt: skip
    """A gateway over `small` and `large` that learns so, and what it tells other workers."""
    running, told = await ruled(routers, text, classifier, recorder, trick), list[bytes]()
    connect(ruler(running), told.append, recorder)
    ruler(running).learn(learn)
    return running, told


def chooser(running: Running) -> Chooser:
    found = ruler(running).chooser
    assert found is not None
    return found


async def rate(caller: Caller, decision: str, rating: float, **more: Any) -> int:
    told = {"decision": decision, "rating": rating, **more}
    return (await caller.ask("/v1/feedback", body=json.dumps(told).encode())).status


async def test_every_model_that_a_rule_admits_is_tried(routers: Routers) -> None:
    running, _ = await learning(routers, EVEN)
    async with running.caller() as caller:
        models = {(await caller.ask(model="auto")).headers["x-weir-model"] for _ in range(30)}
    assert models == {"small", "large"}
    assert set(running.core.metrics.snapshot().learning.choices) == models


async def test_a_rule_that_admits_one_model_leaves_the_learner_no_choice(routers: Routers) -> None:
    running, _ = await learning(routers, EVEN, "fallback: {models: [large]}\n")
    async with running.caller() as caller:
        models = {(await caller.ask(model="auto")).headers["x-weir-model"] for _ in range(8)}
    assert models == {"large"}


async def test_bad_verdicts_move_requests_to_the_other_model(routers: Routers) -> None:
    running, _ = await learning(routers, GREEDY | {"objective": {"worth_usd": 1.0}})
    async with running.caller() as caller:
        for _ in range(40):
            reply = await caller.ask(model="auto")
            await rate(caller, reply.headers["x-weir-decision"], float(reply.headers["x-weir-model"] == "large"))
            ruler(running).tick()
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "large"
    counts = running.core.metrics.snapshot().learning
    assert counts.verdicts == {"client": 40}
    assert counts.quality["large"] == counts.judged["large"]
    assert counts.quality["small"] == 0.0


async def test_the_bill_is_what_the_reply_tells_of_tokens_at_the_models_price(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running, _ = await learning(routers, GREEDY, recorder=recorder)
    async with running.caller() as caller:
        reply = await caller.ask(model="auto")
        await rate(caller, reply.headers["x-weir-decision"], 1.0)
    ruler(running).tick()
    recorder.close()
    record = json.loads((tmp_path / "decisions.jsonl").read_text().splitlines()[0])
    price = PRICES[reply.headers["x-weir-model"]]
    usage = fakes.USAGE
    expected = (price["input_usd"] * 40 + price["output_usd"] * 5) / 1e6
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (40, 5)
    assert record["choice"]["billed_usd"] == pytest.approx(expected)
    assert sum(running.core.metrics.snapshot().learning.usd.values()) == pytest.approx(expected)


async def test_without_a_list_price_the_replicas_time_is_billed(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running, _ = await learning(routers, {"policy": "thompson"}, recorder=recorder)
    async with running.caller() as caller:
        await caller.ask(model="auto")
    recorder.close()
    choice = json.loads((tmp_path / "decisions.jsonl").read_text())["choice"]
    assert 0.0 < choice["billed_usd"] < 1e-3
    assert all(option["usd"] > 0.0 and option["ttft_s"] > 0.0 for option in choice["options"])


async def test_a_queue_at_a_model_sends_requests_to_the_other(routers: Routers) -> None:
    running, _ = await learning(routers, GREEDY | {"objective": {"worth_usd": 0.01, "late_usd": 0.01}})
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "small"
        row = running.core.fleet.rows["r0"]
        running.core.fleet.columns.queued_tokens[row] += 5_000_000.0
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "large"
        running.core.fleet.columns.queued_tokens[row] -= 5_000_000.0


async def test_options_know_what_is_cached_of_the_prompt(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running, _ = await learning(routers, GREEDY, recorder=recorder)
    said = [{"role": "user", "content": "the same long words " * 200}]
    async with running.caller() as caller:
        for _ in range(2):
            await caller.ask(model="auto", messages=said)
    recorder.close()
    first, second = [json.loads(line)["choice"] for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert max(option["cached_tokens"] for option in first["options"]) == 0.0
    assert second["options"][second["chosen"]]["cached_tokens"] > 500.0


async def test_a_model_without_a_ready_replica_is_no_option(routers: Routers) -> None:
    running, _ = await learning(routers, EVEN)
    running.core.view.set_ready(running.core.fleet.rows["r0"], False)
    async with running.caller() as caller:
        assert {(await caller.ask(model="auto")).headers["x-weir-model"] for _ in range(8)} == {"large"}


async def test_what_the_learner_sees_is_readings_and_the_embedding(routers: Routers, tmp_path: Path) -> None:
    vector = Reading(1.0, scores={"0": 0.5, "1": -0.25})
    classifier = FakeClassifier({"difficulty": Reading(0.9), "embedding:2": vector})
    recorder = Recorder(tmp_path / "decisions.jsonl")
    learn = EVEN | {"context": ["difficulty", "turns"], "embedding": 2}
    running, _ = await learning(routers, learn, classifier=classifier, recorder=recorder)
    async with running.caller() as caller:
        await caller.ask(model="auto")
    recorder.close()
    assert classifier.asked[0][0] == {"difficulty", "embedding:2"}
    choice = json.loads((tmp_path / "decisions.jsonl").read_text())["choice"]
    assert choice["features"] == pytest.approx([0.9, 0.0693, 0.5, -0.25], abs=1e-4)
    assert choice["readings"]["difficulty"]["value"] == 0.9
    assert not any(name.startswith("embedding") for name in choice["readings"])


async def test_a_late_classifier_leaves_the_features_at_nothing_and_says_so(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    learn = EVEN | {"context": ["difficulty"], "embedding": 2}
    running, _ = await learning(routers, learn, classifier=FakeClassifier({}, "late"), recorder=recorder)
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).status == 200
    recorder.close()
    choice = json.loads((tmp_path / "decisions.jsonl").read_text())["choice"]
    assert (choice["features"], choice["unread"]) == ([0.0, 0.0, 0.0], "late")
    assert running.core.metrics.snapshot().unread == {"late": 1}


async def test_a_trained_head_decides_before_anybody_has_judged(routers: Routers) -> None:
    told = {"quality": Reading(0.9, "big", {"big": 0.9, "little": 0.2})}
    learn = {"policy": "best_value", "judged_as": {"small": "little", "large": "big"}, "prices": PRICES}
    running, _ = await learning(routers, learn, classifier=FakeClassifier(told))
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "large"


async def test_without_the_heads_reading_best_value_takes_the_rules_first(routers: Routers) -> None:
    running, _ = await learning(routers, {"policy": "best_value"}, "fallback: {models: [large, small]}\n")
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "large"


async def test_a_bandit_starts_from_what_the_head_expects(routers: Routers) -> None:
    told = {"quality": Reading(0.9, "large", {"large": 0.9, "small": 0.2})}
    running, _ = await learning(routers, GREEDY | {"quality": True}, classifier=FakeClassifier(told))
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).headers["x-weir-model"] == "large"


async def test_exploring_stops_when_the_purse_is_empty(routers: Routers) -> None:
    running, _ = await learning(routers, EVEN | {"budget": {"start_usd": 0.0}})
    async with running.caller() as caller:
        models = {(await caller.ask(model="auto")).headers["x-weir-model"] for _ in range(12)}
    ruler(running).tick()
    counts = running.core.metrics.snapshot().learning
    assert models == {"small"}
    assert (counts.explored_usd, counts.budget_usd) == (0.0, 0.0)


async def test_a_request_that_nobody_can_answer_is_a_verdict_of_failure(routers: Routers) -> None:
    running, _ = await learning(routers, {"policy": "failure_memory"}, trick=fakes.fail_500)
    async with running.caller() as caller:
        assert (await caller.ask(model="auto")).status >= 500
    ruler(running).tick()
    counts = running.core.metrics.snapshot().learning
    assert counts.verdicts == {"failure": 1}
    memory: Any = chooser(running).learning.learner
    assert memory.rate("small", "", "provider") > 0.0


async def test_failures_count_for_nothing_where_the_settings_say_so(routers: Routers) -> None:
    running, _ = await learning(routers, EVEN | {"verdicts": {"failures": False}}, trick=fakes.fail_500)
    async with running.caller() as caller:
        await caller.ask(model="auto")
    ruler(running).tick()
    assert running.core.metrics.snapshot().learning.verdicts == {}


TALK = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "no!"}]


async def test_the_next_turns_tone_is_a_weak_verdict_once_nobody_has_said_better(routers: Routers) -> None:
    classifier = FakeClassifier({"feedback": Reading(0.9, "wrong")})
    learn = GREEDY | {"verdicts": {"next_turn": 0.25, "patience_s": 60.0}}
    running, told = await learning(routers, learn, classifier=classifier)
    auto = ruler(running)
    async with running.caller() as caller:
        first = (await caller.ask("/v1/chat/completions", "x-weir-session: s", model="auto")).headers
        assert classifier.asked == []
        await caller.ask("/v1/chat/completions", "x-weir-session: s", model="auto", messages=TALK)
    assert classifier.asked[0] == (frozenset({"feedback"}), "no!", "a")
    auto.tick()
    assert told
    learner = chooser(running).learning.learner
    assert isinstance(learner, Explorer)
    assert learner.beliefs.names == ()
    auto.clock.now += 61.0  # type: ignore[attr-defined]
    auto.tick()
    auto.tick()
    learned = chooser(running).learning.learner
    assert isinstance(learned, Explorer)
    assert learned.beliefs.names == (f"{first['x-weir-model']}@p",)
    assert learned.beliefs.xx[0, 0, 0] == pytest.approx(0.25)
    assert running.core.metrics.snapshot().learning.verdicts == {"tone": 1}


async def test_what_a_client_says_supersedes_the_tone(routers: Routers) -> None:
    classifier = FakeClassifier({"feedback": Reading(0.9, "wrong")})
    learn = GREEDY | {"verdicts": {"next_turn": 0.25}}
    running, _ = await learning(routers, learn, classifier=classifier)
    async with running.caller() as caller:
        first = (await caller.ask("/v1/chat/completions", "x-weir-session: s", model="auto")).headers
        await caller.ask("/v1/chat/completions", "x-weir-session: s", model="auto", messages=TALK)
        assert await rate(caller, first["x-weir-decision"], 1.0) == 202
    ruler(running).tick()
    ruler(running).clock.now += 3600.0  # type: ignore[attr-defined]
    ruler(running).tick()
    counts = running.core.metrics.snapshot().learning
    assert (counts.judged, sum(counts.quality.values())) == ({first["x-weir-model"]: 1}, 1.0)


async def test_a_switch_inside_a_session_is_priced(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running, _ = await learning(routers, EVEN | {"objective": {"handoff_usd": 100.0}}, recorder=recorder)
    async with running.caller() as caller:
        for _ in range(2):
            await caller.ask("/v1/chat/completions", "x-weir-session: s", model="auto")
    recorder.close()
    first, second = [json.loads(line)["choice"] for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert first["last_model"] == ""
    assert second["last_model"] == first["model"]


async def test_two_answers_that_were_compared_move_both_ratings(routers: Routers) -> None:
    running, _ = await learning(routers, {"policy": "elo", "prices": PRICES})
    auto = ruler(running)
    pair = [auto.ledger.decision("", model=model) for model in ("large", "small")]
    async with running.caller() as caller:
        assert await rate(caller, pair[0], 1.0, against=pair[1]) == 202
        assert await rate(caller, pair[1], 0.0, against=pair[0]) == 409
        assert await rate(caller, pair[0], 1.0, against="d1-0-1-0-0-beef") == 404
    auto.tick()
    ratings: Any = chooser(running).learning.learner
    assert ratings.ratings["large"] > 0.0 > ratings.ratings["small"]


async def test_a_pool_that_fails_gives_way_to_the_rules_others(routers: Routers) -> None:
    running, _ = await learning(routers, GREEDY)
    replica = running.replicas[1]
    running.told(update(described("r2", replica.address, model="small", pool="z", context_limit=1 << 25)))
    await running.replicas[0].stop()
    async with running.caller() as caller:
        for _ in range(4):
            reply = await caller.ask(model="auto")
            assert (reply.status, reply.headers["x-weir-model"]) == (200, "small")


async def test_records_of_a_live_router_can_be_evaluated(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running, _ = await learning(routers, EVEN | {"context": ["turns"]}, recorder=recorder)
    async with running.caller() as caller:
        for at in range(160):
            reply = await caller.ask(model="auto")
            good = reply.headers["x-weir-model"] == "large" and at % 5 > 0
            assert await rate(caller, reply.headers["x-weir-decision"], float(good)) == 202
            ruler(running).tick()
    recorder.close()
    found = selections(tmp_path / "decisions.jsonl")
    assert len(found) == 160
    assert {round(one.propensity, 3) for one in found} == {0.5}
    for policy, truth in (("always:large", 0.8), ("always:small", 0.0), ("thompson", 0.8), ("ucb", 0.8)):
        result = judge(found, policy, value_usd=0.01, learn=0.5, clip=50.0)["estimates"]["doubly_robust"]
        assert result["low"] - 0.0015 <= 0.01 * truth <= result["high"] + 0.0015, policy


async def test_a_request_that_leaves_while_it_is_served_owes_no_verdict(routers: Routers) -> None:
    running, _ = await learning(routers, EVEN, trick=fakes.slow)
    async with running.caller() as caller:
        caller.send(post(model="auto"))
        await running.until(lambda: running.core.metrics.in_flight)
        caller.vanish()
        await running.until(lambda: not running.gateway.clients)
    ruler(running).tick()
    await asyncio.sleep(0)
    assert running.core.metrics.snapshot().learning.verdicts == {}


def test_a_decision_is_waited_for_by_what_it_was_called_first() -> None:
    assert key("d6a-0-1-0badcafe-00000000-0123456789abcdef") == "d6a-0-1"


async def test_a_rule_that_cascades_asks_its_models_in_its_own_order(routers: Routers) -> None:
    running, _ = await learning(routers, EVEN, "fallback: {models: [small, large], cascade: {threshold: 0.0}}\n")
    async with running.caller() as caller:
        for _ in range(6):
            assert (await caller.ask(model="auto")).headers["x-weir-model"] == "small"
    assert running.core.metrics.snapshot().learning.choices == {}


async def test_a_large_body_is_not_read_again_for_each_model(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    running, _ = await learning(routers, EVEN)
    read: list[str] = []

    def rewritten(body: bytes, model: str, effects: object) -> bytes:
        read.append(model)
        return body

    monkeypatch.setattr(offers, "rewritten", rewritten)
    async with running.caller() as caller:
        await caller.ask(model="auto")
        assert read == ["small", "large"]
        await caller.ask(model="auto", messages=[{"role": "user", "content": "word " * 40_000}])
    assert read == ["small", "large"]


async def test_a_choice_that_was_sent_elsewhere_afterwards_is_void(routers: Routers) -> None:
    running, _ = await learning(routers, GREEDY)
    async with running.caller() as caller:
        decision = (await caller.ask(model="auto")).headers["x-weir-decision"]
        order = Order("r", "third", b"")
        order.choice = {"decision": decision, "model": "third"}
        ruler(running).gave_up(order, "no-replica")
        ruler(running).came_of(order, Outcome(True, 0.1, 0.01, 0.2, 10, 5, -1, 0.0, 200, 0), True)
        assert await rate(caller, decision, 1.0) == 202
    ruler(running).tick()
    assert running.core.metrics.snapshot().learning.verdicts == {}
