"""Blocks made of an engine's smaller pages: a block is named by, and lives as long as, the page that ends it. Pure.

An engine that caches page by page lets a prefix go from its end, so whoever holds the page that ends a block holds the
block. Pages that end none are remembered, for what follows them, in two generations: bounded.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from pool.kv_events import Event, Removed, Stored

MOST_PAGES = 1 << 20  # of one generation


class End(NamedTuple):
    """Where a page ends: behind which whole block, and with which tokens beyond it."""

    block: int | None  # the page that ended the last whole block
    pending: tuple[int, ...]


@dataclass(slots=True)
class Pages:
    """Regroups the events of one stream into blocks of `block_tokens`."""

    block_tokens: int
    most: int = MOST_PAGES
    _ends: dict[int, End] = field(default_factory=dict)
    _older: dict[int, End] = field(default_factory=dict)

    def regrouped(self, event: Event) -> Event | None:
        """The same event in whole blocks; None when it says nothing of any."""
        if isinstance(event, Stored):
            return self._stored(event)
        if isinstance(event, Removed):
            return self._removed(event)
        self._ends, self._older = {}, {}
        return event

    def _stored(self, event: Stored) -> Event | None:
        before = End(None, ()) if event.parent is None else self._end(event.parent)
        size = event.block_tokens
        if before is None or len(event.tokens) != size * len(event.hashes):
            return event  # an unknown parent or wrong numbers: to be counted where all such are
        ends, tokens = [], [*before.pending, *event.tokens]
        block, held = before.block, len(before.pending)
        for page in event.hashes:
            held += size
            if held >= self.block_tokens:
                ends.append(page)
                block, held = page, 0
            self._remember(page, block, tokens, len(ends), held)
        if not ends:
            return None
        whole = tokens[: len(ends) * self.block_tokens]
        return event._replace(
            hashes=ends, parent=before.block, tokens=whole, block_tokens=self.block_tokens, paged=False
        )

    def _remember(self, page: int, block: int | None, tokens: list[int], ended: int, held: int) -> None:
        start = ended * self.block_tokens
        if len(self._ends) >= self.most:
            self._older, self._ends = self._ends, {}
        self._ends[page] = End(block, tuple(tokens[start : start + held]))

    def _removed(self, event: Removed) -> Event | None:
        ends = [page for page in event.hashes if (end := self._end(page)) is None or not end.pending]
        return event._replace(hashes=ends) if ends else None

    def _end(self, page: int) -> End | None:
        return self._ends.get(page) or self._older.get(page)


def pages_of(event: Event, block_tokens: int) -> Pages | None:
    """What regroups a stream that stores pages smaller than a block of the replica; None when they fit already."""
    if not isinstance(event, Stored) or not event.paged or not 0 < event.block_tokens < block_tokens:
        return None
    return Pages(block_tokens) if block_tokens % event.block_tokens == 0 else None
