"""What one replica's cache holds, in the engine's hashes and in Weir's own, by tier; bounded. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from policies.kv.blocks import Hashes
from pool.kv_events import HBM, Cleared, Event, Removed, Stored
from pool.own_hashes import BadEvent, Hasher, own_hashes
from weir.v1 import fleet_pb2

LIMIT_BLOCKS = 1 << 21  # more than any engine's cache in HBM; about 200 bytes a block here
GONE_BLOCKS = 1 << 15  # removed blocks still known by name, so that another tier's events can refer to them: at least
# so many and at most twice that, for they are forgotten a generation at a time

STORED, REMOVED, CLEARED = fleet_pb2.KvEvent.STORED, fleet_pb2.KvEvent.REMOVED, fleet_pb2.KvEvent.CLEARED


class Change(NamedTuple):
    """What an event changed, in own hashes."""

    kind: fleet_pb2.KvEvent.Kind
    blocks: list[int]
    tier: str = HBM


@dataclass(slots=True)
class Oddities:
    """Things an engine said that do not fit what is known of it; each counts blocks or events."""

    orphans: int = 0  # blocks stored below a parent that is not known
    strangers: int = 0  # blocks removed that were not held
    contradictions: int = 0  # events whose numbers contradict one another
    refused: int = 0  # blocks beyond the limit
    strays: int = 0  # blocks stored below a parent that was not held

    @property
    def evidence(self) -> int:
        """Rises when something shows that the cache holds blocks which are not known."""
        return self.orphans + self.strangers + self.contradictions + self.refused + self.strays


class TierBlocks(NamedTuple):
    """The blocks of one tier: two columns of equal length."""

    engine: Hashes
    own: Hashes


@dataclass(slots=True)
class Holdings:
    """Blocks held, translated; every method returns what changed."""

    hasher: Hasher
    limit: int = LIMIT_BLOCKS
    block_tokens: int = 0  # as the engine last said
    odd: Oddities = field(default_factory=Oddities)
    stored_blocks: int = 0  # ever
    _own: dict[int, int] = field(default_factory=dict)  # engine hash → own hash
    _gone: dict[int, int] = field(default_factory=dict)  # likewise, of blocks that lately left every tier
    _long_gone: dict[int, int] = field(default_factory=dict)  # and of those before them
    _tiers: dict[str, dict[int, int]] = field(default_factory=dict)  # tier → engine hash → times it is held

    def __len__(self) -> int:
        return sum(map(len, self._tiers.values()))

    def apply(self, event: Event) -> Change | None:
        """Take in one event; None when it changed nothing. Only the first attention group is followed."""
        if isinstance(event, Cleared):
            return self.clear()
        if event.group:
            return None
        return self._store(event) if isinstance(event, Stored) else self._remove(event)

    def clear(self) -> Change:
        """Forget every block."""
        for names in (self._own, self._gone, self._long_gone, self._tiers):
            names.clear()
        return Change(CLEARED, [])

    def lose(self) -> Change:
        """Hold nothing any more, but keep the names: what a hash stands for stays true."""
        self._long_gone, self._gone = self._own, {}
        self._own, self._tiers = {}, {}
        return Change(CLEARED, [])

    def tiers(self) -> list[str]:
        """The tiers that hold anything."""
        return [tier for tier, held in self._tiers.items() if held]

    def own(self, tier: str) -> list[int]:
        """Own hashes of a tier's blocks, oldest first."""
        return [self._own[engine] for engine in self._tiers.get(tier, ())]

    def columns(self, tier: str) -> TierBlocks:
        """A tier's blocks as two columns, to be kept elsewhere."""
        held = self._tiers.get(tier, {})
        engine = np.fromiter(held, dtype=np.uint64, count=len(held))
        return TierBlocks(engine, np.fromiter(self.own(tier), dtype=np.uint64, count=len(held)))

    def restore(self, tier: str, blocks: TierBlocks) -> Change:
        """Hold what was kept elsewhere, up to the limit."""
        engine, own = blocks.engine[: self.limit].tolist(), blocks.own[: self.limit].tolist()
        self._own.update(zip(engine, own, strict=True))
        self._tiers[tier] = dict.fromkeys(engine, 1)
        return Change(STORED, own, tier)

    def _store(self, event: Stored) -> Change | None:
        own = self._known(event.hashes) if not event.tokens else self._hash(event)
        if own is None:
            return None
        if len(self._own) + len(own) > self.limit:  # blocks held already count twice here: the bound is a guard
            self.odd.refused += len(own)
            return None
        fresh = self._hold(event.tier, zip(event.hashes, own, strict=True))
        self.stored_blocks += len(fresh)
        return Change(STORED, fresh, event.tier) if fresh else None

    def _hash(self, event: Stored) -> list[int] | None:
        parent = None
        if event.parent is not None:
            parent = self._own.get(event.parent)
            if parent is None:
                parent = self._name(event.parent)
                self.odd.strays += 1
            if parent is None:
                self.odd.orphans += len(event.hashes)
                return None
        self.block_tokens = event.block_tokens
        try:
            return own_hashes(event, parent, self.hasher)
        except BadEvent:
            self.odd.contradictions += 1
            return None

    def _known(self, hashes: list[int]) -> list[int] | None:
        """Own hashes of blocks that only change tier; None unless every one is known."""
        own = [name for name in map(self._name, hashes) if name is not None]
        if len(own) == len(hashes):
            return own
        self.odd.orphans += len(hashes)
        return None

    def _name(self, engine: int) -> int | None:
        for names in (self._own, self._gone, self._long_gone):
            if engine in names:
                return names[engine]
        return None

    def _hold(self, tier: str, pairs: Iterable[tuple[int, int]]) -> list[int]:
        held, mine, fresh = self._tiers.setdefault(tier, {}), self._own, []
        for engine, own in pairs:
            times = held.get(engine)
            if times is None:
                held[engine] = 1
                mine[engine] = own
                fresh.append(own)
            else:  # an engine may compute the same block twice at once and then holds, and removes, two
                held[engine] = times + 1
        return fresh

    def _remove(self, event: Removed) -> Change | None:
        held, removed = self._tiers.get(event.tier, {}), []
        for engine in event.hashes:
            times = held.get(engine, 0)
            if times > 1:
                held[engine] = times - 1
            elif times:
                del held[engine]
                removed.append(self._own[engine])
                self._let_go(engine)
            else:
                self.odd.strangers += 1
        return Change(REMOVED, removed, event.tier) if removed else None

    def _let_go(self, engine: int) -> None:
        """Keep a block's name for a while when no tier holds it any more."""
        if len(self._tiers) > 1 and any(engine in held for held in self._tiers.values()):
            return
        self._gone[engine] = self._own.pop(engine)
        if len(self._gone) >= GONE_BLOCKS:
            self._long_gone, self._gone = self._gone, {}
