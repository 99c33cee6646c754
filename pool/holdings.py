"""What one replica's cache holds, in the engine's hashes and in Weir's own, by tier; bounded. Pure."""

from collections.abc import Container, Iterable
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
    _owned: dict[str, set[int]] = field(default_factory=dict)  # tier → own hashes, once somebody looked one up
    _group: int | None = None  # the attention group that is followed: the first whose blocks hold whole prefixes

    def __len__(self) -> int:
        return sum(map(len, self._tiers.values()))

    def apply(self, event: Event) -> Change | None:
        """Take in one event; None when it changed nothing. One attention group is followed."""
        if isinstance(event, Cleared):
            return self.clear()
        if isinstance(event, Stored):
            return self._store(event) if self._follows(event) else None
        return self._remove(event) if event.group == (self._group or 0) else None

    def clear(self) -> Change:
        """Forget every block."""
        for names in (self._own, self._gone, self._long_gone, self._tiers, self._owned):
            names.clear()
        return Change(CLEARED, [])

    def lose(self) -> Change:
        """Hold nothing any more, but keep the names: what a hash stands for stays true."""
        self._long_gone, self._gone = self._own, {}
        self._own, self._tiers, self._owned = {}, {}, {}
        return Change(CLEARED, [])

    def tiers(self) -> list[str]:
        """The tiers that hold anything."""
        return [tier for tier, held in self._tiers.items() if held]

    def own(self, tier: str) -> list[int]:
        """Own hashes of a tier's blocks, oldest first."""
        return [self._own[engine] for engine in self._tiers.get(tier, ())]

    def held(self, tier: str) -> Container[int]:
        """Own hashes of a tier's blocks, to look one up."""
        if tier not in self._owned:
            self._owned[tier] = set(self.own(tier))
        return self._owned[tier]

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
        self._owned.pop(tier, None)
        return Change(STORED, own, tier)

    def _follows(self, event: Stored) -> bool:
        """Whether an event tells of prefixes: a sliding window's blocks are no prefix, and of several groups that
        hold whole ones, which fill and empty together, the first will do."""
        if self._group is None and event.whole:
            self._group = event.group
        return event.whole is not False and event.group == (self._group or 0)

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
        if self._own and event.block_tokens != self.block_tokens:  # a part of a block, or nonsense: no prefix of ours
            self.odd.contradictions += 1
            return None
        try:
            own = own_hashes(event, parent, self.hasher)
        except BadEvent:
            self.odd.contradictions += 1
            return None
        self.block_tokens = event.block_tokens if own else self.block_tokens
        return own

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
        if tier in self._owned:
            self._owned[tier].update(fresh)
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
        if event.tier in self._owned:
            self._owned[event.tier].difference_update(removed)
        return Change(REMOVED, removed, event.tier) if removed else None

    def _let_go(self, engine: int) -> None:
        """Keep a block's name for a while when no tier holds it any more."""
        if len(self._tiers) > 1 and any(engine in held for held in self._tiers.values()):
            return
        self._gone[engine] = self._own.pop(engine)
        if len(self._gone) >= GONE_BLOCKS:
            self._long_gone, self._gone = self._gone, {}
