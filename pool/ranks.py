"""One data-parallel rank's event stream: its endpoints, where it stands, what its cache holds. No I/O, no clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from pool.holdings import Change, Holdings
from pool.kv_events import Event
from pool.pages import Pages, pages_of
from pool.sequence import Cursor


class Knowledge(StrEnum):
    """How well a cache is known."""

    EXACT = "exact"  # every event since its start has been taken in
    APPROXIMATE = "approximate"  # it publishes no events: a router guesses from what it sent
    UNKNOWN = "unknown"  # something was missed: what is said to be held is, but more may be


@dataclass(slots=True, kw_only=True)
class Rank:
    """An engine has one, or one for each data-parallel rank."""

    number: int = 0
    events: str = ""  # endpoints; empty where it publishes nothing
    replay: str = ""
    topic: str = ""  # what its frames begin with; empty where that is not known
    holdings: Holdings
    knowledge: Knowledge
    cursor: Cursor = field(default_factory=Cursor)
    missed_at_blocks: int = 0  # blocks ever stored when knowledge was lost
    untold: list[Change] = field(
        default_factory=list
    )  # kept elsewhere, not known to be true yet: routers hear of it then
    said: int | None = None  # the rank that its first batch named
    _pages: Pages | None = None

    def speaks_as(self, rank: int) -> bool:
        """Whether a batch may be of this stream: two ranks on one socket cannot be told apart by their sequence."""
        if self.said is None:
            self.said = rank
        return self.said == rank

    def changed(self, events: tuple[Event, ...], block_tokens: int) -> Iterator[Change | None]:
        """Take in events, in order; `block_tokens` is what the replica's blocks are, where the engine has pages."""
        for event in events:
            self._pages = self._pages or pages_of(event, block_tokens)
            whole = event if self._pages is None else self._pages.regrouped(event)
            yield None if whole is None else self.holdings.apply(whole)

    def restart(self) -> None:
        """Another process: nothing of its stream has been seen."""
        self.cursor.restart()
        self.said, self._pages, self.untold = None, None, []


def worst(ranks: list[Rank]) -> Knowledge:
    """How well the whole replica's cache is known: no better than its least known rank's."""
    order = (Knowledge.UNKNOWN, Knowledge.APPROXIMATE, Knowledge.EXACT)
    return min((rank.knowledge for rank in ranks), key=order.index)
