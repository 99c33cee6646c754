"""The cheap model first, its answer held back; a dearer one where that is doubtful and there is time.

A leg is a request of the gateway's own (`router.gateway.aside`): the client has no byte until it is decided which
answer it gets, so nothing is taken back. What the dearer model says goes to the client as it comes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite, nan
from time import monotonic
from typing import TYPE_CHECKING, Any

from policies.select.cascade import Act, Cascade, Step
from policies.select.confidence import Answer, by_agreement, by_margin
from policies.select.rules.rule import Cascading
from router.auto import leg_bodies
from router.auto.foreseen import foreseen
from router.auto.leg_bodies import Plain
from router.auto.replaying import streamed_reply, whole_reply
from router.auto.sending import Sending
from router.gateway.aside import Aside, Whole, leg
from router.record import Recorder

if TYPE_CHECKING:
    from router.order import Order

CHAT = b"/v1/chat/completions"
CLIENTS_FAULT = frozenset((400, 401, 403, 404, 413, 422))  # a dearer model would say the same
MEASURES: dict[str, Callable[[Answer], float]] = {"margin": by_margin, "agreement": by_agreement}
GoOn = Callable[[Sending], None]


def cascade(sending: Sending, rule: Cascading, go_on: GoOn, keep: Callable[[Sending, Plain], None]) -> None:
    """Ask the cheapest model, if there is a dearer one and the answer can be judged; else go on with one of them.

    `keep` is told of a cheap answer that the client gets.
    """
    options, _ = foreseen(sending.exchange.gateway.core, sending.asked, sending.found.places)
    told = leg_bodies.asked(sending.body) if sending.exchange.head.path == CHAT else None
    policy = Cascade(threshold=rule.threshold, unsure=rule.unsure, compressed=rule.compressed)
    if len(options) < 2:
        go_on(sending)
    elif told is None or not leg_bodies.fits(told):
        sending.goes_to(options[0 if rule.unsure >= rule.threshold else -1].model)
        sending.exchange.gateway.core.metrics.cascaded("unfit")
        go_on(sending)
    else:
        sending.goes_to(options[policy.start(options)].model)
        Legs(sending, rule, policy, go_on, keep).begin()


class Legs:
    """One request's way through its models."""

    def __init__(
        self, sending: Sending, rule: Cascading, policy: Cascade, go_on: GoOn, keep: Callable[[Sending, Plain], None]
    ) -> None:
        self._sending, self._rule, self._policy, self._go_on, self._keep = sending, rule, policy, go_on, keep
        self._asked = leg_bodies.asked(sending.body) or {}
        self._aside: Aside | None = None
        self._orders: list[Order] = []
        self._reply = Whole(0, b"", b"")
        self._answer: Plain = {}

    def begin(self) -> None:
        """Ask the cheap model."""
        self._sending.exchange.beside = self
        body = leg_bodies.cheap(self._asked, self._rule)
        self._ask(body, "cheap", self._sending.pools, self._heard, self._rule.within_s)

    def cancel(self) -> None:
        """The request ended before it was decided which answer it gets."""
        if self._aside is not None:
            self._aside.cancel()
        self._write(self._orders)

    def _ask(
        self, body: bytes, name: str, pools: tuple[str, ...], then: Callable[[Whole], None], within_s: float
    ) -> None:
        exchange = self._sending.exchange
        self._aside = Aside(exchange.gateway, then)
        made, slow = leg(exchange, body, name, self._aside)
        made.order.pools, made.order.records, made.order.bills = pools, [], []
        self._orders.append(made.order)
        self._aside.begin(made, within_s, slow)

    def _heard(self, told: Whole) -> None:
        """The cheap model's reply is there, or it failed."""
        self._reply, self._answer = told, leg_bodies.read(told.body) or {}
        answer = leg_bodies.answer_of(self._answer) if told.status == 200 else None
        if answer is not None:
            self._judge(answer, list(self._rule.by))
        elif told.status in CLIENTS_FAULT:
            self._relay()
        else:
            self._failed()

    def _judge(self, answer: Answer, ways: Sequence[str]) -> None:
        """Ask one way after another how sure the answer is, until one can tell."""
        for i, way in enumerate(ways):
            if way == "judge":
                body = leg_bodies.judged(self._rule, self._sending.asked.last_user_text(), answer.text)
                rest = partial(self._verdict, answer, ways[i + 1 :])
                self._ask(body, "judge", (), rest, self._rule.within_s)
                return
            found = MEASURES[way](answer)
            if isfinite(found):
                self._decide(found, way)
                return
        self._decide(nan, "nobody")

    def _verdict(self, answer: Answer, rest: Sequence[str], told: Whole) -> None:
        found = leg_bodies.verdict(told.body) if told.status == 200 else nan
        if isfinite(found):
            self._decide(found, "judge")
        else:
            self._judge(answer, rest)

    def _decide(self, confidence: float, by: str) -> None:
        """What becomes of the cheap answer, as the fleet stands now."""
        sending, core = self._sending, self._sending.exchange.gateway.core
        options, depths = foreseen(core, sending.asked, sending.found.places)
        at = next((i for i, option in enumerate(options) if option.model == sending.model), -1)
        slo_s = self._rule.ttft_s or core.settings.ttft_slo_s
        left_s = slo_s - (monotonic() - sending.exchange.arrived)
        if at < 0:  # its replicas are gone since: the answer is as good as before
            step = Step(Act.KEEP, 0, "nothing to compare it with")
        else:
            step = self._policy.next(at, confidence, options, depths, left_s)
        known = {"confidence": confidence if isfinite(confidence) else None, "by": by, "left_s": left_s}
        if step.act is Act.KEEP:
            self._kept(step, known)
        else:
            self._escalate(options[step.option].model, step, known)

    def _failed(self) -> None:
        """Nothing is there to be kept: whoever costs more is asked, late or not."""
        sending = self._sending
        options, _ = foreseen(sending.exchange.gateway.core, sending.asked, sending.found.places)
        others = [option for option in options if option.model != sending.model]
        if not others:
            self._relay()
            return
        self._escalate(
            others[-1].model, Step(Act.ESCALATE, 0, "the cheap answer failed"), {"status": self._reply.status}
        )

    def _escalate(self, model: str, step: Step, known: dict[str, Any]) -> None:
        sending = self._sending
        self._note(step, known, self._orders)
        sending.goes_to(model)
        if step.act is Act.COMPRESS:
            sending.body = leg_bodies.compressed(sending.body, self._rule.compressed)
        self._write(self._orders)
        self._go_on(sending)

    def _kept(self, step: Step, known: dict[str, Any]) -> None:
        """The client gets the cheap answer, in the form it asked for."""
        sending, exchange = self._sending, self._sending.exchange
        self._note(step, known, self._orders)
        answer = sending.clean(leg_bodies.shown(self._answer, self._asked))
        lines = sending.lines() + self._reply.line(b"x-weir-replica")
        options = self._asked.get("stream_options")
        usage = isinstance(options, dict) and options.get("include_usage") is True
        told = streamed_reply(answer, lines, usage=usage) if exchange.stream else whole_reply(answer, lines)
        self._end(told)
        self._keep(sending, answer)

    def _relay(self) -> None:
        """The client gets the cheap model's own refusal."""
        self._note(Step(Act.KEEP, 0, "refused"), {"status": self._reply.status}, self._orders)
        self._end(self._reply.relayed(self._sending.lines() + self._reply.line(b"x-weir-replica")))

    def _end(self, told: bytes) -> None:
        """Answer with the cheap leg's reply; its record is the request's."""
        exchange, (first, *others) = self._sending.exchange, self._orders
        for record in first.records or ():
            record["choice"] = self._sending.choice
        self._write([first], named=True)
        self._write(others)
        exchange.beside = None
        exchange.answer_early(told)

    def _note(self, step: Step, known: dict[str, Any], legs: Sequence["Order"]) -> None:
        """What was decided and what the legs cost, for the record, the reply's head and the metrics."""
        bills = [bill for order in legs for bill in _bills(order)]
        self._sending.choice["cascade"] = {"act": step.act.value, "why": step.why, **known, "legs": bills}
        self._sending.told["cascade"] = step.act.value
        self._sending.exchange.gateway.core.metrics.cascaded(step.why if step.why == "refused" else step.act.value)

    def _write(self, orders: Sequence["Order"], *, named: bool = False) -> None:
        """Write the legs' records; but for the one whose answer the client gets they say whose legs they are."""
        recorder = self._sending.exchange.gateway.core.recorder
        for order in orders:
            for record in order.records or ():
                if not named:
                    record["choice"] = {"leg_of": self._sending.decision, "model": order.model}
                if isinstance(recorder, Recorder):
                    recorder.write(record)
            order.records = None


def _bills(order: "Order") -> list[dict[str, Any]]:
    """What each attempt of a leg cost."""
    names = ("cost_usd", "prompt_tokens", "output_tokens", "e2e_s", "status")
    return [
        {"model": order.model, "replica": replica, **{name: getattr(outcome, name) for name in names}}
        for replica, outcome in order.bills or ()
    ]
