"""A structured perceptron over tokens: the best sequence of tags by hashed features and tags before (Collins 2002)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from policies.signals.reading import Reading, Span
from router.classify.features import TEXT, Seen
from router.classify.linear import UNREADABLE, BadHead
from router.classify.ngrams import hashed
from router.classify.pii.tokens import STEPS, Token, edged, placed, seen, tokens

ROWS = 1 << 17  # of the feature table
REMEMBERED = 1 << 16  # words and where they stand
AT_ONCE = 32  # tokens whose features are looked up together
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
        return to_spans(best(self.table, self.after, keys(text, found)), found, self.kinds) if found else []


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
    words, rows = edged(found), list[npt.NDArray[np.int64]]()
    for at, among in enumerate(seen(text, found)):
        own = [hashed(word) % ROWS for word in among]
        for step in STEPS:
            own += _placed(step, words[at + 2 + step])
        rows.append(np.array(own, np.int64))
    return rows


@lru_cache(REMEMBERED)
def _placed(step: int, word: str) -> list[int]:
    return [hashed(each) % ROWS for each in placed(step, word)]


def _scores(table: Table, rows: Keys) -> Table:
    """The sums of every token's rows, shape (tokens, tags); some tokens at a time, so that they stay in the cache."""
    parts = []
    for at in range(0, len(rows), AT_ONCE):
        some = rows[at : at + AT_ONCE]
        begins = np.cumsum([0, *(len(each) for each in some[:-1])])
        parts.append(np.add.reduceat(table[np.concatenate(some)], begins, axis=0))
    return np.concatenate(parts)


def best(table: Table, after: Table, rows: Keys) -> npt.NDArray[np.int64]:
    """The tags with the highest sum of scores (Viterbi)."""
    scores = _scores(table, rows)
    back = np.zeros(scores.shape, np.int64)
    reached = scores[0] + after[OUTSIDE]
    for at in range(1, len(scores)):
        through = reached[:, None] + after
        back[at] = through.argmax(axis=0)
        reached = through.max(axis=0) + scores[at]
    tags = np.empty(len(scores), np.int64)
    tags[-1] = reached.argmax()
    for at in range(len(scores) - 1, 0, -1):
        tags[at - 1] = back[at, tags[at]]
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
