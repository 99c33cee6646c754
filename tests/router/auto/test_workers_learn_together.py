"""Several workers behind one port: whoever takes a verdict, the one that chose learns from it and tells the others."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.select.exploring import Explorer
from router.auto.auto import Auto
from router.auto.evidence import Evidence
from router.auto.feedback import Ledger
from router.auto.serving import connect
from router.frames import LESSONS
from tests.router.auto.ruled import KEY, ruled, ruler
from tests.router.routers import Routers, Running

BOTH = "fallback: {models: [small, large]}\n"
LEARN: dict[str, Any] = {"policy": "epsilon_greedy", "settings": {"epsilon": 1.0}, "budget": {"start_usd": 8.0}}


class Workers:
    """Two gateways, and the front process between them as far as they hear of it."""

    def __init__(self, running: list[Running], evidence: Evidence, learn: dict[str, Any]) -> None:
        self.running, self.evidence = running, evidence
        for at, one in enumerate(running):
            auto = ruler(one)
            auto.ledger = Ledger(KEY, auto.clock, at)
            connect(auto, lambda message, at=at: self.pass_on(at, message), None)  # type: ignore[misc]
            auto.learn(learn, len(running))

    def pass_on(self, sender: int, message: bytes) -> None:
        for at, one in enumerate(self.running):
            if at != sender:
                ruler(one).hear(message)
        for more in self.evidence.heard(message[1:], 0.0) if message[:1] == LESSONS else ():
            for one in self.running:
                ruler(one).hear(more)

    def tick(self) -> None:
        for _ in range(2):
            for one in self.running:
                ruler(one).tick()

    def beliefs(self, at: int) -> tuple[str, ...]:
        learner = learner_of(ruler(self.running[at]))
        return learner.beliefs.names


def learner_of(auto: Auto) -> Explorer:
    assert auto.chooser is not None
    found = auto.chooser.learning.learner
    assert isinstance(found, Explorer)
    return found


@pytest.fixture
async def workers(routers: Routers, tmp_path: Path) -> Workers:
    running = [await ruled(routers, BOTH) for _ in range(2)]
    return Workers(running, Evidence(LEARN, tmp_path, 0.0, lambda said: None), LEARN)


async def decided(running: Running, *lines: str) -> tuple[str, str]:
    async with running.caller() as caller:
        reply = await caller.ask("/v1/chat/completions", *lines, model="auto")
    return reply.headers["x-weir-decision"], reply.headers["x-weir-model"]


async def rated(running: Running, decision: str, rating: float) -> int:
    async with running.caller() as caller:
        body = json.dumps({"decision": decision, "rating": rating}).encode()
        return (await caller.ask("/v1/feedback", body=body)).status


async def test_a_verdict_taken_elsewhere_is_learned_by_both(workers: Workers) -> None:
    decision, model = await decided(workers.running[0])
    assert await rated(workers.running[1], decision, 1.0) == 202
    assert await rated(workers.running[0], decision, 1.0) == 409
    workers.tick()
    assert workers.beliefs(0) == workers.beliefs(1) == (f"{model}@{'p' if model == 'small' else 'q'}",)


async def test_both_come_to_believe_the_same(workers: Workers) -> None:
    for at in range(24):
        decision, model = await decided(workers.running[at % 2])
        assert await rated(workers.running[at // 2 % 2], decision, float(model == "large")) == 202
        workers.tick()
    mine, other = (learner_of(ruler(one)).beliefs for one in workers.running)
    assert sorted(mine.names) == sorted(other.names) == ["large@q", "small@p"]
    for name in mine.names:
        there = mine.weights[mine.names.index(name)], other.weights[other.names.index(name)]
        assert there[0] == pytest.approx(there[1], abs=1e-9)


async def test_a_verdict_is_counted_once(workers: Workers) -> None:
    decision, _ = await decided(workers.running[0])
    await rated(workers.running[1], decision, 1.0)
    workers.tick()
    counts = [one.core.metrics.snapshot().learning for one in workers.running]
    assert [each.verdicts for each in counts] == [{"client": 1}, {}]
    assert sum(sum(each.judged.values()) for each in counts) == 1


async def test_the_budget_is_shared_out_over_workers(workers: Workers) -> None:
    assert [learner_of(ruler(one)).purse.start_usd for one in workers.running] == [4.0, 4.0]


async def test_a_session_that_comes_by_another_worker_is_known_there(workers: Workers) -> None:
    _, model = await decided(workers.running[0], "x-weir-session: s")
    workers.tick()
    chooser = ruler(workers.running[1]).chooser
    assert chooser is not None
    last = chooser.turns.last("", "s")
    assert last is not None
    assert last.model == model


async def test_a_worker_that_starts_later_learns_what_the_others_know(workers: Workers, routers: Routers) -> None:
    decision, _ = await decided(workers.running[0])
    await rated(workers.running[0], decision, 1.0)
    workers.tick()
    late = await ruled(routers, BOTH)
    ruler(late).learn(LEARN, 2)
    for message in workers.evidence.messages():
        ruler(late).hear(message)
    ruler(late).recall()
    assert learner_of(ruler(late)).beliefs.names == workers.beliefs(0)


async def test_the_same_settings_again_keep_the_learner_and_others_replace_it(workers: Workers) -> None:
    auto = ruler(workers.running[0])
    before = auto.chooser
    auto.learn(dict(LEARN), 2)
    assert auto.chooser is before
    auto.learn({**LEARN, "embedding": 2}, 2)
    assert auto.chooser is not before
    auto.learn(None)
    assert auto.chooser is None


async def test_a_canary_gets_its_share_of_sessions_and_is_told_where_it_stands(
    routers: Routers, tmp_path: Path
) -> None:
    learn = LEARN | {"canary": {"policy": "thompson", "share": 0.5, "least": 40}}
    workers = Workers([await ruled(routers, BOTH)], Evidence(learn, tmp_path, 0.0, lambda said: None), learn)
    chooser = ruler(workers.running[0]).chooser
    assert chooser is not None
    assert chooser.canary is not None
    for at in range(120):
        decision, _ = await decided(workers.running[0], f"x-weir-session: s{at}")
        new = chooser.canary.serves(f"s{at}") == "thompson"
        await rated(workers.running[0], decision, 0.9 if new else 0.4)
        workers.tick()
        if chooser.canary.stage.value == "promoted":
            break
    assert chooser.canary.stage.value == "promoted"
    assert workers.evidence.canary is not None
    assert workers.evidence.canary.theirs.rewards > 10
