"""Who chooses models in a simulation: one model for all, the best value with or without sight of the fleet, bandits,
rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from policies.fleet import Table
from policies.registry import UnknownName, known
from policies.request import Ask
from policies.select.beliefs import Beliefs
from policies.select.congestion import SURGE, Spot, prompt_seconds
from policies.select.exploring import Explorer
from policies.select.fleet_options import Rates, option
from policies.select.objective import Objective
from policies.select.pace import Pace
from policies.select.port import SELECTORS, Context, Feedback, Option
from policies.select.rules.deciding import Decided, Denied, Place, decide
from policies.select.rules.rule import RuleSet
from policies.signals.reading import Reading
from sims.arrivals import NONE, Arrivals
from sims.engine.arena import Array
from sims.engine.choosing import NOBODY, Chooser, Placed
from sims.select.questions import Asked, Questions

ONLY, RULES, BLIND, AWARE = "only:", "rules", "blind", "aware"
BANDITS = ("epsilon_greedy", "linucb", "thompson", "ucb")
DOMAIN, CONTEXT_TOKENS = "domain", "context_tokens"
LEARN_EVERY = 50  # choices between two looks at which answers have ended: a verdict comes with its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What choosers weigh: the same for all of them, but that some see the fleet."""

    usd_per_token: tuple[float, ...]  # list prices of each model, of prompts and answers alike
    objective: Objective = field(default_factory=lambda: Objective(surge=SURGE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One simulation as choosers see it."""

    questions: Questions
    asked: Asked
    arrivals: Arrivals
    value: Value
    rules: RuleSet | None = None


def named(name: str, models: Sequence[str], rules: bool = False) -> str:
    """A chooser's name, known: NAME, or NAME@DOLLARS for what a right answer is worth to it; raises `UnknownName`."""
    plain, _, dollars = name.partition("@")
    there = [*(f"{ONLY}{model}" for model in models), BLIND, AWARE, *BANDITS, *([RULES] if rules else [])]
    if plain not in there:
        raise UnknownName(f"no chooser {plain!r}: {known(plain, there)}")
    if dollars and not dollars.replace(".", "", 1).isdigit():
        raise UnknownName(f"chooser {name!r}: write {plain}@0.01 for a right answer worth a cent")
    return name


def chooser(name: str, scene: Scene) -> Chooser:
    """A fresh chooser of that name; raises `UnknownName`."""
    models = scene.questions.models
    name, _, dollars = named(name, models, scene.rules is not None).partition("@")
    if dollars:
        objective = replace(scene.value.objective, worth_usd=float(dollars))
        scene = replace(scene, value=replace(scene.value, objective=objective))
    if name.startswith(ONLY):
        return Only(models.index(name.removeprefix(ONLY)))
    if name == RULES:
        return ByRules(scene)
    if name in BANDITS:
        return Learning(scene, SELECTORS[name])
    return ByValue(scene, sees=name == AWARE)


class Only:
    """One model, whatever is asked."""

    def __init__(self, model: int) -> None:
        self._model = model

    def begin(self, fleet: Table, ends: Array) -> None:
        """Nothing is looked at."""

    def choose(self, index: int, now: float, ask: Ask, placed: Sequence[Placed]) -> int:
        """See `Chooser`."""
        return self._model


class Weighing:
    """What choosers by value share: a request's context and its options, at list prices or as the fleet stands."""

    def __init__(self, scene: Scene, sees: bool) -> None:
        self.scene, self._sees = scene, sees
        self._models = scene.questions.models
        self._rates = [Rates(usd, usd, usd) for usd in scene.value.usd_per_token]
        self._pace = Pace()
        self._last: dict[int, str] = {}
        self._session: list[int] = scene.arrivals.session.tolist()

    def begin(self, fleet: Table, ends: Array) -> None:
        """See `Chooser`."""
        self.fleet, self.ends = fleet, ends

    def context(self, index: int, features: Any) -> Context:
        """What is known of the request; features are given."""
        session = self._session[index]
        if session == NONE:
            return Context(str(index), features)
        return Context(str(index), features, session=str(session), last_model=self._last.get(session, ""))

    def options(self, now: float, ask: Ask, placed: Sequence[Placed]) -> tuple[list[int], list[Option]]:
        """The models that somebody can serve, and each as an option."""
        there = [i for i, each in enumerate(placed) if each.row != NOBODY]
        return there, [self._option(i, now, ask, placed[i]) for i in there]

    def took(self, index: int, model: int, now: float, ask: Ask, one: Placed) -> int:
        """The model was chosen: a session's next turn knows it, and its replica has another prompt to compute."""
        if self._session[index] != NONE:
            self._last[self._session[index]] = self._models[model]
        if self._sees:
            self._pace.sent(one.row, prompt_seconds(ask, self.fleet, one.row, one.told.cached_tokens), now)
        return model

    def _option(self, model: int, now: float, ask: Ask, one: Placed) -> Option:
        told, tokens, name = one.told, one.expected_tokens, self._models[model]
        if not self._sees:
            usd = self._rates[model].bill(ask.prompt_tokens, told.cached_tokens, tokens)
            return Option(name, name, usd, cached_tokens=told.cached_tokens)
        busy = self._pace.busy(one.row, now)
        spot = Spot(one.row, int(told.decode), told.ttft_s, told.tpot_s, told.cached_tokens, busy)
        return option(name, name, ask._replace(expected_tokens=tokens), self.fleet, spot, self._rates[model])


NO_FEATURES = np.zeros(0)


class ByValue(Weighing):
    """What a head expects under one objective; blind, its options are the list's and never late."""

    def __init__(self, scene: Scene, sees: bool) -> None:
        super().__init__(scene, sees)
        objective = scene.value.objective
        self._expected = scene.asked.expected.tolist()
        self._objective = objective if sees else replace(objective, surge=0.0)

    def choose(self, index: int, now: float, ask: Ask, placed: Sequence[Placed]) -> int:
        """See `Chooser`."""
        there, options = self.options(now, ask, placed)
        quality = self._expected[index]
        scores = self._objective.scores(self.context(index, NO_FEATURES), options, [quality[i] for i in there])  # type: ignore[arg-type]
        model = there[max(range(len(there)), key=scores.__getitem__)]
        return self.took(index, model, now, ask, placed[model])


class Learning(Weighing):
    """A bandit that starts knowing nothing: its features are what the head expects, its verdicts come with answers."""

    def __init__(self, scene: Scene, kind: Any) -> None:
        super().__init__(scene, sees=True)
        beliefs = Beliefs(width=1 + len(scene.questions.models))
        self._explorer: Explorer = kind(objective=scene.value.objective, beliefs=beliefs)
        self._waiting: list[tuple[int, Any]] = []  # arrival, and its verdict from its end on
        self._since = 0

    def choose(self, index: int, now: float, ask: Ask, placed: Sequence[Placed]) -> int:
        """See `Chooser`."""
        self._learn(now)
        there, options = self.options(now, ask, placed)
        context = self.context(index, self.scene.asked.expected[index])
        choice = self._explorer.choose(context, options)
        self._explorer = self._explorer.sent(context, options, choice)
        model, option = there[choice.option], options[choice.option]
        verdict = partial(
            Feedback, context, option.model, option.pool, choice.propensity,
            float(self.scene.asked.quality[index, model]), option.usd,
        )  # fmt: skip
        self._waiting.append((index, verdict))
        return self.took(index, model, now, ask, placed[model])

    def _learn(self, now: float) -> None:
        self._since += 1
        if self._since < LEARN_EVERY:
            return
        self._since = 0
        over = [bool(self.ends[index] <= now) for index, _ in self._waiting]
        told = [verdict(now) for done, (_, verdict) in zip(over, self._waiting, strict=True) if done]
        self._waiting = [one for done, one in zip(over, self._waiting, strict=True) if not done]
        self._explorer = self._explorer.learn(told)


class ByRules:
    """The first rule that fires, by the question's topic as the reading `domain` and the prompt's length."""

    def __init__(self, scene: Scene) -> None:
        assert scene.rules is not None
        self._rules, self._scene = scene.rules, scene
        self._models = scene.questions.models

    def begin(self, fleet: Table, ends: Array) -> None:
        """Nothing is looked at."""

    def choose(self, index: int, now: float, ask: Ask, placed: Sequence[Placed]) -> int:
        """See `Chooser`; raises ValueError where the rules send the request nowhere."""
        topic = self._scene.questions.topics[self._scene.asked.question[index]]
        readings = {CONTEXT_TOKENS: Reading(ask.prompt_tokens)}
        if topic:
            readings[DOMAIN] = Reading(1.0, topic, {topic: 1.0})
        places = [Place(self._models[i], self._models[i]) for i, each in enumerate(placed) if each.row != NOBODY]
        found = decide(self._rules, readings, places)
        if isinstance(found, Denied):
            raise ValueError(f"the rules send a request of topic {topic!r} to no model that this fleet serves")
        assert isinstance(found, Decided)
        return self._models.index(found.places[0].model)
