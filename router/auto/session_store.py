"""What is remembered of sessions and callers: made of events, so that every worker of a router comes to the same."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from policies.select.rules.sessions import SessionRules
from policies.sessions.applications import Application, Usual
from policies.sessions.caller_reputation import Event, Standing
from policies.sessions.commitments import Boundary, Commitments
from policies.sessions.risk import Risk, Thresholds
from policies.sessions.token_budget import Expected
from policies.signals.facts import Facts
from policies.signals.reading import Reading
from policies.signals.system_fingerprint import NONE, SystemFingerprint

MOST_KINDS = 256  # kinds of sessions, and applications, whose lengths are learned
MOST_ENDED = 200  # ended sessions of one kind
FEWEST_ENDED = 20  # before so many nothing is expected of a kind
MOST_TURNS = 512  # of one session that are counted one by one
MOST_NAME = 256

FOREVER_S = 1e12  # seconds that a boundary holds where nobody says how long


class Turn(msgspec.Struct, tag="t", array_like=True):
    """A turn was answered."""

    session: str
    at: float
    tokens: float  # prompt and answer
    context: float  # tokens that the model now holds of it
    failed: float  # share of its tools' answers that were errors
    model: str
    kind: str  # sessions of one kind are expected to be alike
    application: str = ""  # whose system prompt it has; empty where there is none, or nobody asks
    domain: str = ""  # as far as it was read
    tools: bool = False  # whether it offered some


class Flagged(msgspec.Struct, tag="r", array_like=True):
    """A turn was read by a guard; NaN: it could not tell."""

    session: str
    at: float
    value: float


class Harm(msgspec.Struct, tag="h", array_like=True):
    """Something is held against a caller."""

    caller: str
    at: float
    event: str


class Bound(msgspec.Struct, tag="b", array_like=True):
    """A model refused a kind of action for good."""

    caller: str
    agent: str
    action: str
    at: float
    ttl_s: float


Told = Turn | Flagged | Harm | Bound
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Told).decode


@dataclass(slots=True, kw_only=True)
class Session:
    """One session."""

    at: float = 0.0
    totals: list[float] = field(default_factory=list)  # tokens up to each turn
    context: float = 0.0
    failed: float = 0.0
    model: str = ""
    kind: str = ""
    application: str = ""
    risk: Risk = field(default_factory=Risk)

    @property
    def tokens(self) -> float:
        """Tokens of all its turns."""
        return self.totals[-1] if self.totals else 0.0


V = TypeVar("V")


class Kept:
    """Sessions and callers, the least recently seen forgotten first; told the time, never asked for it."""

    def __init__(self, rules: SessionRules) -> None:
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.standings: OrderedDict[str, Standing] = OrderedDict()
        self.applications: OrderedDict[str, Application] = OrderedDict()
        self.commitments = Commitments(actions=frozenset())
        self._ended: OrderedDict[str, list[list[float]]] = OrderedDict()
        self._expected: dict[str, Expected] = {}
        self.take(rules)

    def take(self, rules: SessionRules) -> None:
        """Remember by these rules from now on."""
        self.rules = rules
        until = {held: end for held, end in self.commitments.until.items() if held.action in rules.commitments}
        self.commitments = Commitments(actions=frozenset(rules.commitments), until=until)
        self._trim()

    def session(self, key: str, now: float) -> Session:
        """A session as it stands; a fresh one where it is not known, or was forgotten meanwhile."""
        self._forget(now)
        return self.sessions.get(key) or Session()

    def standing(self, caller: str) -> Standing:
        """How a caller stands."""
        found = self.standings.get(caller)
        half_life_s = self.rules.reputation.half_life_s if self.rules.reputation is not None else 3600.0
        return found if found is not None else Standing(half_life_s=half_life_s)

    def expected(self, kind: str) -> Expected:
        """What sessions of a kind are expected to burn: as the rules say, or as those did that ended here."""
        budget = self.rules.token_budget
        if budget is not None and budget.expected:
            return Expected(p90=budget.expected)
        if kind not in self._expected and len(self._ended.get(kind, ())) >= FEWEST_ENDED:
            turns = [[b - a for a, b in zip([0.0, *totals], totals, strict=False)] for totals in self._ended[kind]]
            self._expected[kind] = Expected.of(turns)
        return self._expected.get(kind, Expected(p90=()))

    def usual(self, application: str) -> Usual:
        """What is usual for an application, as far as the rules ask and enough of it was seen."""
        rule, found = self.rules.applications, self.applications.get(application)
        return found.usual(rule.fewest) if rule is not None and found is not None else Usual()

    def lengths(self) -> list[float]:
        """Turns of the sessions that ended here."""
        return [float(len(totals)) for ended in self._ended.values() for totals in ended]

    def apply(self, told: Told) -> None:
        """Something happened, here or at another worker."""
        if isinstance(told, Turn):
            session = self._touch(told.session, told.at)
            if len(session.totals) < MOST_TURNS:
                session.totals.append(session.tokens + told.tokens)
            else:
                session.totals[-1] += told.tokens
            session.context, session.failed, session.model, session.kind = (
                told.context,
                told.failed,
                told.model,
                told.kind,
            )
            if told.application:
                session.application = told.application
                found = self.applications.get(told.application, Application())
                self.applications[told.application] = found.asked(told.domain, told.tools)
                self.applications.move_to_end(told.application)
        elif isinstance(told, Flagged):
            session = self._touch(told.session, told.at)
            thresholds = self.rules.risk.thresholds if self.rules.risk is not None else Thresholds()
            session.risk = session.risk.after(Reading(told.value), thresholds)
        elif isinstance(told, Harm):
            self.standings[told.caller] = self.standing(told.caller).after(Event[told.event], told.at)
            self.standings.move_to_end(told.caller)
        else:
            arguments = {"action": told.action, "firm": True, "ttl_s": told.ttl_s}
            self.commitments = self.commitments.declared(told.caller, told.agent, arguments, told.at)
        self._trim()

    def _touch(self, key: str, at: float) -> Session:
        session = self.sessions.setdefault(key, Session())
        session.at = max(session.at, at)
        self.sessions.move_to_end(key)
        return session

    def _forget(self, now: float) -> None:
        """Sessions without a request for long have ended; the oldest stand first."""
        while self.sessions:
            key, session = next(iter(self.sessions.items()))
            if now - session.at < self.rules.ttl_s:
                return
            del self.sessions[key]
            self._end(session)

    def _end(self, session: Session) -> None:
        """Learn how long sessions of its kind are."""
        if session.totals:
            ended = self._ended.setdefault(session.kind, [])
            ended.append(session.totals)
            del ended[:-MOST_ENDED]
            self._expected.pop(session.kind, None)
            _cut(self._ended, MOST_KINDS)
        found = self.applications.get(session.application)
        if found is not None and session.totals:
            self.applications[session.application] = found.ended(len(session.totals))

    def _trim(self) -> None:
        _cut(self.sessions, self.rules.most)
        _cut(self.standings, self.rules.most)
        _cut(self.applications, MOST_KINDS)
        if len(self.commitments.until) > self.rules.most:
            soonest = min(self.commitments.until, key=self.commitments.until.__getitem__)
            self.commitments = self.commitments.lifted(soonest, by_owner=True)


def _cut(held: "OrderedDict[str, V]", most: int) -> None:
    while len(held) > most:
        held.popitem(last=False)


def session_key(asked: Facts) -> str:
    """A session within its tenant; empty without one."""
    return f"{asked.tenant[:MOST_NAME]}\0{asked.session[:MOST_NAME]}" if asked.session else ""


def caller_key(asked: Facts) -> str:
    """Who asks: the token's subject, else the tenant; empty where nobody says."""
    subject = asked.claims.get("sub", "")
    return f"{asked.tenant[:MOST_NAME]}\0{subject[:MOST_NAME]}" if subject or asked.tenant else ""


def application_key(asked: Facts) -> str:
    """An application within its tenant, by its system prompt; empty where it has none."""
    told = SystemFingerprint().read(asked).label
    return f"{asked.tenant[:MOST_NAME]}\0{told}" if told != NONE else ""


def agent_of(asked: Facts) -> str:
    """Which agent acts: the token's claim `agent`, else the header `x-weir-agent`."""
    return (asked.claims.get("agent") or asked.headers.get("x-weir-agent", ""))[:MOST_NAME]


def boundary(asked: Facts, action: str) -> Boundary:
    """What a request asks for, as boundaries are told."""
    return Boundary(caller_key(asked), agent_of(asked), action)


Share = Callable[[bytes], None]
