"""What a session changes of a request on its way out: its model, how much of its past is said, its tools."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from policies.select.port import Option
from policies.select.rules.sessions import SessionRules, StickyRule
from policies.sessions.memory_tier import Shaping, Tier
from policies.sessions.stickiness import Prospect, turns_left
from policies.sessions.token_budget import Rung
from policies.signals.port import Embedding
from router.auto.foreseen import seen
from router.auto.memory_bodies import recalls, shortened, tools_of, turn_tokens, with_tools
from router.auto.sending import Sending
from router.auto.tool_shelf import ToolShelf
from router.auto.visiting import Visit, Visits

if TYPE_CHECKING:
    from router.classify.client import Client as Classifier
    from router.core import Core

GoOn = Callable[[Sending], None]
LEARNED = "propensity"  # a choice that has one was learned: the learner has paid for moving already
FEWEST_LENGTHS = 20  # sessions that have to have ended before their lengths tell how long others will be


class SessionShaping:
    """Shapes the requests of one gateway's sessions."""

    def __init__(self, core: "Core", visits: Visits, classifier: "Classifier | None") -> None:
        self._core, self._visits, self._classifier = core, visits, classifier
        self.shelf = ToolShelf()

    def shape(self, sending: Sending, go_on: GoOn) -> None:
        """Change what the session asks to be changed, and go on."""
        visit, rules = self._visits.of(sending.exchange), self._visits.rules
        if visit is None or rules is None:
            go_on(sending)
            return
        sending.clean = partial(self._visits.clean, visit)
        visit.sending, before = sending, (sending.model, sending.original, sending.found)
        if visit.denied:
            effects = sending.found.answer.effects
            effects = replace(effects, drop_tools=(*effects.drop_tools, *visit.denied))
            sending.found = sending.found._replace(answer=replace(sending.found.answer, effects=effects))
        sending.model = self._model(sending, visit, rules)
        self._remember(sending, visit, rules)

        def ready(kept: set[str] | None) -> None:
            if kept is not None:
                sending.original = with_tools(sending.original, kept | set(visit.denied))
                self._visits.did("tools-chosen")
            if (sending.model, sending.original, sending.found) != before:
                sending.goes_to(sending.model)
            if not sending.exchange.ended:
                go_on(sending)

        self._tools(sending, visit, rules, ready)

    def _model(self, sending: Sending, visit: Visit, rules: SessionRules) -> str:
        """The model for this turn: the cheapest of a session that burns too much, else where it gains most."""
        if sending.found.answer.cascade is not None:
            return sending.model  # which model answers is decided by what is answered
        if visit.rung >= Rung.DOWNGRADE:
            cheapest = min(self._options(sending), key=lambda option: option.usd, default=None)
            self._visits.did("downgraded")
            return cheapest.model if cheapest is not None else sending.model
        if rules.stickiness is None or not visit.session.model or LEARNED in sending.choice:
            return sending.model
        return self._sticky(sending, visit, rules.stickiness)

    def _sticky(self, sending: Sending, visit: Visit, rule: StickyRule) -> str:
        options = [option for option in self._options(sending) if option.model in rule.quality]
        at = next((i for i, option in enumerate(options) if option.model == visit.session.model), -1)
        if at < 0:
            return sending.model
        options[at] = options[at]._replace(cached_tokens=visit.session.context)
        tokens, done = float(sending.asked.prompt_tokens), len(visit.session.totals)
        lengths = self._visits.kept.lengths()
        left = turns_left(lengths, done) if len(lengths) >= FEWEST_LENGTHS else max(rule.turns - done, 1.0)
        prospects = [_prospect(option, rule.quality[option.model], tokens) for option in options]
        found = options[rule.price.stays_or_goes(at, options, prospects, tokens, left)].model
        self._visits.did("stayed" if found == visit.session.model else "moved")
        return found

    def _options(self, sending: Sending) -> list[Option]:
        return [one.option for one in seen(self._core, sending.asked, sending.found.places)]

    def _remember(self, sending: Sending, visit: Visit, rules: SessionRules) -> None:
        """Say less of the past where it does not fit, or where the session burns too much."""
        compress = visit.rung >= Rung.COMPRESS
        if rules.memory is None and not compress:
            return
        shaping, model = rules.memory or Shaping(), self._core.models.get(sending.model)
        limit = float(model.context_limit) if model is not None else float("inf")
        turns, question = turn_tokens(sending.original), sending.asked.last_user_text()
        tier = shaping.surface(turns, sending.asked.tools, limit, recalls=recalls(question)).tier
        if compress and tier is Tier.FULL:
            tier = Tier.SUMMARY
        short = shortened(sending.original, tier, shaping)
        if short != sending.original:
            sending.original = short
            self._visits.did(f"memory-{tier.value}")

    def _tools(
        self, sending: Sending, visit: Visit, rules: SessionRules, then: Callable[[set[str] | None], None]
    ) -> None:
        """Choose among many tools; None where all stay."""
        names, tenant, classifier = sending.asked.tools, sending.asked.tenant, self._classifier
        most = self._most(rules, visit, len(names), sending.model)
        used = {name for message in sending.asked.messages for name in message.tool_calls}
        if len(names) <= most:
            then(None)
        elif rules.tool_choice is None or classifier is None:
            then(_first(names, most, used))
        else:
            self.shelf.learn(tenant, visit.key, sending.asked)
            self.shelf.place(tenant, tools_of(sending.original), classifier.embed)

            def embedded(question: Embedding) -> None:
                if not len(question):
                    then(None)  # which would serve is not known: all stay
                    return
                self.shelf.asks(visit.key, question)
                then(self.shelf.choose(tenant, question, names, most, used))

            classifier.embed(sending.asked.last_user_text(), embedded)

    def _most(self, rules: SessionRules, visit: Visit, offered: int, model: str) -> int:
        """Tools that a request may show."""
        bounds = [offered]
        if rules.tool_choice is not None:
            bounds.append(rules.tool_choice.most)
        if rules.token_budget is not None and visit.rung >= Rung.SHAPE_TOOLS:
            bounds.append(rules.token_budget.tools)
        if rules.memory is not None and model in self._core.models:
            room = rules.memory.usable * float(self._core.models[model].context_limit) * rules.memory.tools_share
            bounds.append(max(int(room / rules.memory.tools_tokens), 1))
        return min(bounds)


def _first(names: Sequence[str], most: int, used: set[str]) -> set[str]:
    """The tools that a session uses, and the first of the others."""
    own = [name for name in names if name in used]
    return {*own, *[name for name in names if name not in used][: max(most - len(own), 0)]}


def _prospect(option: Option, quality: float, tokens: float) -> Prospect:
    """An option for the rest of a session, in the fleet's prices now."""
    prompt = max(tokens, 1.0)
    return Prospect(quality, option.usd, option.ttft_s / prompt, option.usd / prompt)
