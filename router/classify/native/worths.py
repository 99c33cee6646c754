"""How much each sentence of a text tells, in one pass over its bytes; runs as Python and compiles unchanged.

A sentence is a sparse row of word buckets: `at` says where each one's begin in `buckets` and `values`.
"""

import numpy as np
import numpy.typing as npt

RANK, POSITION, TELLING, NOVELTY = 0.20, 0.40, 0.35, 0.05
DEPTH = 0.5  # how deep the dip of the position's worth is in the middle
SHORTEST = 4  # bytes of a word; shorter ones stand in every sentence
BUCKETS = 128  # of words
BITS = 7  # that number them
DAMPING, ROUNDS = 0.85, 2
BREAK = 10  # the byte between sentences
SPREAD = 0x9E3779B97F4A7C15
"""The base of the words' hashes; odd, so that its powers never vanish."""

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


def in_word(byte: int) -> bool:
    """Letters, digits, the underscore, and all of what is not ASCII."""
    return byte >= 128 or 97 <= byte <= 122 or 48 <= byte <= 57 or byte == 95 or 65 <= byte <= 90


def count(text: Bytes, at: Places, buckets: Places, values: Numbers, having: Numbers) -> None:
    """Hash every word into a bucket and count it in its sentence; `having` says how many sentences have a bucket."""
    spread, shift = np.uint64(SPREAD), np.uint64(64 - BITS)
    value, power, length, sentence, n = np.uint64(0), np.uint64(1), 0, 0, 0
    for i in range(len(text)):
        byte = text[i]
        if in_word(byte):
            value += np.uint64(byte) * power
            power *= spread
            length += 1
            continue
        if length >= SHORTEST:
            n = add(np.int64((value * spread) >> shift), at[sentence], n, buckets, values, having)
        value, power, length = np.uint64(0), np.uint64(1), 0
        if byte == BREAK and sentence < len(at) - 1:
            sentence += 1
            at[sentence] = n


def add(bucket: np.int64, first: int, n: int, buckets: Places, values: Numbers, having: Numbers) -> int:
    """Count one word in the row that begins at `first` and ends at `n`; returns where it ends now."""
    for i in range(first, n):
        if buckets[i] == bucket:
            values[i] += 1.0
            return n
    buckets[n], values[n] = bucket, 1.0
    having[bucket] += 1.0
    return n + 1


def weigh(at: Places, buckets: Places, values: Numbers, having: Numbers, telling: Numbers) -> None:
    """Weigh words by how few sentences have them, which `having` becomes: how telling each sentence is, and its row at
    unit length.
    """
    for bucket in range(BUCKETS):
        having[bucket] = np.log1p(len(telling) / max(having[bucket], 1.0))
    for s in range(len(telling)):
        words, weight, square = 0.0, 0.0, 0.0
        for i in range(at[s], at[s + 1]):
            words += values[i]
            values[i] *= having[buckets[i]]
            weight += values[i]
            square += values[i] * values[i]
        telling[s] = weight / max(words, 1.0)
        length = max(np.sqrt(square), 1e-6)
        for i in range(at[s], at[s + 1]):
            values[i] /= length


def likeness(s: int, at: Places, buckets: Places, values: Numbers, whole: Numbers) -> float:
    """The scalar product of a sentence's row with a vector of all buckets."""
    total = 0.0
    for i in range(at[s], at[s + 1]):
        total += values[i] * whole[buckets[i]]
    return total


def spread_out(s: int, much: float, at: Places, buckets: Places, values: Numbers, whole: Numbers) -> None:
    """Add so much of a sentence's row to a vector of all buckets."""
    for i in range(at[s], at[s + 1]):
        whole[buckets[i]] += much * values[i]


def rank(at: Places, buckets: Places, values: Numbers, whole: Numbers, ranks: Numbers, links: Numbers) -> None:
    """TextRank: how much a sentence is like those that are like others."""
    sentences = len(ranks)
    whole[:] = 0.0
    for s in range(sentences):
        spread_out(s, 1.0, at, buckets, values, whole)
    for s in range(sentences):
        links[s] = max(likeness(s, at, buckets, values, whole) - own(s, at, values), 1e-6)
        ranks[s] = 1.0 / sentences
    for _ in range(ROUNDS):
        whole[:] = 0.0
        for s in range(sentences):
            spread_out(s, ranks[s] / links[s], at, buckets, values, whole)
        for s in range(sentences):
            given = likeness(s, at, buckets, values, whole) - own(s, at, values) * ranks[s] / links[s]
            ranks[s] = (1.0 - DAMPING) / sentences + DAMPING * given


def own(s: int, at: Places, values: Numbers) -> float:
    """A sentence's likeness to itself: 1, or 0 where it has no words."""
    total = 0.0
    for i in range(at[s], at[s + 1]):
        total += values[i] * values[i]
    return total


def scale(values: Numbers) -> None:
    """From 0 for the lowest to 1 for the highest."""
    low, high = values[0], values[0]
    for s in range(len(values)):
        low, high = min(low, values[s]), max(high, values[s])
    for s in range(len(values)):
        values[s] = (values[s] - low) / max(high - low, 1e-9)


def novelty(s: int, at: Places, buckets: Places, values: Numbers, whole: Numbers) -> float:
    """How little a sentence is like the one before it; `whole` is zero before and after."""
    if s == 0:
        return 1.0
    spread_out(s - 1, 1.0, at, buckets, values, whole)
    found = 1.0 - likeness(s, at, buckets, values, whole)
    for i in range(at[s - 1], at[s]):
        whole[buckets[i]] = 0.0
    return found


def worths(text: Bytes, at: Places, buckets: Places, values: Numbers, scratch: Numbers, out: Numbers) -> None:
    """How much each sentence tells, into `out`; lower-case, every one ends with `BREAK`. `scratch` is all zero and has
    room for all buckets and two numbers a sentence.
    """
    sentences = len(out)
    whole, telling = scratch[:BUCKETS], scratch[BUCKETS : BUCKETS + sentences]
    links = scratch[BUCKETS + sentences : BUCKETS + 2 * sentences]
    count(text, at, buckets, values, whole)
    weigh(at, buckets, values, whole, telling)
    rank(at, buckets, values, whole, out, links)
    scale(out)
    scale(telling)
    whole[:] = 0.0
    for s in range(sentences):
        place = 2.0 * s / max(sentences - 1, 1) - 1.0
        position = 1.0 - DEPTH * (1.0 - place * place)
        found = RANK * out[s] + POSITION * position + TELLING * telling[s]
        out[s] = found + NOVELTY * novelty(s, at, buckets, values, whole)
