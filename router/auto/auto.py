"""Requests for "auto": read, decided by rules, rewritten, sent on; whatever is missing, the fallback's model serves."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import numpy as np

from policies.candidates import candidates
from policies.decision import Outcome
from policies.fleet import TIERS
from policies.select.pace import Pace
from policies.select.rules.deciding import Decided, Place, decide, needed, wanted
from policies.select.rules.known import is_learned, signals
from policies.select.rules.rule import RuleSet
from policies.select.rules.structural import readings
from policies.select.session_q import STATE, standing
from policies.signals.facts import Facts
from policies.signals.reading import Reading, Readings
from router.auto.choosing import Chooser
from router.auto.claims import claims, forged
from router.auto.facts import facts, headers, previous_question
from router.auto.feedback import Ledger, Verdict, given
from router.auto.lessons import Said, said
from router.auto.rewriting import rewritten, with_headers
from router.auto.sending import Sending
from router.auto.served import Served
from router.auto.soundness import sound
from router.classify.client import Client as Classifier
from router.frames import JUDGED
from router.learning import as_told
from router.order import Order
from router.refusals import error_body, reply

if TYPE_CHECKING:
    from router.gateway.client import Client
    from router.gateway.exchange import Exchange
    from router.gateway.head import Head
    from router.gateway.server import Gateway

SIGNED_WITH = "WEIR_JWT_SECRET"  # the environment's name for what callers' tokens are signed with
ENOUGH_USD = float("inf")

AWAY = {
    "unread": "nothing here reads {}: what asks for it does not fire; `weir train` makes heads, --heads names a folder",
    "absent": "the classifier is not there: requests are decided without {}",
    "died": "the classifier has died: requests are decided without {}",
}
"""What is said of readings that are missing for longer than a moment; those that are only late are counted."""


class Auto:
    """Chooses models for one gateway; `take` puts other rules in place between two requests."""

    def __init__(
        self, gateway: "Gateway", rules: RuleSet, classifier: Classifier | None = None, ledger: Ledger | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._gateway, self._classifier, self.clock = gateway, classifier, clock
        self.ledger = ledger or Ledger(token_bytes(16), clock)
        self.on_said: Callable[[Said], None] = lambda said: None  # a verdict was taken here, or inferred
        self.on_inferred: Callable[[Said], None] = lambda said: None  # an inferred one counts by now
        self.share: Callable[[bytes], None] = lambda message: None  # tells the other workers
        self.chooser: Chooser | None = None  # chooses among what a rule admits; without one the first that is ready
        self._secret = os.environ.get(SIGNED_WITH, "").encode()
        self.served = Served(gateway, classifier, clock, rules)
        self.take(rules)

    def take(self, rules: RuleSet) -> None:
        """Decide by these rules from now on; requests under way keep those that they began with."""
        known = signals()
        read = needed(rules)
        self.rules, self.names = rules, rules.names
        self._learned = frozenset(name for name in read if is_learned(name, known))
        self._structural = read - self._learned
        self._priced = any(rule.answer.at_most_usd < ENOUGH_USD for rule in rules.rules)
        self._priced = self._priced or rules.fallback.at_most_usd < ENOUGH_USD
        self.served.take(rules)
        if self._classifier is not None:
            self._classifier.use(rules)

    def begin(self, exchange: "Exchange") -> None:
        """A request for one of the rules' names came."""
        rules, order, head = self.rules, exchange.order, exchange.head
        bearer = headers(head.forward).get("authorization", "")
        told = claims(bearer, self._secret, self.clock())
        came = facts(order, head, exchange.body, told, order.digest.told if order.digest is not None else None)
        asked = self.served.visits.enter(exchange, came, forged=forged(bearer, self._secret, told))
        if asked is None:
            return
        known = readings(asked, self._structural)
        open_ones = wanted(rules, known, self._learned) | self.served.visits.wants(exchange)
        if self.chooser is not None:
            known = {**known, **readings(asked, self.chooser.columns.structural())}
            open_ones |= self.chooser.wants(asked)
        unread = "absent" if open_ones else ""
        if order.digest is not None and (not open_ones or self._classifier is None):
            asyncio.get_running_loop().call_soon(self._decide_unless_over, exchange, rules, asked, known, unread)
            return
        if not open_ones or self._classifier is None:
            self._decide(exchange, rules, asked, known, unread)
            return

        def read(found: Mapping[str, Reading], why: str) -> None:
            self._complain(why, open_ones - set(found))
            found = self._sound(found)
            self._hear_tone(asked, found)
            if not exchange.ended:
                self._decide(exchange, rules, asked, {**known, **found}, why)

        question, before = asked.last_user_text(), previous_question(asked)
        self._classifier.ask(open_ones, question, before, read, int(asked.prompt_tokens))

    def _complain(self, why: str, missing: frozenset[str]) -> None:
        """Say once in a while which readings nobody makes, or that whoever makes them is away."""
        if why in AWAY and missing:
            said = AWAY[why].format(", ".join(sorted(missing)))
            self._gateway.core.complaints.say(f"auto {why}", said, self.clock())

    def _sound(self, found: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Readings that make sense; of the others it is said once in a while, and they count as unknown."""
        readings, odd = sound(found)
        for name in odd:
            said = f"the classifier's reading of {name} contradicts itself: it counts as unknown"
            self._gateway.core.complaints.say(f"odd {name}", said, self.clock())
            self._gateway.core.metrics.unread_signals("odd")
        return readings

    def judge(self, client: "Client", head: "Head", body: bytes) -> None:
        """Feedback came: take it, or say why not."""
        found = given(body)
        verdict = Verdict.MALFORMED
        if found is not None:
            verdict = self.ledger.judge(found.decision, head.tenant, found.against)
        self._gateway.core.metrics.judged_decision(verdict.name.lower())
        if found is not None and verdict is Verdict.TAKEN:
            self._taken(Said(found.decision, found.rating, found.against))
        told = b'{"status":"taken"}'
        if verdict is not Verdict.TAKEN:
            told = error_body(verdict.sentence, "invalid_request_error", f"feedback-{verdict.name.lower()}")
        client.transport.write(reply(verdict.status, told))

    def learn(self, told: Mapping[str, Any] | None, workers: int = 1) -> None:
        """Choose by such a learner from now on, or by none; one that is told the same again stays as it is."""
        core = self._gateway.core
        if told is None:
            self.chooser = core.pace = None
        elif self.chooser is None or self.chooser.learn != told:
            self.chooser = Chooser(told, core.metrics.learning, workers, lambda told: self.share(told))
            core.pace = Pace(1.0 / workers)

    def recall(self) -> None:
        """Learn all that was heard, before anybody is served."""
        if self.chooser is not None:
            self.chooser.recall()

    def hear(self, message: bytes) -> None:
        """The front process passes on what another worker said, or says where a canary stands."""
        if message[:1] == JUDGED:
            self._said_elsewhere(said(message[1:]))
        elif self.chooser is not None:
            self.chooser.heard(message)

    def _said_elsewhere(self, said: Said) -> None:
        """A verdict was taken at another worker."""
        if not said.inferred:
            self.ledger.judged("|".join(sorted((said.decision, said.against))) if said.against else said.decision)
        if self.chooser is not None:
            self.chooser.judged(said, self.clock())

    def came_of(self, order: Order, outcome: Outcome, ended: bool) -> None:
        """What came of an attempt of a request whose model was chosen here, before its record is written."""
        if self.chooser is not None:
            self.chooser.came_of(order, outcome, ended)

    def gave_up(self, order: Order, why: str) -> None:
        """Such a request was refused."""
        if self.chooser is not None:
            self.chooser.gave_up(order, why)

    def tick(self) -> None:
        """Now and then: learn."""
        if self.chooser is not None:
            for said in self.chooser.tick(self.clock()):
                self.on_inferred(said)

    def _taken(self, said: Said) -> None:
        """A client's verdict: learned from by whoever made the choice, or by all where two answers were compared."""
        if self.chooser is not None:
            self.chooser.judged(said, self.clock())
            names = self._gateway.core.models
            first, second = self.ledger.chose(said.decision, names), self.ledger.chose(said.against, names)
            if first and second and first != second:
                self.chooser.compared(first, second, said.rating, self.clock())
        self.on_said(said)

    def _hear_tone(self, asked: Facts, found: Readings) -> None:
        """What the user says may be a verdict on the turn before."""
        said = self.chooser.tone(asked, found) if self.chooser is not None else None
        if self.chooser is not None and said is not None:
            self.chooser.judged(said, self.clock())
            self.on_said(said)

    def _decide_unless_over(
        self, exchange: "Exchange", rules: RuleSet, asked: Facts, known: Readings, unread: str
    ) -> None:
        """Decide for a large request, after others had their turn."""
        if not exchange.ended:
            self._decide(exchange, rules, asked, known, unread)

    def _decide(self, exchange: "Exchange", rules: RuleSet, asked: Facts, known: Readings, unread: str) -> None:
        admitted = self.served.visits.admits(exchange, known)
        if admitted is None:
            return
        known = admitted
        found = decide(rules, known, self._places(asked))
        metrics = self._gateway.core.metrics
        if unread:
            metrics.unread_signals(unread)
        if not isinstance(found, Decided):
            metrics.refused("denied")
            said = f"No model is open to the role {found.role!r} here."
            exchange.answer_early(reply(403, error_body(said, "permission_error", "denied"), extra=_id(exchange)))
            return
        metrics.chosen_by(found.rule)
        self._send(exchange, found, known, unread, asked)

    def _send(self, exchange: "Exchange", found: Decided, known: Readings, unread: str, asked: Facts) -> None:
        begun, chosen = self.ledger.begin(), None
        if self.chooser is not None and found.answer.cascade is None:  # a cascade asks its models in their order
            chosen = self.chooser.choose(exchange, asked, found, known, begun, self.clock())
        model = chosen.model if chosen is not None else self._ready(found.places)
        admitted = tuple(sorted({place.pool for place in found.places if place.model == model}))
        decision = self.ledger.decision(exchange.head.tenant, begun, model)
        exchange.forward = with_headers(exchange.forward, found.answer.effects)
        if chosen is None and asked.session:
            known = {**known, STATE: standing(asked, 0)}  # so that sessions can be learned from, whoever chose
        choice: dict[str, object] = {
            **(chosen.told if chosen is not None else {"readings": as_told(known)}),
            "decision": decision,
            "rule": found.rule,
            "asked": asked.model,
            "model": model,
            "pools": list(admitted),
            "unread": unread,
        }
        if self.chooser is not None:
            self.chooser.decided(decision, model, asked, self.clock(), chosen.cut if chosen is not None else None)
        original, digest = chosen.body if chosen is not None else exchange.body, exchange.order.digest
        where = digest.places_of(original) if digest is not None else None
        body = rewritten(original, model, found.answer.effects, where)
        wider = () if self._everywhere(model, admitted) else admitted
        pools = chosen.pools if chosen is not None and set(chosen.pools) != set(admitted) else wider
        if chosen is not None and chosen.intervened:
            self._gateway.core.metrics.session_did("failed-turns-cut")
        self.served.send(Sending(
            exchange=exchange, asked=asked, readings=known, found=found, model=model, pools=pools, wider=wider,
            body=body, original=original, decision=decision, choice=choice, digest=digest,
            told={"cut": str(chosen.cut)} if chosen is not None and chosen.cut else {},
        ))  # fmt: skip

    def _ready(self, places: tuple[Place, ...]) -> str:
        """The first model with a replica that is ready in one of its places; the first of all where nobody is."""
        fleet = self._gateway.core.fleet
        ready = {(one.model, one.pool) for row, one in enumerate(fleet.replicas)
                 if one is not None and fleet.columns.ready[row] > 0.0}  # fmt: skip
        return next((place.model for place in places if (place.model, place.pool) in ready), places[0].model)

    def _everywhere(self, model: str, pools: tuple[str, ...]) -> bool:
        """Whether those are all the pools that have the model."""
        replicas = self._gateway.core.fleet.replicas
        return {one.pool for one in replicas if one is not None and one.model == model} <= set(pools)

    def _places(self, asked: Facts) -> list[Place]:
        """What is served where and takes a prompt so long, if anything does; with prices where some rule asks them."""
        core = self._gateway.core
        served = dict.fromkeys((one.model, one.pool) for one in core.fleet.replicas if one is not None)
        prices = self._prices(asked, {model for model, _ in served}) if self._priced else {}
        size = asked.prompt_tokens + max(asked.max_tokens, 1)
        fits = [one for one in served if one[0] in core.models and core.models[one[0]].context_limit >= size]
        return [Place(model, pool, prices.get((model, pool), 0.0)) for model, pool in fits or served]

    def _prices(self, asked: Facts, models: set[str]) -> dict[tuple[str, str], float]:
        """The least dollars predicted for the request, by model and pool; of nothing cached."""
        core, found = self._gateway.core, dict[tuple[str, str], float]()
        for name in models & set(core.models):
            ask = core.question(asked.id, core.models[name], float(asked.prompt_tokens), asked.max_tokens)
            nothing = np.zeros((len(core.fleet.table), TIERS))
            for one in candidates(ask, core.fleet.table, nothing):
                replica = core.fleet.replicas[one.row]
                if replica is not None:
                    key = (name, replica.pool)
                    found[key] = min(found.get(key, one.cost_usd), one.cost_usd)
        return found


def _id(exchange: "Exchange") -> bytes:
    return b"x-request-id: %b\r\n" % exchange.id_bytes
