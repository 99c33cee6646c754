"""What the ranks of one replica hold together: a block is held while any rank holds it. Pure.

A router sends to an address, and behind one address the engine itself picks the rank, so the ranks are one replica.
That a block is with some rank does not say that the request will get there: what is predicted from the union is the
most that may be cached, and the truth meter shows by how much it is too much. Ranks with an address each are replicas
of their own, known exactly.
"""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field

from pool.holdings import CLEARED, REMOVED, STORED, Change, Holdings


@dataclass(slots=True)
class Union:
    """How many ranks hold each block, by tier."""

    _held: dict[str, Counter[int]] = field(default_factory=dict)  # tier → own hash → ranks

    def tiers(self) -> list[str]:
        """The tiers that hold anything."""
        return [tier for tier, held in self._held.items() if held]

    def own(self, tier: str) -> list[int]:
        """Own hashes of a tier's blocks."""
        return list(self._held.get(tier, ()))

    def held(self, tier: str) -> Container[int]:
        """The same, to look one up."""
        return self._held.get(tier, ())

    def take(self, change: Change) -> Change | None:
        """What one rank's change is for all of them; None when nothing."""
        held = self._held.setdefault(change.tier, Counter())
        if change.kind == STORED:
            fresh = [block for block in change.blocks if block not in held]
            held.update(change.blocks)
            return change._replace(blocks=fresh) if fresh else None
        gone = [block for block in change.blocks if held[block] == 1]
        held.subtract(change.blocks)
        for block in gone:
            del held[block]
        return change._replace(blocks=gone) if gone else None

    def settle(self, ranks: list[Holdings]) -> list[Change]:
        """After one rank was emptied: what is gone now that nobody holds it."""
        changes = []
        for tier, before in self._held.items():
            self._held[tier] = now = Counter(block for rank in ranks for block in rank.own(tier))
            gone = [block for block in before if block not in now]
            changes += [Change(REMOVED, gone, tier)] if gone else []
        return changes

    def clear(self) -> Change:
        """No rank holds anything."""
        self._held.clear()
        return Change(CLEARED, [])
