"""Requests of sessions and callers: what is remembered decides what they may do, what they did is remembered."""

from collections.abc import Callable, Mapping
from math import isfinite, nan
from typing import TYPE_CHECKING

import msgspec

from policies.select.rules.predicate import truth
from policies.select.rules.rule import RuleSet
from policies.select.rules.sessions import RISK, SessionRules
from policies.sessions.caller_reputation import Event
from policies.sessions.risk import Response
from policies.sessions.token_budget import Rung
from policies.signals.facts import Facts
from policies.signals.reading import Reading, Readings
from router.auto import session_store as store
from router.auto.guarded_tools import Stream
from router.auto.guarded_tools import whole as ruled
from router.auto.hearing import Gathering, listen
from router.auto.leg_bodies import Plain
from router.auto.replies import declared, tokens_of
from router.frames import SESSIONS
from router.gateway.framing import CHUNKED
from router.refusals import error_body, reply

if TYPE_CHECKING:
    from router.auto.sending import Sending
    from router.gateway.exchange import Exchange
    from router.gateway.server import Gateway

CHAT = b"/v1/chat/completions"
EVERY_TOOL = "*"  # a name that only a role's pattern for all tools matches
_encode = msgspec.json.Encoder().encode
NOBODY = "none"  # the role of a caller without one


class Visit(Gathering):
    """One request, from its beginning to its end."""

    def __init__(self, visits: "Visits", asked: Facts, session: store.Session) -> None:
        super().__init__()
        self._visits = visits
        self.asked, self.session = asked, session
        self.key, self.caller = store.session_key(asked), store.caller_key(asked)
        self.application, self.domain = "", ""
        self.role = asked.claims.get("role") or NOBODY
        self.denied: tuple[str, ...] = ()  # tools that the role may not use
        self.guarded = False  # whether the reply's tool calls are ruled on
        self.rung = Rung.NOTHING
        self.sending: Sending | None = None
        self._filter: Stream | None = None
        self._exchange: Exchange | None = None

    def guard(self, exchange: "Exchange") -> None:
        """Let no tool call out that the role may not make."""
        rights = self._visits.rules.tool_rights if self._visits.rules is not None else None
        if rights is not None:
            self.guarded, self._filter, self._exchange = True, Stream(rights, self.role), exchange

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the reply; returns those that may go to the client."""
        exchange = self._exchange
        if self._visits.rules is not None and self._visits.rules.commitments:
            super().feed(data)
        if self._filter is not None and exchange is not None and exchange.stream and exchange.status == 200:
            if exchange.reply is None or exchange.reply.length != CHUNKED:
                exchange.client.transport.abort()  # events are ruled on in chunks only: nothing of this comes out
                return b""
            data = self._filter.feed(data)
        return data

    def over(self, exchange: "Exchange", whole: bool) -> None:
        """The request has ended: remember what it took, and what its model declared."""
        self._visits.left(self, exchange, whole)

    @property
    def stopped(self) -> int:
        """Tool calls that did not come out of a stream."""
        return self._filter.denied if self._filter is not None else 0


class Visits:
    """The sessions and callers of one gateway."""

    def __init__(self, gateway: "Gateway", clock: Callable[[], float], rules: RuleSet) -> None:
        self._gateway, self._clock = gateway, clock
        self.kept = store.Kept(SessionRules())
        self.share: Callable[[bytes], None] = lambda message: None  # tells the other workers
        self._there: dict[Exchange, Visit] = {}
        self.take(rules)

    def take(self, rules: RuleSet) -> None:
        """Go by these rules from now on; what is remembered stays."""
        self.rules = rules.sessions
        if rules.sessions is not None:
            self.kept.take(rules.sessions)

    def of(self, exchange: "Exchange") -> Visit | None:
        """The visit that a request is, where sessions are kept."""
        return self._there.get(exchange)

    def enter(self, exchange: "Exchange", asked: Facts, *, forged: bool = False) -> Facts | None:
        """A request came: its facts with what is known of its caller; None where it was refused.

        `forged`: it came with a token that is not one of ours, or not now.
        """
        rules = self.rules
        if rules is None:
            return asked
        now, key = self._clock(), store.session_key(asked)
        visit = Visit(self, asked, self.kept.session(key, now) if key else store.Session())
        if forged:
            self._harm(visit, Event.IDENTITY_FAILURE)
        if rules.reputation is not None and visit.caller:
            visit.asked = asked._replace(caller_reputation=self.kept.standing(visit.caller).score(now))
        if rules.applications is not None and (application := store.application_key(asked)):
            visit.application, usual = application, self.kept.usual(application)
            visit.asked = visit.asked._replace(
                usual_domain=usual.domain,
                usual_tools=usual.tools,
                usual_turns=usual.turns,
                usual_turns_p90=usual.turns_p90,
            )
        if not self._within_rights(exchange, visit, rules) or not self._within_budget(exchange, visit, rules):
            return None
        self._there[exchange] = visit
        listen(exchange, visit)
        return visit.asked

    def wants(self, exchange: "Exchange") -> frozenset[str]:
        """The signals that its session needs, whatever the rules ask."""
        visit = self.of(exchange)
        return self.rules.reads() if self.rules is not None and visit is not None and visit.key else frozenset()

    def admits(self, exchange: "Exchange", known: Readings) -> Readings | None:
        """The readings with those that the session makes of them; None where the request was refused."""
        visit, rules = self.of(exchange), self.rules
        if visit is None or rules is None:
            return known
        visit.domain = known["domain"].label if "domain" in known else ""
        known = {**known, **self._risk(visit, rules, known)}
        for action, when in rules.commitments.items():
            held = store.boundary(visit.asked, action)
            if held.caller and self.kept.commitments.forbids(*held, self._clock()) and truth(when, known):
                said = f"A model has refused {action!r} to this caller for good; only its owner can lift that."
                self._refuse(exchange, 403, "boundary", said)
                return None
        return known

    def left(self, visit: Visit, exchange: "Exchange", whole: bool) -> None:
        """A request ended."""
        self._there.pop(exchange, None)
        if visit.stopped:
            self.did("call-stopped")
        tokens, context = tokens_of(exchange, visit.asked, visit.sending)
        if visit.key and tokens > 0.0:
            answers = [message.failed for message in visit.asked.messages if message.role == "tool"]
            model = visit.sending.model if visit.sending is not None else ""
            failed = sum(answers) / len(answers) if answers else 0.0
            kind = "agent" if visit.asked.tools or answers else "chat"
            turn = store.Turn(visit.key, self._clock(), tokens, context, failed, model, kind)
            turn.application, turn.domain, turn.tools = visit.application, visit.domain, bool(visit.asked.tools)
            self.note(turn)
        if whole and visit.caller and self.rules is not None and self.rules.commitments:
            self.declare(visit, visit.content(exchange))

    def clean(self, visit: Visit, answer: Plain) -> Plain:
        """A whole reply that passed nobody: what it declares is remembered, calls that the role may not make go."""
        rules = self.rules
        if rules is not None and rules.commitments and visit.caller:
            self.declare(visit, _encode(answer))
        if rules is None or rules.tool_rights is None or not visit.guarded:
            return answer
        kept, denied = ruled(answer, rules.tool_rights, visit.role)
        if denied:
            self.did("call-stopped")
        return kept

    def declare(self, visit: Visit, content: bytes) -> None:
        """Take the boundaries that a model declared in a reply."""
        for told in declared(content):
            action, ttl = told.get("action"), told.get("ttl_s", store.FOREVER_S)
            firm = told.get("firm") is True and isinstance(action, str) and isinstance(ttl, int | float) and ttl > 0.0
            if firm and action in self.kept.commitments.actions:
                held = store.boundary(visit.asked, str(action))
                self.note(store.Bound(held.caller, held.agent, held.action, self._clock(), float(ttl)))
                self.did("boundary-declared")

    def note(self, told: store.Told) -> None:
        """Remember something, here and at the other workers."""
        self.kept.apply(told)
        self.share(SESSIONS + store.encode(told))

    def hear(self, message: bytes) -> None:
        """Another worker remembers something."""
        if self.rules is not None:
            self.kept.apply(store.decode(message))

    def did(self, what: str) -> None:
        """Count what a session or caller changed."""
        self._gateway.core.metrics.session_did(what)

    def _within_rights(self, exchange: "Exchange", visit: Visit, rules: SessionRules) -> bool:
        rights, asked = rules.tool_rights, visit.asked
        calls = any(message.tool_calls for message in asked.messages)
        if rights is None or not (asked.tools or calls):
            return True
        if exchange.head.path != CHAT:
            if not rights.may(visit.role, EVERY_TOOL):
                said = (
                    f"Tools are ruled on in chat completions only, and the role {visit.role!r} may not use all of them."
                )
                self._refuse(exchange, 403, "tool-denied", said)
                return False
            return True
        ruling = rights.ruling(visit.role, asked.tools)
        if ruling.refuse:
            self._harm(visit, Event.TOOL_DENIED)
            named = ", ".join(ruling.denied[:8])
            self._refuse(exchange, 403, "tool-denied", f"The role {visit.role!r} may not use {named}; leave them out.")
            return False
        if ruling.denied:
            self.did("tools-denied")
        visit.denied, visit.asked = ruling.denied, asked._replace(tools=ruling.allowed)
        if not rights.may(visit.role, EVERY_TOOL):
            visit.guard(exchange)
        return True

    def _within_budget(self, exchange: "Exchange", visit: Visit, rules: SessionRules) -> bool:
        budget, session = rules.token_budget, visit.session
        if budget is None or not visit.key or not session.totals:
            return True
        expected = self.kept.expected(session.kind).at(len(session.totals))
        visit.rung = budget.ladder.rung(session.tokens, expected, session.failed)
        if visit.rung is not Rung.STOP:
            return True
        self._harm(visit, Event.OVER_CONSUMPTION)
        said = (f"This session has burnt {session.tokens:.0f} tokens in {len(session.totals)} turns; its like stay "
                f"below {expected:.0f}; start a new one.")  # fmt: skip
        self._refuse(exchange, 429, "session-budget", said)
        return False

    def _risk(self, visit: Visit, rules: SessionRules, known: Readings) -> Mapping[str, Reading]:
        """Add this turn's guards to the session's risk."""
        if rules.risk is None:
            return {}
        read = [known[name].value for name in rules.risk.signals if name in known and isfinite(known[name].value)]
        value, thresholds = max(read, default=nan), rules.risk.thresholds
        if isfinite(value) and value >= thresholds.turn:
            self._harm(visit, Event.FLAGGED_CONTENT)
        if not visit.key:
            return {}
        before = visit.session.risk.response(thresholds)
        self.note(store.Flagged(visit.key, self._clock(), value))
        visit.session = self.kept.sessions[visit.key]
        after = visit.session.risk.response(thresholds)
        if before < Response.CUT <= after:
            self._harm(visit, Event.SAFETY_ESCALATION)
            self.did("risk-escalated")
        return {RISK: Reading(visit.session.risk.value)}

    def _harm(self, visit: Visit, event: Event) -> None:
        if visit.caller and self.rules is not None and self.rules.reputation is not None:
            self.note(store.Harm(visit.caller, self._clock(), event.name))

    def _refuse(self, exchange: "Exchange", status: int, code: str, said: str) -> None:
        self._gateway.core.metrics.refused(code)
        kind = "overloaded_error" if status == 429 else "permission_error"
        told = b"x-weir-refused: %b\r\nx-request-id: %b\r\n" % (code.encode(), exchange.id_bytes)
        exchange.answer_early(reply(status, error_body(said, kind, code), extra=told))
