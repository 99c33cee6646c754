"""What replicas hold of prompts: from their own events where they send them, else from what was sent to them."""

from heapq import heappop, heappush

from policies.fleet import HBM, Fleet
from policies.kv.blocks import Hashes
from policies.kv.expected import expected_until
from policies.native.index import BlockBuffer, NativeIndex
from router.truth import Bounds, Truth

EXACT, APPROXIMATE, UNKNOWN = "exact", "approximate", "unknown"
MISPREDICTED = "mispredicted"  # why a replica that sends events is taken for one that does not

GUESSED_SHARE = 4  # the index of guesses takes at most this part of the blocks that the other takes
MOST_EXPECTED = 4  # blocks of prompts on their way that are noted, of a full index: prompts share blocks


class Held:
    """One index for both kinds of knowledge: a replica's row is fed either by its events or by our sends.

    Beside it an index of guesses, for replicas whose events are believed: what requests on their way there will bring,
    dropped at a deadline because by then an event has said so; prompts that could be compared as text only; and what a
    mispredicted replica was sent. A guess never enters the first index, so that stays what the events say.
    """

    __slots__ = (
        "_exact", "_expected", "_fleet", "_fresh", "_knowledge", "_number", "_pending", "blocks", "bounds", "guessed",
        "index", "mispredicted", "truths",
    )  # fmt: skip

    def __init__(self, fleet: Fleet, limit_blocks: int) -> None:
        self.blocks = BlockBuffer()
        self.index = NativeIndex(limit_blocks, replicas=64, generations=2)
        self.guessed = NativeIndex(max(limit_blocks // GUESSED_SHARE, 1), replicas=64, generations=2)
        self.mispredicted: set[int] = set()
        self.truths: dict[int, Truth] = {}
        self.bounds = Bounds()
        self._fleet = fleet
        self._knowledge: dict[int, str] = {}
        self._exact: set[int] = set()
        self._fresh: dict[int, int] = {}
        self._pending: list[tuple[float, int, int, Hashes]] = []  # (until, a number to order by, row, blocks)
        self._number = self._expected = 0  # prompts ever expected, and blocks expected now

    @property
    def guesses(self) -> bool:
        """Whether there is anything to be said beside what is known."""
        return bool(self.mispredicted) or len(self.guessed) > 0

    def publishes(self, row: int) -> bool:
        """Whether a replica's own events tell what it holds."""
        return row in self._exact

    def known(self) -> dict[str, int]:
        """How many replicas' caches are known how well."""
        levels = [self.knowledge(row) for row in self._fleet.rows.values()]
        return {level: levels.count(level) for level in (EXACT, APPROXIMATE, UNKNOWN)}

    def knowledge(self, row: int) -> str:
        """How well a replica's cache is known."""
        return APPROXIMATE if row in self.mispredicted else self._knowledge.get(row, APPROXIMATE)

    def reason(self, row: int) -> str:
        """Why its cache is known less well than its events would have it; empty where it is not."""
        return MISPREDICTED if row in self.mispredicted else ""

    def set_knowledge(self, row: int, knowledge: str) -> None:
        """What the pool says of it; what one kind of knowledge entered is void under another."""
        if self._knowledge.get(row, APPROXIMATE) != knowledge:
            self.forget(row)
        self._knowledge[row] = knowledge
        (self._exact.add if knowledge == EXACT else self._exact.discard)(row)

    def stored(self, row: int, hashes: Hashes, tier: int = HBM) -> None:
        """A replica's event: it holds these blocks in that tier."""
        self.index.store(row, hashes, tier)

    def removed(self, row: int, hashes: Hashes, tier: int = HBM) -> None:
        """A replica's event: it dropped these blocks from that tier."""
        self.index.remove(row, hashes, tier)
        if len(self.guessed):
            self.guessed.remove(row, hashes)

    def leave(self, row: int) -> None:
        """Its replica left: whoever is in that row next is a stranger."""
        self.forget(row)
        self._knowledge.pop(row, None)
        self._exact.discard(row)

    def forget(self, row: int) -> None:
        """Whatever was known of a replica's cache is void, and how well it was predicted."""
        self.index.forget(row)
        self.guessed.forget(row)
        self._fresh.pop(row, None)
        self.truths.pop(row, None)
        self.mispredicted.discard(row)

    def sent(self, row: int, fresh: int, block_tokens: float) -> None:
        """A replica was sent so many new blocks, which are held to be in its cache until they must have left it."""
        if self._full(row, fresh, block_tokens):
            self.index.age(row)

    def guess(self, row: int, fresh: int, block_tokens: float) -> None:
        """The same of blocks in the index of guesses."""
        if self._full(row, fresh, block_tokens):
            self.guessed.age(row)

    def expect(self, row: int, now: float, ttft_s: float) -> None:
        """The last prompt is on its way to a replica, which will soon say that it holds its blocks."""
        if self._expected >= MOST_EXPECTED * self.guessed.limit_blocks:
            return
        hashes = self.blocks.hashes().copy()
        if self.guessed.store(row, hashes):
            self._number += 1
            self._expected += len(hashes)
            heappush(self._pending, (expected_until(now, ttft_s), self._number, row, hashes))

    def expire(self, now: float) -> None:
        """Drop what was expected by now: it has come, or it will not."""
        while self._pending and self._pending[0][0] <= now:
            _, _, row, hashes = heappop(self._pending)
            self._expected -= len(hashes)
            self.guessed.remove(row, hashes)

    def judge(self, row: int, known: float, perhaps: float, reported: float, prompt_tokens: float, now: float) -> bool:
        """What an engine said of one prompt beside what was predicted; True when that changes how it is known."""
        truth = self.truths.get(row)
        if truth is None:
            truth = self.truths[row] = Truth(self.bounds)
        changed = truth.judge(known, perhaps, reported, prompt_tokens, now)
        if changed:
            self.guessed.forget(row)
            self._fresh.pop(row, None)
            (self.mispredicted.add if truth.mispredicted else self.mispredicted.discard)(row)
        return changed

    def _full(self, row: int, fresh: int, block_tokens: float) -> bool:
        """Count new blocks; True when they are half of what the replica can hold since it was last aged: then it has
        let go of what is older.
        """
        total = self._fresh.get(row, 0) + fresh
        full = total * block_tokens > float(self._fleet.columns.kv_tokens[row]) * 0.5
        self._fresh[row] = 0 if full else total
        return full
