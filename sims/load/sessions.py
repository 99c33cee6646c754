"""Closed-loop turns: each waits for the end of the one before it in its session."""

from collections import deque
from dataclasses import dataclass, field

from sims.arrival import Arrival

Waiting = tuple[int, Arrival]  # an arrival and its place in the trace


@dataclass(slots=True)
class Session:
    """One session's turns."""

    running: int = 0
    ended_s: float = 0.0  # virtual time when the last of them ended
    waiting: deque[Waiting] = field(default_factory=deque)


class Sessions:
    """Which turns may go, and when; times are virtual seconds."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def holds(self, index: int, arrival: Arrival) -> bool:
        """Whether this turn must wait for one under way; it is kept until `ended` gives it back."""
        if not arrival.session:
            return False
        session = self._sessions.setdefault(arrival.session, Session())
        if arrival.after_s is not None and (session.running or session.waiting):
            session.waiting.append((index, arrival))
            return True
        session.running += 1
        return False

    def earliest_s(self, arrival: Arrival) -> float:
        """When a turn that is not held may be sent: its pause after the turn before it."""
        if arrival.after_s is None or not arrival.session:
            return arrival.at
        return max(arrival.at, self._sessions[arrival.session].ended_s + arrival.after_s)

    def ended(self, arrival: Arrival, now_s: float) -> Waiting | None:
        """A turn is over; the next one of its session that waited for it."""
        if not arrival.session:
            return None
        session = self._sessions[arrival.session]
        session.running, session.ended_s = session.running - 1, now_s
        if session.running or not session.waiting:
            return None
        session.running += 1
        return session.waiting.popleft()
