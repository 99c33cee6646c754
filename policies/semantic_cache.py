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
    vector: Embedding
    cacheable: bool  # see `cacheable`


class Kept(NamedTuple):
    """One answer that may be given again."""

    text: str
    answer: bytes
    at_s: float


class Hit(NamedTuple):
    """An answer found, and how alike the questions are."""

    answer: bytes
    similarity: float
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRules:
    """Rules by category; a category without one is not cached unless there is a default."""

    by_category: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    default: Rule | None = None

    def of(self, category: str) -> Rule | None:
        """The rule of a category."""
        return self.by_category.get(category, self.default)


FIRST_ROWS = 16
SAME = 1.0 - 1e-6  # similarity of a question to itself


class _Shelf:
    """One partition's answers: vectors in rows, the least recently used first in `order`."""

    __slots__ = ("free", "kept", "order", "vectors")

    def __init__(self, width: int) -> None:
        self.vectors: npt.NDArray[np.float32] = np.zeros((FIRST_ROWS, width), np.float32)
        self.kept: dict[int, Kept] = {}
        self.order: OrderedDict[int, None] = OrderedDict()
        self.free = list(range(FIRST_ROWS))

    def nearest(self, vector: Embedding) -> tuple[int, float]:
        """The row most alike, and how alike; (-1, 0) when there is none."""
        if not self.kept:
            return -1, 0.0
        rows = np.fromiter(self.kept, np.intp, len(self.kept))
        scores = self.vectors[rows] @ vector
        at = int(np.argmax(scores))
        return int(rows[at]), float(scores[at])

    def holds(self, vector: Embedding) -> bool:
        """Whether vectors of that width lie here: another encoder's are not compared."""
        return len(vector) == len(self.vectors[0])

    def expire(self, rule: Rule, now: float) -> None:
        """Forget what is too old."""
        for row in [row for row, kept in self.kept.items() if now - kept.at_s >= rule.ttl_s]:
            self.drop(row)

    def drop(self, row: int) -> None:
        """Forget one."""
        del self.kept[row]
        del self.order[row]
        self.free.append(row)

    def put(self, vector: Embedding, kept: Kept, quota: int) -> None:
        """Keep one, in place of the least recently used where the quota is reached."""
        while len(self.kept) >= quota:
            self.drop(next(iter(self.order)))
        if not self.free:
            self.free = list(range(len(self.vectors), 2 * len(self.vectors)))
            self.vectors = np.concatenate([self.vectors, np.zeros_like(self.vectors)])
        row = self.free.pop()
        self.vectors[row] = vector
        self.kept[row] = kept
        self.order[row] = None


class SemanticCache:
    """Answers by partition; a mutable store that is told the time and everything else."""

    def __init__(self, rules: CacheRules, most_partitions: int = 256) -> None:
        self.rules, self.most_partitions = rules, most_partitions  # partitions of one tenant: none evicts another's
        self._tenants: dict[str, OrderedDict[Partition, _Shelf]] = {}

    def __len__(self) -> int:
        return sum(len(shelf.kept) for shelves in self._tenants.values() for shelf in shelves.values())

    def look_up(self, asked: Asked, now: float) -> Hit | None:
        """An answer to a question of the same meaning, of the same partition, that is not too old."""
        shelves = self._tenants.get(asked.partition.tenant, OrderedDict())
        rule, shelf = self.rules.of(asked.partition.category), shelves.get(asked.partition)
        if rule is None or shelf is None or not _fit(asked) or not shelf.holds(asked.vector):
            return None
        shelf.expire(rule, now)
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
        shelf = self._shelf(asked)
        if not shelf.holds(asked.vector):
            return False
        shelf.expire(rule, now)
        row, similarity = shelf.nearest(asked.vector)
        if row >= 0 and similarity >= SAME and shelf.kept[row].text == asked.text:
            shelf.drop(row)
        shelf.put(asked.vector, Kept(asked.text, answer, now), rule.quota)
        return True

    def forget(self, tenant: str) -> int:
        """Drop everything of a tenant; how many answers that were."""
        return sum(len(shelf.kept) for shelf in self._tenants.pop(tenant, OrderedDict()).values())

    def _shelf(self, asked: Asked) -> _Shelf:
        shelves = self._tenants.setdefault(asked.partition.tenant, OrderedDict())
        if asked.partition not in shelves:
            shelves[asked.partition] = _Shelf(len(asked.vector))
            if len(shelves) > self.most_partitions:
                shelves.popitem(last=False)
        return shelves[asked.partition]


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
