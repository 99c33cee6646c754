"""The learned choice among what a rule admits: the learner sees the fleet as it stands and learns what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from policies.select.awaiting import Unsettled
from policies.select.columns import EMBEDDING
from policies.select.elo import Duel
from policies.select.exploring import Explorer
from policies.select.fleet_options import Rates
from policies.select.foretold import QUALITY
from policies.select.learners import beside, by_session, columns, label, learner, wanted
from policies.select.port import Context
from policies.select.rules.deciding import Decided
from policies.select.session_q import STATE
from policies.signals.facts import Facts
from policies.signals.reading import Reading, Readings
from router.auto.evidence import canary, staged
from router.auto.lengths import Lengths
from router.auto.lessons import Lesson, Said, decode, encode, feedback, lesson
from router.auto.offers import offers
from router.auto.session_cuts import stand
from router.auto.turns import Turn, Turns
from router.counts import LearningCounts
from router.frames import LESSONS, TURNS
from router.learning import Learning, Settled

if TYPE_CHECKING:
    from policies.decision import Outcome
    from router.gateway.exchange import Exchange
    from router.order import Order

TONE = "feedback"
"""The learned reading of what a user thinks of the previous turn."""

SAID = {"satisfied": 1.0, "unclear": 0.4, "different": 0.3, "wrong": 0.0}
"""How good an answer was after which users speak so."""

FAILED, OUT_OF_TIME = 500, 504
"""Statuses from which on a request failed that its model's replicas should have answered, and the one of a timeout."""

GIVEN_UP = frozenset({"no-replica", "retries-exhausted"})
"""Why a request is refused that its model's replicas should have answered."""

MOST_OPEN = 100_000  # requests whose verdict is to come

_turns = msgspec.msgpack.Decoder(list[Turn]).decode


class Chosen(NamedTuple):
    """A model, the pools that it is to be served in, what it is asked, and what the record says of the choice."""

    model: str
    pools: tuple[str, ...]
    told: dict[str, Any]
    body: bytes  # before model and effects; the client's own unless failed turns were left out
    cut: int  # how many of them
    intervened: bool  # whether this choice has left some out


@dataclass(slots=True)
class Open:
    """A choice under way: its decision's id, and what its tokens cost."""

    decision: str
    model: str
    rates: Rates
    prompt_tokens: float  # predicted, as is what was cached of them
    cached_tokens: float

    def bill(self, outcome: "Outcome") -> float:
        """What it did cost: what its reply tells of tokens, and what was predicted where it does not."""
        prompt = float(outcome.prompt_tokens) or self.prompt_tokens
        cached = float(outcome.cached_tokens) if outcome.cached_tokens >= 0 else self.cached_tokens
        return self.rates.bill(prompt, min(cached, prompt), float(outcome.output_tokens))


class Chooser:
    """One worker's learner; `share` takes what the other workers are to be told."""

    def __init__(
        self, learn: Mapping[str, Any], counts: LearningCounts, workers: int = 1,
        share: Callable[[bytes], None] = lambda message: None,
    ) -> None:  # fmt: skip
        self.learn, self.counts, self._share = learn, counts, share
        self.columns, self.canary = columns(learn), canary(learn)
        self._label, self._seen = label(learn), repr(self.columns)
        verdicts = learn.get("verdicts", {})
        self._failures, self._tone = verdicts.get("failures", True), float(verdicts.get("next_turn", 0.0))
        trial = learner(beside(learn), self.canary.rules.share / workers) if self.canary is not None else None
        self.learning = Learning(
            learner(learn, 1.0 / workers), beside=trial, patience_s=float(verdicts.get("patience_s", 600.0))
        )
        self.turns, self._open, self._lengths = Turns(), dict[str, Open](), Lengths()
        self._surge = float(learn.get("objective", {}).get("surge", 0.0))
        self._wanted = wanted(learn) | (wanted(beside(learn)) if trial is not None else frozenset())

    def wants(self, asked: Facts) -> frozenset[str]:
        """The learned readings that this request's choice and the verdict on its last turn go by."""
        spoken = self._tone > 0.0 and self.turns.last(asked.tenant, asked.session) is not None
        return self._wanted | ({TONE} if spoken else frozenset())

    def choose(
        self, exchange: "Exchange", asked: Facts, found: Decided, known: Readings, begun: str, now: float
    ) -> Chosen | None:
        """The learner's choice among what can be had now; None where nothing can."""
        new = self.canary.new if self.canary is not None else ""
        trying = self.canary is not None and self.canary.serves(asked.session or begun) == new
        last = self.turns.last(asked.tenant, asked.session)
        may_cut = by_session(beside(self.learn) if trying else self.learn)
        digest = exchange.order.digest
        where = digest.places_of(exchange.body) if digest is not None else None
        place = where.messages if where is not None else None
        stands = stand(asked, exchange.head.path, exchange.body, last, may_cut, place)
        longer = self._lengths.longer(known) if self.learn.get("lengths") else 1.0
        there = offers(exchange, found, self.learn.get("prices", {}), stands, longer)
        if not there:
            return None
        context = Context(
            begun, self.columns.features(known), {**self._renamed(known), STATE: stands.reading}, asked.tenant,
            asked.session, last.model if last else "",
        )  # fmt: skip
        option, told = self.learning.choose(begun, context, [one.option for one in there], now, trying)
        taken = there[told["chosen"]]
        self._open[begun] = Open("", option.model, taken.rates, taken.prompt_tokens, taken.cached_tokens)
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]
        self.counts.choices[option.model] = self.counts.choices.get(option.model, 0) + 1
        told |= {"policy": new if trying else self._label, "surge": self._surge, "longer": longer}
        cut = option.intervene
        body = stands.shorter if cut and stands.shorter is not None else stands.body
        return Chosen(option.model, taken.pools, told, body, stands.cuts(cut), cut)

    def decided(self, decision: str, model: str, asked: Facts, now: float, cut: int | None = None) -> None:
        """The choice has its decision's id; so many failed turns are left out now, None: as many as before.

        What was left out is told at once: the session's next turn may come to another worker within a tick.
        """
        if key(decision) in self._open:
            self._open[key(decision)].decision = decision
        if cut is None:
            last = self.turns.last(asked.tenant, asked.session)
            cut = last.cut if last is not None else 0
        turn = Turn(asked.tenant, asked.session, decision, model, cut, now)
        self.turns.took(turn, fresh=not cut)
        if cut:
            self._share(TURNS + msgspec.msgpack.encode([turn]))

    def tone(self, asked: Facts, known: Readings) -> Said | None:
        """What the user says now, as a verdict on the session's last turn where it is one."""
        last, told = self.turns.last(asked.tenant, asked.session), known.get(TONE)
        if self._tone <= 0.0 or last is None or told is None or told.label not in SAID:
            return None
        return Said(last.decision, SAID[told.label], weight=self._tone, inferred=True)

    def judged(self, said: Said, now: float) -> None:
        """A verdict, taken here or at another worker; whoever made the choice learns it, and tells the others."""
        if said.inferred:
            self.learning.hinted(key(said.decision), said.rating, said.weight, now)
        elif not said.against:
            self._verdict("client", self.learning.judged(key(said.decision), said.rating))

    def compared(self, first: str, second: str, score: float, now: float) -> None:
        """Somebody compared two models' answers, and said so here."""
        self.learning.compared([Duel(first, second, score)])
        self._share(LESSONS + encode([Lesson(id="", model=first, quality=score, at_s=now, against=second)]))
        self._verdict("compared", None)

    def came_of(self, order: "Order", outcome: "Outcome", ended: bool) -> None:
        """An attempt is over, and perhaps the request: its bill, or its failure."""
        assert order.choice is not None
        name = key(str(order.choice.get("decision", "")))
        sent = self._open.get(name)
        if sent is None:
            return
        if order.choice.get("model") != sent.model:  # something later than the choice sent it to another
            self.learning.forget(name)
        elif outcome.ok:
            usd = sent.bill(outcome)
            order.choice["billed_usd"] = usd
            self.learning.billed(name, usd)
        elif ended and outcome.status >= FAILED:
            self._fail(name, "timeout" if outcome.status == OUT_OF_TIME else "provider")

    def gave_up(self, order: "Order", why: str) -> None:
        """A request was refused."""
        assert order.choice is not None
        name = key(str(order.choice.get("decision", "")))
        sent = self._open.get(name)
        if sent is not None and sent.model == order.choice.get("model") and why in GIVEN_UP:
            self._fail(name, "provider")

    def heard(self, message: bytes) -> None:
        """Another worker's lessons or turns, or the canary's stage."""
        kind, body = message[:1], message[1:]
        if kind == TURNS:
            for turn in _turns(body):
                self.turns.took(turn, fresh=False)
        elif kind == LESSONS:
            told = decode(body)
            self.learning.hear(feedback(one, self._seen) for one in told if not one.against)
            self.learning.compared(Duel(one.model, one.against, one.quality) for one in told if one.against)
        else:
            self.canary = staged(self.canary, body)

    def recall(self) -> None:
        """Learn all that was heard, at once: before anybody is served."""
        while self.learning.tick(0.0):
            pass

    def tick(self, now: float) -> list[Said]:
        """Learn what came and tell the others of it; returns the inferred verdicts among what was settled here."""
        learning = self.learning
        learning.tick(now)
        found = learning.settled()
        if found:
            told = [lesson(one.feedback, self._policy(one), self._seen) for one in found]
            self._share(LESSONS + encode(told))
        if turns := self.turns.fresh():
            self._share(TURNS + msgspec.msgpack.encode(turns))
        self._count(found)
        return [said for said in map(self._said, found) if said is not None]

    def _policy(self, one: Settled) -> str:
        return self.canary.new if one.beside and self.canary is not None else self._label

    def _said(self, one: Settled) -> Said | None:
        """A settled choice's end, where it was judged by a tone."""
        told, was = one.feedback, self._open.pop(one.feedback.context.id, None)
        if was is None or not one.inferred:
            return None
        self._verdict("tone", None)
        return Said(was.decision, told.quality, weight=told.weight, inferred=True)

    def _fail(self, name: str, kind: str) -> None:
        if self._failures:
            self._verdict("failure", self.learning.judged(name, 0.0, failure=kind))

    def _verdict(self, source: str, refused: Unsettled | None) -> None:
        """Count a verdict that was taken; what another worker decided is not counted here."""
        if refused is None:
            self.counts.verdicts[source] = self.counts.verdicts.get(source, 0) + 1

    def _count(self, found: list[Settled]) -> None:
        counts, learning = self.counts, self.learning
        purses = [one.purse for one in (learning.learner, learning.beside) if isinstance(one, Explorer)]
        counts.explored_usd = sum(one.explored_usd for one in purses)
        counts.budget_usd = sum(one.left_usd() + one.explored_usd for one in purses)
        counts.dropped = learning.dropped
        for told in (one.feedback for one in found):
            usd = told.usd if told.usd == told.usd else 0.0
            counts.judged[told.model] = counts.judged.get(told.model, 0) + 1
            counts.quality[told.model] = counts.quality.get(told.model, 0.0) + told.quality
            counts.usd[told.model] = counts.usd.get(told.model, 0.0) + usd

    def _renamed(self, known: Readings) -> dict[str, Reading]:
        """Readings as a learner goes by them: qualities by the fleet's names; the embedding is in the features."""
        kept = {name: each for name, each in known.items() if not name.startswith(EMBEDDING)}
        names: Mapping[str, str] = self.learn.get("judged_as", {})
        if QUALITY in kept and names:
            told = kept[QUALITY].scores
            kept[QUALITY] = kept[QUALITY]._replace(scores={one: told[own] for one, own in names.items() if own in told})
        return kept


def key(decision: str) -> str:
    """What a decision is called before its model was chosen: what is waited for by."""
    return "-".join(decision.split("-")[:3])
