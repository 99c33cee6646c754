"""Answers given again at the gateway: looked up before a request is sent, kept when a reply ended by itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from policies.decision import Outcome
from policies.select.rules.rule import FALLBACK, Caching, RuleSet
from policies.semantic_cache import NO_VECTOR, CacheRules, Rule, SemanticCache
from policies.signals.port import Embedding
from router.auto.hearing import Gathering, listen
from router.auto.replaying import streamed_reply, whole_reply
from router.auto.sending import Sending
from router.record import Recorder, settings_hash
from router.semantic_cache import Answers, Given, Question, Reply, heard, question

if TYPE_CHECKING:
    from router.classify.client import Client as Classifier
    from router.gateway.exchange import Exchange
    from router.gateway.server import Gateway

CHAT = b"/v1/chat/completions"
MOST_MEANT = 500  # characters of a question whose meaning is compared: of a longer one the encoder sees a part alone
GoOn = Callable[[Sending], None]

_encode = msgspec.json.Encoder().encode


class Kept:
    """The answers of one worker, under the rules in force."""

    def __init__(
        self, gateway: "Gateway", classifier: "Classifier | None", clock: Callable[[], float], rules: RuleSet
    ) -> None:
        self._gateway, self._classifier, self._clock = gateway, classifier, clock
        self.answers = Answers(SemanticCache(CacheRules()))
        self.take(rules)

    def take(self, rules: RuleSet) -> None:
        """Keep answers by these rules from now on; those of categories that are gone are not found any more."""
        named = [*((rule.name, rule.answer) for rule in rules.rules), (FALLBACK, rules.fallback)]
        found = {
            caching.category or name: Rule(caching.threshold, caching.ttl_s, caching.quota)
            for name, answer in named
            if (caching := answer.effects.cache) is not None
        }
        self.answers.cache.rules = CacheRules(by_category=found)

    def look_up(self, sending: Sending, caching: Caching, go_on: GoOn) -> None:
        """Answer from what is kept, or go on; where the question's words are new, its meaning is waited for."""
        asked = self._question(sending, caching)
        if asked is None:
            self._gateway.core.metrics.looked_up("unfit")
            go_on(sending)
            return
        given = self._given(sending, asked, NO_VECTOR)
        if given is not None:
            self._answer(sending, asked, given, "hit")
        elif not caching.semantic or len(asked.text) > MOST_MEANT:
            self._miss(sending, asked, NO_VECTOR, "miss", go_on)
        elif self._classifier is None:
            self._miss(sending, asked, NO_VECTOR, "absent", go_on)
        else:
            self._classifier.embed(asked.text, lambda vector: self._embedded(sending, asked, vector, go_on))

    def keep(self, asked: Question, vector: Embedding, reply: Reply) -> None:
        """Keep a reply, if it is one that may be given again."""
        kept = self.answers.keep(asked, vector, reply, self._clock())
        self._gateway.core.metrics.looked_up("kept" if kept else "not kept")

    def answered(self, sending: Sending, answer: dict[str, Any]) -> None:
        """The gateway itself gave an answer that an engine had made: keep it where it was looked up before."""
        if sending.looked_up is not None:
            self.keep(*sending.looked_up, Reply().whole(_encode(answer)))

    def _question(self, sending: Sending, caching: Caching) -> Question | None:
        if sending.exchange.head.path != CHAT:
            return None
        asked = question(sending.body, sending.asked.tenant, caching.category or sending.found.rule)
        if asked is None or sending.found.answer.cascade is None:
            return asked
        models = " > ".join(sending.found.answer.models)  # whose answer it will be is not known before
        return replace(asked, partition=asked.partition._replace(model=models))

    def _given(self, sending: Sending, asked: Question, vector: Embedding) -> Given | None:
        return self.answers.look_up(asked, vector, sending.exchange.order.id, self._clock())

    def _embedded(self, sending: Sending, asked: Question, vector: Embedding, go_on: GoOn) -> None:
        if sending.exchange.ended:
            return
        given = self._given(sending, asked, vector) if len(vector) else None
        if given is not None:
            self._answer(sending, asked, given, "alike")
        else:
            self._miss(sending, asked, vector, "miss" if len(vector) else "unread", go_on)

    def _miss(self, sending: Sending, asked: Question, vector: Embedding, why: str, go_on: GoOn) -> None:
        self._gateway.core.metrics.looked_up(why)
        sending.told["cache"], sending.looked_up = "miss", (asked, vector)
        listen(sending.exchange, Keeping(self, asked, vector))
        go_on(sending)

    def _answer(self, sending: Sending, asked: Question, given: Given, how: str) -> None:
        self._gateway.core.metrics.looked_up(how)
        sending.told["cache"] = "hit"
        lines, exchange = sending.lines(), sending.exchange
        told = (
            streamed_reply(given.answer, lines, usage=asked.usage) if asked.stream else whole_reply(given.answer, lines)
        )
        sending.choice["cache"] = {"how": how, "similarity": given.similarity, "age_s": given.age_s}
        self._record(sending, given.answer)
        exchange.answer_early(told)

    def _record(self, sending: Sending, answer: dict[str, Any]) -> None:
        core, order = self._gateway.core, sending.exchange.order
        if not isinstance(core.recorder, Recorder):
            return
        usage = answer["usage"]
        prompt, output = (_whole(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
        request = {
            "model": sending.model, "session": order.session, "tenant": order.tenant, "slo": order.slo,
            "prompt_tokens": prompt, "max_tokens": order.max_tokens, "expected_tokens": output,
        }  # fmt: skip
        core.recorder.write({
            "id": order.id, "at": sending.exchange.arrived, "policy": core.placer.name,
            "settings": settings_hash(core.placer.policy), "request": request, "candidates": [], "chosen": "",
            "why": "response cache", "propensity": 1.0, "choice": sending.choice,
            "outcome": Outcome(True, 0.0, 0.0, 0.0, prompt, output, prompt).as_dict(),
        })  # fmt: skip


class Keeping(Gathering):
    """Hears a reply, and keeps it once it has ended by itself."""

    def __init__(self, kept: Kept, asked: Question, vector: Embedding) -> None:
        super().__init__()
        self._kept, self._asked, self._vector = kept, asked, vector

    def over(self, exchange: "Exchange", whole: bool) -> None:
        """Keep what was heard, where it is whole and no error."""
        content = self.content(exchange) if whole and exchange.status == 200 else b""
        if content:
            reply = heard(content) if content.startswith(b"data:") else Reply().whole(content)
            self._kept.keep(self._asked, self._vector, reply)


def _whole(told: object) -> int:
    return told if isinstance(told, int) and told > 0 else 1
