"""Which decision a session's last turn was, at whatever worker: the tone of the next turn is about that one."""

from collections import OrderedDict
from typing import NamedTuple

MOST = 100_000  # sessions that are remembered


class Turn(NamedTuple):
    """One turn of a session that had its model chosen."""

    tenant: str
    session: str
    decision: str
    model: str
    cut: int = 0  # failed turns that are left out of it from here on, its first ones
    at: float = 0.0  # seconds by the routers' clock: what was heard late undoes nothing


class Turns:
    """The last turn of each session; what is new waits to be told to the other workers."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], Turn] = OrderedDict()
        self._fresh: list[Turn] = []

    def last(self, tenant: str, session: str) -> Turn | None:
        """A session's last turn, if it has an id and is remembered."""
        return self._last.get((tenant, session)) if session else None

    def took(self, turn: Turn, fresh: bool = True) -> None:
        """A turn was decided, here or (not fresh) at another worker."""
        last = self.last(turn.tenant, turn.session)
        if not turn.session or (last is not None and last.at > turn.at):
            return
        self._last[turn.tenant, turn.session] = turn
        self._last.move_to_end((turn.tenant, turn.session))
        if len(self._last) > MOST:
            self._last.popitem(last=False)
        if fresh:
            self._fresh.append(turn)

    def fresh(self) -> list[Turn]:
        """Turns decided here since this was last asked."""
        found, self._fresh = self._fresh, []
        return found
