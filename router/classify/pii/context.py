"""Which rows of a feature table every token of a text has, all at once: what it is, its neighbours, its sentence.

A feature is a name and what it is of, put together from parts. The parts of all words lie one after another in a pool,
so that a feature is a few numbers, and a compiled loop hashes them.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.classify.native.library import function
from router.classify.ngrams import TABLE_AT
from router.classify.pii.tokens import EDGE, FAR, FEW, STEPS, Token, forms, is_plain, kinds, of_word, own, shape

ROWS = 1 << 17  # of the feature table
REMEMBERED = 1 << 16  # words
NAMES = (b"lr=", b"l=", b"r=", b"ll=", b"s3=", b"s5=", b"d=")
LR, L, R, LL, S3, S5, LEAD = range(len(NAMES))
LOW, AFTER_LOW, SHAPE, AFTER_SHAPE, AFTER_OWN, PLAIN, AFTER_PLAIN, EACH = range(8)
"""The parts of a word: in small letters, its shape, what it is, as it stands; behind another it begins with a space."""
FEATURES, MOST_PARTS = 17, 6
REACH = max(STEPS)

Ids = npt.NDArray[np.int64]
Parts = npt.NDArray[np.int32]


class Words(NamedTuple):
    """The words of a text, each once, and which one every token is, with `REACH` edges at either end."""

    distinct: Sequence[str]
    numbers: Ids


def words(found: Sequence[Token]) -> Words:
    """The words of some tokens."""
    number = {EDGE: 0}
    told = [number.setdefault(token.text, len(number)) for token in found]
    return Words(list(number), np.array([*[0] * REACH, *told, *[0] * REACH], np.int64))


def rows(text: str, found: Sequence[Token], of: Words) -> Ids:
    """The rows of every token that depend on more than one word, shape (tokens, `FEATURES`)."""
    pool = [*NAMES, *(part for word in of.distinct for part in _parts(word))]
    parts = np.full((len(found), FEATURES, MOST_PARTS), -1, np.int32)
    _neighbours(parts, of)
    _leads(parts, of)
    _places(parts, found, forms(text, found), pool)
    _sentence(parts, of, kinds([token.text for token in found]), pool)
    return _hashed(pool, parts)


def _hashed(pool: Sequence[bytes], parts: Parts) -> Ids:
    ends = np.cumsum([len(part) for part in pool])
    out = np.empty(parts.shape[:2], np.int64)
    function("hash_rows")(
        b"".join(pool), ends.ctypes.data, len(ends), parts.ctypes.data, out.size, MOST_PARTS, ROWS, TABLE_AT,
        out.ctypes.data,
    )  # fmt: skip
    return out


@lru_cache(REMEMBERED)
def _parts(word: str) -> tuple[bytes, ...]:
    low, form = word.lower(), shape(word)
    told = (low, f" {low}", form, f" {form}", f" {own(word)}", word, f" {word}")
    return tuple(part.encode("utf-8", "replace") for part in told)


def _part(of: Words, step: int, which: int) -> Parts:
    """The numbers of a part of the words so many steps from each token."""
    begin = REACH + step
    here = of.numbers[begin : len(of.numbers) - 2 * REACH + begin]
    return (len(NAMES) + EACH * here + which).astype(np.int32)


def _put(parts: Parts, feature: int, name: int, *told: Parts) -> None:
    parts[:, feature, 0] = name
    for at, each in enumerate(told, 1):
        parts[:, feature, at] = each


def _neighbours(parts: Parts, of: Words) -> None:
    """Words and shapes side by side: features 0 to 5."""
    low, after = {step: _part(of, step, LOW) for step in STEPS}, {step: _part(of, step, AFTER_LOW) for step in STEPS}
    shapes = [_part(of, step, SHAPE if step == -REACH else AFTER_SHAPE) for step in STEPS]
    _put(parts, 0, LR, low[-1], after[1])
    _put(parts, 1, L, low[-1], after[0])
    _put(parts, 2, R, low[0], after[1])
    _put(parts, 3, LL, low[-2], after[-1])
    _put(parts, 4, S3, _part(of, -1, SHAPE), *shapes[2:4])
    _put(parts, 5, S5, *shapes)


def _leads(parts: Parts, of: Words) -> None:
    """The last two plain words before every token, alone and with what the token is: features 6 and 7."""
    here = of.numbers[REACH:-REACH]
    plain = np.array([is_plain(word) for word in of.distinct])[here]
    before = np.concatenate(((0, 0), here[plain])) * EACH + len(NAMES)
    at = np.cumsum(plain) - plain
    _put(parts, 6, LEAD, before[at] + PLAIN, before[at + 1] + AFTER_PLAIN)
    _put(parts, 7, LEAD, before[at] + PLAIN, before[at + 1] + AFTER_PLAIN, _part(of, 0, AFTER_OWN))


def _places(parts: Parts, found: Sequence[Token], told: Sequence[str], pool: list[bytes]) -> None:
    """The form that a token lies in, whether it touches its neighbours, whether it is the first: features 8 to 10."""
    known = {form: len(pool) + at for at, form in enumerate(dict.fromkeys(told))}
    parts[:, 8, 0] = [known[form] for form in told]
    pool += [f"f={form}".encode() for form in known]
    ends, starts = np.array([token.end for token in found]), np.array([token.start for token in found])
    glued = np.concatenate(((False,), ends[:-1] == starts[1:], (False,)))
    parts[:, 9, 0] = len(pool) + 2 * glued[:-1] + glued[1:]
    pool += [f"g={before}{after}".encode() for before in (False, True) for after in (False, True)]
    parts[:, 10, 0], parts[0, 10, 0] = len(pool), len(pool) + 1
    pool += [b"i=False", b"i=True"]


def _sentence(parts: Parts, of: Words, told: Sequence[str], pool: list[bytes]) -> None:
    """The kind of text, alone and with what the token is: features 11 to 16."""
    for at, kind in enumerate(told):
        parts[:, 11 + at, 0], parts[:, 11 + at, 1] = len(pool), _part(of, 0, AFTER_OWN)
        if at < FEATURES - 15:
            parts[:, 15 + at, 0] = len(pool)
        pool.append(kind.encode("utf-8", "replace"))


class Alone(NamedTuple):
    """The rows of a word seen by itself from each of `STEPS`, one after another, and how many each step has."""

    rows: Ids
    lengths: Ids


@lru_cache(REMEMBERED)
def alone(word: str) -> Alone:
    """What is seen of a word that stands so many steps from a token; less of those that are far."""
    told = [each.encode("utf-8", "replace") for each in of_word(word)]
    few = [told[:FEW] if abs(step) == FAR else told for step in STEPS]
    found = [zlib.crc32(each, begun) % ROWS for begun, some in zip(BEGUN, few, strict=True) for each in some]
    return Alone(np.array(found, np.int64), np.array([len(some) for some in few], np.int64))


BEGUN = [zlib.crc32(str(step).encode()) for step in STEPS]  # a hash goes on from that of its step
