"""More examples of few: the same sentence about somebody else, and the same sentence in small letters."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from policies.signals.reading import Span
from router.classify.pii.learning import Marked
from router.classify.pii.tokens import tokens

COPIES = 2  # of every example, each with other spans of the same kind
SMALL = 0.15  # share of copies in small letters
BY_LENGTH = frozenset({"STREET_ADDRESS"})  # kinds of which a part only stands in for a part of the same length


def swapped(examples: Sequence[Marked], copies: int = COPIES) -> Iterator[Marked]:
    """The examples, then copies of those that have spans, with spans from other examples; by a fixed seed."""
    yield from examples
    chance, pool = np.random.Generator(np.random.PCG64(1)), _pool(examples)
    for example in examples:
        for _ in range(copies if example.spans else 0):
            copy = _swap(example, pool, chance)
            yield _small(copy) if chance.random() < SMALL else copy


def _pool(examples: Sequence[Marked]) -> dict[tuple[str, int], list[str]]:
    pool = defaultdict(list)
    for example in examples:
        for span in example.spans:
            shown = example.text[span.start : span.end]
            pool[_like(span.kind, shown)].append(shown)
    return pool


def _like(kind: str, shown: str) -> tuple[str, int]:
    return kind, len(tokens(shown)) if kind in BY_LENGTH else 0


def _swap(example: Marked, pool: dict[tuple[str, int], list[str]], chance: np.random.Generator) -> Marked:
    parts, spans, at, length = [], [], 0, 0
    for span in sorted(example.spans):
        others = pool[_like(span.kind, example.text[span.start : span.end])]
        between, shown = example.text[at : span.start], others[int(chance.integers(len(others)))]
        parts += [between, shown]
        begin = length + len(between)
        at, length = span.end, begin + len(shown)
        spans.append(Span(begin, length, span.kind))
    return Marked("".join([*parts, example.text[at:]]), tuple(spans))


def _small(example: Marked) -> Marked:
    small = example.text.lower()
    return example._replace(text=small) if len(small) == len(example.text) else example
