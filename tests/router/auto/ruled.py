"""Gateways that choose models: two models in two pools, rules from YAML, a classifier that says what it is told to."""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np

from policies.signals.port import Embedding
from policies.signals.reading import Reading
from router.auto.auto import Auto
from router.auto.feedback import Ledger
from router.classify.client import Embedded, Then
from router.record import Recorder
from tests.router import fakes
from tests.router.routers import Routers, Running, described, update
from weir.rulesfile import rules_of

RULES = """\
fallback: {models: [small]}
rules:
  - name: tools
    priority: 3
    when: {signal: tools_offered, at_least: 1}
    then: {models: [large], effects: {drop_tools: [rm], headers: {x-tier: gold}}}
  - name: hard
    priority: 2
    when: {signal: difficulty, at_least: 0.6}
    then: {models: [large], effects: {reasoning: true, system_prompt: Think.}}
"""
KEY = b"key"


class FakeClassifier:
    """Answers at once with what it was given, or keeps questions until it is let go."""

    def __init__(self, told: Mapping[str, Reading] | None = None, why: str = "", hold: bool = False) -> None:
        self.told, self.why, self.hold = dict(told or {}), why, hold
        self.asked: list[tuple[frozenset[str], str, str]] = []
        self.held: list[Then] = []
        self.vectors: dict[str, Embedding] = {}  # by text; others have none
        self.embedded: list[str] = []
        self.rules: Any = None

    def use(self, rules: Any) -> None:
        self.rules = rules

    def ask(self, names: frozenset[str], text: str, previous: str, then: Then, tokens: int = 0) -> None:
        self.asked.append((names, text, previous))
        if self.hold:
            self.held.append(then)
        else:
            then(self.told, self.why)

    def embed(self, text: str, then: Embedded) -> None:
        self.embedded.append(text)
        then(self.vectors.get(text, np.zeros(0, np.float32)))

    def let_go(self) -> None:
        held, self.held = self.held, []
        for then in held:
            then(self.told, self.why)


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def ruled(
    routers: Routers, text: str = RULES, classifier: FakeClassifier | None = None, recorder: Recorder | None = None,
    trick: fakes.Trick = fakes.answer,
) -> Running:  # fmt: skip
    """A gateway over `small` in pool p (r0) and `large` in pool q (r1), choosing by these rules."""
    running = await routers.start(trick, trick, facts={"model": "small", "context_limit": 1 << 25}, recorder=recorder)
    running.told(update(described("r1", running.replicas[1].address, model="large", pool="q", context_limit=1 << 26)))
    clock = Clock()
    auto = Auto(running.gateway, rules_of(text, "r.yaml")[0], classifier, Ledger(KEY, clock), clock)  # type: ignore[arg-type]
    if recorder is not None:
        auto.on_said = lambda said: recorder.feedback(said.decision, said.rating, said.against)
    running.gateway.auto = auto
    await asyncio.sleep(0)
    return running


def ruler(running: Running) -> Auto:
    """What chooses there."""
    assert running.gateway.auto is not None
    return running.gateway.auto
