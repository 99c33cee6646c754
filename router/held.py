"""What replicas hold of prompts: from their own events where they send them, else from what was sent to them."""

from policies.fleet import Fleet
from policies.kv.blocks import Hashes
from policies.native.index import BlockBuffer, NativeIndex

EXACT, APPROXIMATE, UNKNOWN = "exact", "approximate", "unknown"


class Held:
    """One index for both kinds of knowledge: a replica's row is fed either by its events or by our sends."""

    __slots__ = ("_exact", "_fleet", "_fresh", "_knowledge", "blocks", "index")

    def __init__(self, fleet: Fleet, limit_blocks: int) -> None:
        self.blocks = BlockBuffer()
        self.index = NativeIndex(limit_blocks, replicas=64, generations=2)
        self._fleet = fleet
        self._knowledge: dict[int, str] = {}
        self._exact: set[int] = set()
        self._fresh: dict[int, int] = {}

    def publishes(self, row: int) -> bool:
        """Whether a replica's own events tell what it holds."""
        return row in self._exact

    def known(self) -> dict[str, int]:
        """How many replicas' caches are known how well."""
        levels = [self.knowledge(row) for row in self._fleet.rows.values()]
        return {level: levels.count(level) for level in (EXACT, APPROXIMATE, UNKNOWN)}

    def knowledge(self, row: int) -> str:
        """How well a replica's cache is known."""
        return self._knowledge.get(row, APPROXIMATE)

    def set_knowledge(self, row: int, knowledge: str) -> None:
        """What the pool says of it; what one kind of knowledge entered is void under another."""
        if self._knowledge.get(row, APPROXIMATE) != knowledge:
            self.forget(row)
        self._knowledge[row] = knowledge
        (self._exact.add if knowledge == EXACT else self._exact.discard)(row)

    def stored(self, row: int, hashes: Hashes) -> None:
        """A replica's event: it holds these blocks."""
        self.index.store(row, hashes)

    def removed(self, row: int, hashes: Hashes) -> None:
        """A replica's event: it dropped these blocks."""
        self.index.remove(row, hashes)

    def leave(self, row: int) -> None:
        """Its replica left: whoever is in that row next is a stranger."""
        self.forget(row)
        self._knowledge.pop(row, None)
        self._exact.discard(row)

    def forget(self, row: int) -> None:
        """Whatever was known of a replica's cache is void."""
        self.index.forget(row)
        self._fresh.pop(row, None)

    def sent(self, row: int, fresh: int, block_tokens: float) -> None:
        """A replica was sent so many new blocks: half of what it can hold since it was last aged, and it has let go
        of what is older.
        """
        total = self._fresh.get(row, 0) + fresh
        if total * block_tokens > float(self._fleet.columns.kv_tokens[row]) * 0.5:
            self.index.age(row)
            total = 0
        self._fresh[row] = total
