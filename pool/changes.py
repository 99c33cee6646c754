"""What has changed in the fleet since the last update went out, coalesced. Pure but for one call when work appears."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pool.holdings import CLEARED, Change


@dataclass(slots=True)
class Pending:
    """Changes of one kind to one replica's cache, one after another, in own hashes."""

    replica: str
    epoch: int
    sequence: int
    block_tokens: int
    change: Change

    def takes(self, epoch: int, block_tokens: int, change: Change) -> bool:
        """Whether a change may be told together with these."""
        mine = self.change
        same = mine.kind == change.kind and mine.tier == change.tier
        return same and self.epoch == epoch and self.block_tokens == block_tokens


@dataclass(slots=True)
class Changes:
    """The changes, in order for each replica."""

    awake: Callable[[], None] = lambda: None  # called when there is something to tell, having been nothing
    replicas: dict[str, None] = field(default_factory=dict)  # joined, or their facts changed
    removed: dict[str, None] = field(default_factory=dict)
    reports: dict[str, None] = field(default_factory=dict)
    events: list[Pending] = field(default_factory=list)
    directions: bool = False  # what routers are to do is another
    _last: dict[str, Pending] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.replicas or self.removed or self.reports or self.events or self.directions)

    def directed(self) -> None:
        """Routers are to do something else now."""
        self._wake()
        self.directions = True

    def described(self, name: str) -> None:
        """A replica joined, or is something else now."""
        self._wake()
        self.removed.pop(name, None)
        self.replicas[name] = None

    def left(self, name: str) -> None:
        """A replica is gone, and what was to be said of it with it."""
        self._wake()
        self.replicas.pop(name, None)
        self.reports.pop(name, None)
        self._drop_events(name)
        self.removed[name] = None

    def reported(self, name: str) -> None:
        """A replica does something else now."""
        self._wake()
        self.reports[name] = None

    def cached(self, name: str, epoch: int, sequence: int, block_tokens: int, change: Change) -> None:
        """A replica's cache holds something else now; when that is nothing, what it held before need not be told."""
        if change.kind == CLEARED:
            self._drop_events(name)
        last = self._last.get(name)
        if last is not None and last.takes(epoch, block_tokens, change):
            last.change.blocks.extend(change.blocks)
            last.sequence = sequence
            return
        self._wake()
        self._last[name] = pending = Pending(name, epoch, sequence, block_tokens, change)
        self.events.append(pending)

    def take(self) -> "Changes":
        """Everything so far, this object then being empty."""
        taken = Changes(
            replicas=self.replicas, removed=self.removed, reports=self.reports, events=self.events,
            directions=self.directions,
        )  # fmt: skip
        self.replicas, self.removed, self.reports, self.events, self._last = {}, {}, {}, [], {}
        self.directions = False
        return taken

    def _drop_events(self, name: str) -> None:
        if self._last.pop(name, None) is not None:
            self.events = [event for event in self.events if event.replica != name]

    def _wake(self) -> None:
        if not self:
            self.awake()
