"""A structured perceptron over tokens: the best sequence of tags by hashed features and tags before (Collins 2002)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from policies.signals.reading import Reading, Span
from router.classify.features import TEXT, Seen
from router.classify.linear import UNREADABLE, BadHead
from router.classify.native.library import function
from router.classify.pii.context import alone, rows, words
from router.classify.pii.tokens import STEPS, Token, tokens

OUTSIDE = 0  # the tag of a token in no span; a kind k (from 0) begins with tag 1 + 2k and goes on with 2 + 2k
Table = npt.NDArray[np.float32]
Keys = list[npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagger:
    """Weights of features (ROWS, tags) and of a tag after another (tags, tags), and the kinds of spans."""

    kinds: tuple[str, ...]
    table: Table
    after: Table

    tier: ClassVar[str] = TEXT

    def readings(self, seen: Seen) -> list[Reading]:
        """How many spans every text has, and which."""
        found = [tuple(self.spans(text)) for text in seen.texts]
        return [Reading(float(len(spans)), spans=spans) for spans in found]

    def save(self, path: Path) -> None:
        """Keep it in one file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            np.savez_compressed(out, kinds=np.array(self.kinds), table=self.table.astype(np.float16), after=self.after)

    def spans(self, text: str) -> list[Span]:
        """The spans of personal data, in order; none overlap."""
        found = tokens(text)
        return to_spans(best(scores(self.table, text, found), self.after), found, self.kinds) if found else []


def load(path: Path) -> Tagger:
    """A kept tagger; raises `BadHead` for a file of another kind."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as found:
            kinds, table, after = (found[name] for name in ("kinds", "table", "after"))
    except UNREADABLE as bad:
        raise BadHead(f"{path} is not a tagger ({bad}): make it with `weir train pii`") from bad
    return Tagger(kinds=tuple(map(str, kinds)), table=table.astype(np.float32), after=after)


def keys(text: str, found: Sequence[Token]) -> Keys:
    """Rows of the table for every token."""
    of = words(found)
    by_word = [alone(word) for word in of.distinct]
    split = [np.split(each.rows, np.cumsum(each.lengths)[:-1]) for each in by_word]
    own = rows(text, found, of) if found else ()
    return [
        np.concatenate([each, *(split[of.numbers[at + i]][i] for i in range(len(STEPS)))])
        for at, each in enumerate(own)
    ]


def scores(table: Table, text: str, found: Sequence[Token]) -> Table:
    """The sums of every token's rows, shape (tokens, tags): those of single words once for every word."""
    of = words(found)
    by_word = [alone(word) for word in of.distinct]
    steps = np.concatenate([each.lengths for each in by_word])
    single = added(table, np.concatenate([each.rows for each in by_word]), steps)
    own = rows(text, found, of)
    at = np.arange(len(found))[:, None] + np.arange(len(STEPS))
    around = of.numbers[at] * len(STEPS) + np.arange(len(STEPS))
    every = np.ones(len(found), np.int64)
    told = added(table, own.ravel(), every * own.shape[1])
    return told + added(single, around.ravel(), every * len(STEPS))


def added(table: Table, rows: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Table:
    """Sums of so many rows of a table, one after another, shape (lengths, tags)."""
    begins = np.concatenate(((0,), np.cumsum(lengths)))
    out = np.zeros((len(lengths), table.shape[1]), np.float32)
    function("add_rows")(
        table.ctypes.data, len(table), table.shape[1], rows.ctypes.data, begins.ctypes.data, out.ctypes.data, len(out)
    )
    return out


def best(scores: Table, after: Table) -> npt.NDArray[np.int64]:
    """The tags with the highest sum of scores, shape (tokens, tags), and of what follows what (Viterbi)."""
    tags, back = np.empty(len(scores), np.int64), np.empty(scores.shape, np.int32)
    reached, after = np.empty((2, scores.shape[1]), np.float32), np.ascontiguousarray(after, np.float32)
    function("best")(
        scores.ctypes.data, *scores.shape, after.ctypes.data, back.ctypes.data, reached.ctypes.data, tags.ctypes.data
    )
    return tags


def allowed(kinds: int) -> Table:
    """What a tag may follow: to go on, a span must have begun; shape (tags before, tags)."""
    tags = 1 + 2 * kinds
    barred = np.zeros((tags, tags), np.float32)
    for kind in range(kinds):
        begun, goes_on = 1 + 2 * kind, 2 + 2 * kind
        barred[:, goes_on] = -1e6
        barred[[begun, goes_on], goes_on] = 0
    return barred


def to_tags(spans: Sequence[Span], found: Sequence[Token], kinds: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """Each token's tag; a token that a span holds only in part is in it."""
    tags = np.zeros(len(found), np.int64)
    for span in spans:
        inside = [at for at, token in enumerate(found) if token.start < span.end and token.end > span.start]
        for at in inside:
            tags[at] = (1 if at == inside[0] else 2) + 2 * kinds[span.kind]
    return tags


def to_spans(tags: npt.NDArray[np.int64], found: Sequence[Token], kinds: Sequence[str]) -> list[Span]:
    """Spans of tags."""
    spans: list[Span] = []
    for tag, token in zip(tags.tolist(), found, strict=True):
        if tag == OUTSIDE:
            continue
        kind = kinds[(tag - 1) // 2]
        if tag % 2 == 0 and spans and spans[-1].kind == kind:
            spans[-1] = spans[-1]._replace(end=token.end)
        else:
            spans.append(Span(token.start, token.end, kind))
    return spans
