"""The fleet as this router sees it: what was reported, plus what it sent itself since, at once."""

import numpy as np

from policies.fleet import (
    CONTEXT_TOKENS,
    KV_USED,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    READY,
    RUNNING,
    WAITING,
    WIDTH,
    Fleet,
    Replica,
)
from router.links import Links
from router.peers import STATE, Peers
from router.peers import WIDTH as SHARED

STRANGER_TOKENS = 1000.0  # tokens of a request that somebody else sent: nobody said, so a chat's


class Load:
    """What one sent request takes of its replica until it ends."""

    __slots__ = ("attended", "context", "over", "queued", "row", "started", "tenure")

    def __init__(self, row: int, queued: float, attended: float, context: float) -> None:
        self.row, self.queued, self.attended, self.context = row, queued, attended, context
        self.tenure = 0  # of the replica in that row when it was sent
        self.started = self.over = False


class View:
    """The columns that change: counted up when a request is sent, over when its first token comes, down at its end.

    Scraped counts are a slow correction: what a replica reports beyond the most that this router had there since the
    last report is other people's work.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._strangers: dict[int, tuple[float, float]] = {}
        self._most: dict[int, float] = {}
        self._links = Links()
        self._suspended: dict[int, float] = {}
        self.resumed = 0  # how often a suspended replica came back in
        self._ready: set[int] = set()
        self._tenures: dict[int, int] = {}  # how many replicas have left a row
        self._others = np.zeros((0, SHARED))  # the part of the load that other workers of this port sent
        self._bind()

    def join(self, replica: Replica) -> int:
        """Enter a replica or its new facts; its load, if it is known already, stays."""
        known = self.fleet.rows.get(replica.name)
        state = None if known is None else self.fleet.table[known, READY : KV_USED + 1].copy()
        row = self.fleet.add(replica)
        if state is not None:
            self.fleet.table[row, READY : KV_USED + 1] = state
            self._links.restore(self.fleet.table, row)
        self._bind()
        return row

    def leave(self, name: str) -> int:
        """Take a replica out; returns the row it had."""
        row = self.fleet.remove(name)
        for known in (self._strangers, self._most, self._suspended):
            known.pop(row, None)
        self._links.forget(row)
        self._ready.discard(row)
        self._tenures[row] = self._tenures.get(row, 0) + 1
        if row < len(self._others):
            self._others[row] = 0.0
        return row

    def send(self, load: Load) -> None:
        """A request goes out: it waits, and its uncached tokens are queued."""
        table, at = self._table, load.row * WIDTH
        load.tenure = self._tenures.get(load.row, 0)
        table[at + WAITING] += 1.0
        table[at + QUEUED_TOKENS] += load.queued
        table[at + QUEUED_ATTENDED] += load.attended
        table[at + KV_USED] += load.context
        here = table[at + WAITING] + table[at + RUNNING]
        if here > self._most.get(load.row, 0.0):
            self._most[load.row] = here

    def start(self, load: Load) -> None:
        """Its first token came: it runs."""
        if load.over or load.tenure != self._tenures.get(load.row, 0):
            return
        load.started = True
        table, at = self._table, load.row * WIDTH
        table[at + WAITING] -= 1.0
        table[at + QUEUED_TOKENS] -= load.queued
        table[at + QUEUED_ATTENDED] -= load.attended
        table[at + RUNNING] += 1.0
        table[at + CONTEXT_TOKENS] += load.context

    def hand_over(self, load: Load, row: int) -> None:
        """Its prompt is computed: it leaves the replica that did that, and another one begins to decode it.

        It runs there from now on, its KV on the way: of that replica's prompts it is none.
        """
        if load.over:
            return
        self._take_away(load)
        table, at = self._table, row * WIDTH
        load.row, load.tenure, load.started = row, self._tenures.get(row, 0), True
        table[at + RUNNING] += 1.0
        table[at + CONTEXT_TOKENS] += load.context
        table[at + KV_USED] += load.context
        here = table[at + WAITING] + table[at + RUNNING]
        if here > self._most.get(row, 0.0):
            self._most[row] = here

    def end(self, load: Load) -> None:
        """It ended, whatever became of it; of a replica that left meanwhile nothing is to be taken away."""
        load.over = True
        self._take_away(load)

    def _take_away(self, load: Load) -> None:
        if load.tenure != self._tenures.get(load.row, 0):
            return
        table, at = self._table, load.row * WIDTH
        if load.started:
            table[at + RUNNING] -= 1.0
            table[at + CONTEXT_TOKENS] -= load.context
        else:
            table[at + WAITING] -= 1.0
            table[at + QUEUED_TOKENS] -= load.queued
            table[at + QUEUED_ATTENDED] -= load.attended
        table[at + KV_USED] -= load.context

    def transferred(self, source: int, target: int, tokens: float, seconds: float) -> None:
        """The KV of so many tokens took so long from one replica to another: what their links take is measured."""
        for row in (source, target):
            self._links.measured(self.fleet.table, row, tokens, seconds)

    def report(self, row: int, running: int, waiting: int) -> None:
        """Take in what a replica said of itself."""
        table, at = self._table, row * WIDTH
        old_running, old_waiting = self._strangers.get(row, (0.0, 0.0))
        own = table[at + RUNNING] + table[at + WAITING] - old_running - old_waiting
        most = max(self._most.get(row, 0.0) - old_running - old_waiting, own)
        strangers = max(running + waiting - most, 0.0)
        new_waiting = min(strangers, float(waiting))
        new_running = strangers - new_waiting
        self._strangers[row] = (new_running, new_waiting)
        table[at + RUNNING] += new_running - old_running
        table[at + WAITING] += new_waiting - old_waiting
        table[at + QUEUED_TOKENS] += (new_waiting - old_waiting) * STRANGER_TOKENS
        table[at + CONTEXT_TOKENS] += (new_running - old_running) * STRANGER_TOKENS
        table[at + KV_USED] += (new_running + new_waiting - old_running - old_waiting) * STRANGER_TOKENS
        self._most[row] = own + new_running + new_waiting

    def share(self, peers: Peers) -> None:
        """Tell the other workers of this port what was sent from here, and count what was sent from there."""
        state = self.fleet.table[:, STATE]
        known = np.zeros_like(state)
        known[: len(self._others)] = self._others
        mine = state - known
        for row, (running, waiting) in self._strangers.items():
            tokens = STRANGER_TOKENS
            mine[row] -= (running, waiting, waiting * tokens, 0.0, running * tokens, (running + waiting) * tokens)
        self._others = peers.exchange(self.fleet, np.maximum(mine, 0.0))
        state += self._others - known

    def set_ready(self, row: int, ready: bool) -> None:
        """What the pool says of a replica's readiness."""
        (self._ready.add if ready else self._ready.discard)(row)
        self._table[row * WIDTH + READY] = 1.0 if ready and row not in self._suspended else 0.0

    def suspend(self, row: int, until: float) -> None:
        """Leave a replica out for a while: it refused a connection."""
        self._suspended[row] = until
        self._table[row * WIDTH + READY] = 0.0

    def resume(self, now: float) -> bool:
        """Let replicas whose suspension is over back in, if the pool still calls them ready; True when any came."""
        over = [row for row, until in self._suspended.items() if until <= now]
        for row in over:
            del self._suspended[row]
            self.set_ready(row, row in self._ready)
        self.resumed += len(over)
        return bool(over)

    def without(self, rows: frozenset[int]) -> list[int]:
        """Hide rows from one decision; returns those to give to `restore`."""
        hidden = [row for row in rows if self._table[row * WIDTH + READY] > 0.0]
        for row in hidden:
            self._table[row * WIDTH + READY] = 0.0
        return hidden

    def restore(self, rows: list[int]) -> None:
        """Show them again."""
        for row in rows:
            self._table[row * WIDTH + READY] = 1.0

    def _bind(self) -> None:
        self._table = self.fleet.scalars()
