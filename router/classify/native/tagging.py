"""The best sequence of tags by the sums of features' weights; runs as Python and compiles unchanged."""

import numpy as np
import numpy.typing as npt

from router.classify.native.grams import Bytes, Floats, Integers, goes_on

Ids = npt.NDArray[np.int32]


def hash_rows(pool: Bytes, ends: Integers, parts: Ids, rows: int, table: Integers, out: Integers) -> None:
    """A row of a feature table by the CRC-32 of several parts put together.

    Part i of the pool ends where `ends` says and begins where the one before ends; `parts` (features, most parts) are
    their numbers, -1 behind the last.
    """
    for i in range(len(parts)):
        crc = 0
        for j in range(parts.shape[1]):
            part = parts[i, j]
            if part < 0:
                break
            crc = goes_on(crc, pool, ends[part - 1] if part > 0 else 0, ends[part], table)
        out[i] = crc % rows


def add_rows(table: Floats, rows: Integers, begins: Integers, out: Floats) -> None:
    """Add rows of a table, `begins[i]` to `begins[i + 1]` of them, to row i of `out`."""
    for i in range(len(out)):
        for at in range(begins[i], begins[i + 1]):
            row = rows[at]
            for tag in range(out.shape[1]):
                out[i, tag] += table[row, tag]


def step(before: Floats, after: Floats, reached: Floats, back: Ids) -> None:
    """The best way to every tag by one tag more, and which tag it comes from."""
    for tag in range(len(reached)):
        reached[tag], back[tag] = before[0] + after[0, tag], 0
    for last in range(1, len(before)):
        here, number = before[last], np.int32(last)
        for tag in range(len(reached)):
            through = here + after[last, tag]
            better = through > reached[tag]
            reached[tag] = through if better else reached[tag]
            back[tag] = number if better else back[tag]


def best(scores: Floats, after: Floats, back: Ids, reached: Floats, tags: Integers) -> None:
    """The tags with the highest sum of scores (Viterbi); `reached` (2, tags) and `back` (tokens, tags) are scratch.

    The tag before the first is number 0.
    """
    n, at = len(scores), 0
    for tag in range(scores.shape[1]):
        reached[0, tag] = scores[0, tag] + after[0, tag]
    for i in range(1, n):
        step(reached[at], after, reached[1 - at], back[i])
        at = 1 - at
        for tag in range(scores.shape[1]):
            reached[at, tag] += scores[i, tag]
    tags[n - 1] = np.argmax(reached[at])
    for i in range(n - 1, 0, -1):
        tags[i - 1] = back[i, tags[i]]
