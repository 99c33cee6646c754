"""What each session's pauses were, and what engines are asked to keep for it; bounded in sessions and in tokens.

The rule is `policies.kv.retention`. Nothing is asked of a replica that does not take it, or for a request without a
session: whether it comes back cannot be known.
"""

from collections import OrderedDict
from heapq import heappop, heappush

import msgspec

from policies.kv.retention import Directive, Pauses, Rule, Turns, directive, expected

MOST_SESSIONS = 1 << 16
MOST_SETS = 1 << 10  # tool sets
OVER_S = 1800.0  # a session that has not come back by then is over
VLLM = "vllm"

_encode = msgspec.json.Encoder().encode


class Session:
    """One session's pauses; `answered` is when its last answer was whole, 0 while one is on its way."""

    __slots__ = ("answered", "pauses", "tools")

    def __init__(self, tools: int) -> None:
        self.tools, self.answered, self.pauses = tools, 0.0, Pauses()


class Bound:
    """What directives bind on one replica: a session's next one takes the place of its last."""

    __slots__ = ("_of", "_until", "tokens")

    def __init__(self) -> None:
        self.tokens = 0.0
        self._of: dict[str, tuple[float, float]] = {}  # session → (until, tokens)
        self._until: list[tuple[float, str]] = []

    def bind(self, session: str, tokens: float, until: float) -> None:
        """A session's directive binds so many tokens."""
        self.tokens += tokens
        self._of[session] = (until, tokens)
        heappush(self._until, (until, session))

    def free(self, session: str, now: float) -> None:
        """What ran out is free, and what the session bound before."""
        while self._until and self._until[0][0] <= now:
            until, ended = heappop(self._until)
            if self._of.get(ended, (0.0, 0.0))[0] == until:
                self.tokens -= self._of.pop(ended)[1]
        self.tokens = max(self.tokens - self._of.pop(session, (0.0, 0.0))[1], 0.0)


class Known:
    """What sessions with the same tools did."""

    __slots__ = ("pauses", "turns")

    def __init__(self) -> None:
        self.pauses, self.turns = Pauses(), Turns()


class Retention:
    """Learns from turns and answers; asks within the rule's bounds."""

    __slots__ = ("_bound", "_sessions", "_sets", "rows", "rule")

    def __init__(self, rule: Rule | None = None) -> None:
        self.rule = rule or Rule()
        self.rows: set[int] = set()  # replicas that take directives
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._sets: dict[int, Known] = {}
        self._bound: dict[int, Bound] = {}  # by row

    def takes(self, row: int, shape: str) -> None:
        """Whether a replica takes directives, and in which shape; any but vLLM's is none."""
        (self.rows.add if shape == VLLM else self.rows.discard)(row)

    def leave(self, row: int) -> None:
        """Its replica left, and what it kept with it."""
        self.rows.discard(row)
        self._bound.pop(row, None)

    def ask(
        self, row: int, session: str, tools: int, tokens: float, kv_tokens: float, answer_s: float, now: float
    ) -> Directive | None:
        """A turn of a session goes to a replica, its answer to take `answer_s`: what to ask for, if anything."""
        if not session:
            return None
        known = self._turn(session, tools, now)
        if row not in self.rows:
            return None
        pauses = expected(self._sessions[session].pauses, known.pauses, self.rule)
        bound = self._bound.setdefault(row, Bound())
        bound.free(session, now)
        found = directive(pauses, known.turns.go_on, tokens, bound.tokens, kv_tokens, self.rule)
        if found is None:
            return None
        # An engine may count the time from when it computes a block: the answer is to be outlasted too.
        lasting = round(found.ttl_s + answer_s, 1)
        bound.bind(session, tokens, now + lasting)
        return Directive(tokens=found.tokens, priority=found.priority, ttl_s=lasting)

    def answered(self, session: str, at: float) -> None:
        """A session's answer was whole: it pauses from now on."""
        known = self._sessions.get(session)
        if known is not None:
            known.answered = at

    def _turn(self, session: str, tools: int, now: float) -> Known:
        """Learn from a turn; returns what is known of its tool set."""
        of_set = self._set(tools)
        before = self._sessions.get(session)
        if before is None:
            self._forget_one()
            self._sessions[session] = Session(tools)
            return of_set
        self._sessions.move_to_end(session)
        if before.answered > 0.0 and now >= before.answered:
            pause = now - before.answered
            before.pauses = before.pauses.seen(pause)
            of_set.pauses = of_set.pauses.seen(pause)
            of_set.turns = of_set.turns.seen(resumed=True)
            before.answered = 0.0
        self._end_old(now)
        return of_set

    def _set(self, tools: int) -> Known:
        known = self._sets.get(tools)
        if known is None:
            if len(self._sets) >= MOST_SETS:
                self._sets.clear()
            known = self._sets[tools] = Known()
        return known

    def _end_old(self, now: float) -> None:
        """A few of the sessions that were longest away: those beyond hope have had their last turn."""
        for _ in range(2):
            session, oldest = next(iter(self._sessions.items()))
            if not 0.0 < oldest.answered < now - OVER_S:
                return
            del self._sessions[session]
            self._over(oldest)

    def _forget_one(self) -> None:
        if len(self._sessions) >= MOST_SESSIONS:
            self._over(self._sessions.popitem(last=False)[1])

    def _over(self, session: Session) -> None:
        of_set = self._set(session.tools)
        of_set.turns = of_set.turns.seen(resumed=False)


def spliced(asked: Directive, session: str) -> bytes:
    """The members that vLLM's retention API (pull request 38514) reads, to be put into the body's object."""
    one = {"start": 0, "end": asked.tokens, "priority": asked.priority, "duration": asked.ttl_s}
    return b'"retention_directives":%b,"retention_scope":%b' % (_encode([one]), _encode(session))
