"""Answers given again to requests that mean the same: per category, per tenant, never across (SemCache)."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from policies.signals.port import Embedding


class Partition(NamedTuple):
    """Who may share an answer; two partitions are different keys, so no threshold can join them."""

    tenant: str
    model: str  # the model asked for: another one's answer is another answer
    category: str
    shape: str  # a hash of all that changes an answer but the question: system prompt, format, sampling


class Rule(NamedTuple):
    """How one category is cached."""

    threshold: float = 0.92  # cosine similarity from which two questions are the same
    ttl_s: float = 3600.0
    quota: int = 1000  # answers of one partition; the least recently used leaves


class Asked(NamedTuple):
    """What of a request matters for caching."""

    partition: Partition
    text: str  # the question itself, for equality
    vector: Embedding  # of no length where it was not embedded
    cacheable: bool  # see `cacheable`


class Kept(NamedTuple):
    """One answer that may be given again."""

    text: str
    answer: bytes
    at_s: float
    embedded: int = 0  # numbers of its question's vector; 0 without one

    def size(self) -> int:
        """What it takes."""
        return len(self.text) + len(self.answer) + 4 * self.embedded + BESIDE_BYTES


class Hit(NamedTuple):
    """An answer found, and how alike the questions are."""

    answer: bytes
    similarity: float  # 1 for the same words
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRules:
    """Rules by category; a category without one is not cached unless there is a default."""

    by_category: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    default: Rule | None = None

    def of(self, category: str) -> Rule | None:
        """The rule of a category."""
        return self.by_category.get(category, self.default)


FIRST_ROWS = 1
MOST_BYTES = 64 << 20
BESIDE_BYTES = 512  # of one answer beside its texts and its vector
NO_VECTOR: Embedding = np.zeros(0, np.float32)
"""A question that nobody embedded: found again by its words alone."""


class _Shelf:
    """One partition's answers: vectors in rows, the least recently used first in `order`."""

    __slots__ = ("by_text", "free", "kept", "order", "vectors")

    def __init__(self) -> None:
        self.vectors: npt.NDArray[np.float32] = np.zeros((FIRST_ROWS, 0), np.float32)
        self.kept: dict[int, Kept] = {}
        self.by_text: dict[str, int] = {}
        self.order: OrderedDict[int, None] = OrderedDict()
        self.free = list(range(FIRST_ROWS))

    def nearest(self, vector: Embedding) -> tuple[int, float]:
        """The row most alike, and how alike; (-1, 0) when there is none."""
        rows = np.fromiter((row for row, kept in self.kept.items() if kept.embedded), np.intp)
        if not len(rows) or len(vector) != self.vectors.shape[1]:  # another encoder's vectors are not compared
            return -1, 0.0
        scores = self.vectors[rows] @ vector
        at = int(np.argmax(scores))
        return int(rows[at]), float(scores[at])

    def holds(self, vector: Embedding) -> bool:
        """Whether such a vector may lie here: another encoder's may not."""
        width = self.vectors.shape[1]
        return not len(vector) or not width or len(vector) == width

    def expired(self, rule: Rule, now: float) -> list[int]:
        """The rows that are too old."""
        return [row for row, kept in self.kept.items() if now - kept.at_s >= rule.ttl_s]

    def drop(self, row: int) -> int:
        """Forget one; the bytes that it took."""
        kept = self.kept.pop(row)
        del self.order[row], self.by_text[kept.text]
        self.free.append(row)
        return kept.size()

    def put(self, vector: Embedding, kept: Kept) -> None:
        """Keep one."""
        if len(vector) and not self.vectors.shape[1]:
            self.vectors = np.zeros((len(self.vectors), len(vector)), np.float32)
        if not self.free:
            self.free = list(range(len(self.vectors), 2 * len(self.vectors)))
            self.vectors = np.concatenate([self.vectors, np.zeros_like(self.vectors)])
        row = self.free.pop()
        if len(vector):
            self.vectors[row] = vector
        self.kept[row], self.by_text[kept.text], self.order[row] = kept, row, None


class SemanticCache:
    """Answers by partition; a mutable store that is told the time and everything else."""

    def __init__(self, rules: CacheRules, most_partitions: int = 256, most_bytes: int = MOST_BYTES) -> None:
        self.rules, self.most_partitions = rules, most_partitions  # partitions of one tenant: none evicts another's
        self.most_bytes = most_bytes  # beyond it the tenant that holds most gives its least recently used answers
        self._tenants: dict[str, OrderedDict[Partition, _Shelf]] = {}
        self._held: dict[str, int] = {}  # bytes by tenant

    def __len__(self) -> int:
        return sum(len(shelf.kept) for shelves in self._tenants.values() for shelf in shelves.values())

    @property
    def size(self) -> int:
        """What texts, answers and vectors take."""
        return sum(self._held.values())

    def look_up(self, asked: Asked, now: float) -> Hit | None:
        """An answer to the same question, or one of the same meaning, of the same partition, that is not too old."""
        shelves = self._tenants.get(asked.partition.tenant, OrderedDict())
        rule, shelf = self.rules.of(asked.partition.category), shelves.get(asked.partition)
        if rule is None or shelf is None or not _fit(asked):
            return None
        self._expire(asked.partition, shelf, rule, now)
        if not shelf.order:
            return None
        row, similarity = shelf.by_text.get(asked.text, -1), 1.0
        if row < 0:
            row, similarity = shelf.nearest(asked.vector)
            if row < 0 or similarity < rule.threshold or not numbers_agree(asked.text, shelf.kept[row].text):
                return None
        shelf.order.move_to_end(row)
        shelves.move_to_end(asked.partition)
        return Hit(shelf.kept[row].answer, similarity, now - shelf.kept[row].at_s)

    def keep(self, asked: Asked, answer: bytes, now: float) -> bool:
        """Keep an answer; False where it may not be kept."""
        rule = self.rules.of(asked.partition.category)
        if rule is None or rule.quota <= 0 or not answer or not _fit(asked):
            return False
        kept = Kept(asked.text, answer, now, len(asked.vector))
        if kept.size() > self.most_bytes:
            return False
        tenant = asked.partition.tenant
        before = self._tenants.get(tenant, OrderedDict()).get(asked.partition)
        if before is not None:
            self._expire(asked.partition, before, rule, now)
        shelf = self._shelf(asked.partition)
        if not shelf.holds(asked.vector):
            return False
        if asked.text in shelf.by_text:
            self._held[tenant] -= shelf.drop(shelf.by_text[asked.text])
        while len(shelf.kept) >= rule.quota:
            self._held[tenant] -= shelf.drop(next(iter(shelf.order)))
        shelf.put(asked.vector, kept)
        self._held[tenant] = self._held.get(tenant, 0) + kept.size()
        while self.size > self.most_bytes:
            self._give_back(max(self._held, key=self._held.__getitem__))
        return True

    def forget(self, tenant: str) -> int:
        """Drop everything of a tenant; how many answers that were."""
        self._held.pop(tenant, None)
        return sum(len(shelf.kept) for shelf in self._tenants.pop(tenant, OrderedDict()).values())

    def _expire(self, partition: Partition, shelf: _Shelf, rule: Rule, now: float) -> None:
        for row in shelf.expired(rule, now):
            self._held[partition.tenant] -= shelf.drop(row)
        if not shelf.order:
            self._leave(partition)

    def _give_back(self, tenant: str) -> None:
        """Drop a tenant's least recently used answer."""
        shelves = self._tenants[tenant]
        partition, shelf = next(iter(shelves.items()))
        if shelf.order:
            self._held[tenant] -= shelf.drop(next(iter(shelf.order)))
        if not shelf.order:
            self._leave(partition)

    def _leave(self, partition: Partition) -> None:
        """Forget a partition that holds nothing, and a tenant without any."""
        shelves = self._tenants[partition.tenant]
        del shelves[partition]
        if not shelves:
            del self._tenants[partition.tenant]
            self._held.pop(partition.tenant, None)

    def _shelf(self, partition: Partition) -> _Shelf:
        shelves = self._tenants.setdefault(partition.tenant, OrderedDict())
        if partition not in shelves:
            shelves[partition] = _Shelf()
            if len(shelves) > self.most_partitions:
                _, gone = shelves.popitem(last=False)
                self._held[partition.tenant] -= sum(kept.size() for kept in gone.kept.values())
        return shelves[partition]


def cacheable(roles: Iterable[str], *, tools: bool, tool_calls: bool, images: int, n: int, temperature: float) -> bool:
    """Whether a request's answer may be given again: one question, no tools anywhere, no wish for another answer."""
    told = list(roles)
    return (
        told.count("user") == 1
        and not {"tool", "function", "assistant"} & set(told)
        and not tools
        and not tool_calls
        and images == 0
        and n == 1
        and temperature <= 1.0
    )


def numbers_agree(one: str, other: str) -> bool:
    """Whether two questions name the same numbers and the same negations: embeddings hardly see either."""
    return _sharp(one) == _sharp(other)


NEGATIONS = frozenset({"not", "no", "never", "without", "isn't", "don't", "doesn't", "can't", "cannot", "except"})


def _sharp(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    words = [word.strip(".,;:!?()[]\"'") for word in text.lower().split()]
    numbers = tuple(sorted(word for word in words if any(each.isdigit() for each in word)))
    return numbers, NEGATIONS.intersection(words)


def _fit(asked: Asked) -> bool:
    return asked.cacheable and bool(asked.partition.tenant) and bool(np.isfinite(asked.vector).all())
