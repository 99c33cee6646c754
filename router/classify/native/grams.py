"""Words, their pieces and pairs of them, hashed, counted and folded into buckets; runs as Python, compiles unchanged.

Words come one after another in UTF-8, each with an `END` behind it. A hash is the CRC-32 of what is hashed.
"""

import numpy as np
import numpy.typing as npt

END, SPACE = 10, 32
WORD_MARK, PAIR_MARK = 119, 98  # "w" and "b": what words and pairs begin with, so that they hash apart
FIRST, LAST = 94, 36  # "^" and "$": the words before the first and behind the last
LONGEST = 40  # characters read of a word: base64 is one word
SHORT, LONG = 3, 5  # characters of a piece of a word, from and to
FULL = 0xFFFFFFFF
MARKED, STARTS = 168, LONGEST + 3  # bytes of a word with its marks, in eights, and places in it

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def crc_table() -> Integers:
    """What every byte does to a CRC-32."""
    table = np.arange(256)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ 0xEDB88320, table >> 1)
    return table.astype(np.int64)


def goes_on(crc: int, text: Bytes, begin: int, end: int, table: Integers) -> int:
    """The CRC-32 of what was read before, and of these bytes."""
    crc ^= FULL
    for i in range(begin, end):
        crc = table[(crc ^ np.int64(text[i])) & 255] ^ (crc >> 8)
    return crc ^ FULL


def one_more(crc: int, byte: int, table: Integers) -> int:
    """The CRC-32 of what was read before, and of one byte."""
    crc ^= FULL
    return table[(crc ^ byte) & 255] ^ (crc >> 8) ^ FULL  # type: ignore[no-any-return]


def mark(text: Bytes, begin: int, end: int, marked: Bytes, starts: Integers) -> int:
    """Copy a word's first characters between two spaces; returns how many that is, `starts` where each begins."""
    marked[0], starts[0], n, at = SPACE, 0, 1, 1
    for i in range(begin, end):
        if text[i] & 0xC0 != 0x80:  # the first byte of a character
            if n > LONGEST:
                break
            starts[n] = at
            n += 1
        marked[at] = text[i]
        at += 1
    marked[at], starts[n], starts[n + 1] = SPACE, at, at + 1
    return n + 1


def tell(key: int, keys: Integers, times: Integers) -> None:
    """Count a hash; there is room for more hashes than come, a power of two."""
    slot = key & (len(keys) - 1)
    while times[slot] > 0 and keys[slot] != key:
        slot = (slot + 1) & (len(keys) - 1)
    keys[slot] = key
    times[slot] += 1


def pieces(
    text: Bytes, begin: int, end: int, table: Integers, keys: Integers, times: Integers, marked: Bytes, starts: Integers
) -> None:
    """Count all pieces of a word, its ends marked by spaces."""
    n = mark(text, begin, end, marked, starts)
    for i in range(n):
        for length in range(SHORT, LONG + 1):
            if i + length <= n:
                tell(goes_on(0, marked, starts[i], starts[i + length], table), keys, times)


def fold(keys: Integers, times: Integers, out: Floats) -> None:
    """Add the signed logarithm of every hash's count to its bucket."""
    for slot in range(len(keys)):
        if times[slot] > 0:
            much = np.float32(1.0) + np.log(np.float32(times[slot]))
            bucket = keys[slot] % len(out)
            out[bucket] += much if keys[slot] >> 31 else -much


def ngrams(
    text: Bytes, table: Integers, keys: Integers, times: Integers, marked: Bytes, starts: Integers, out: Floats
) -> None:
    """Add a text's n-grams to `out`, by bucket; `keys` and `times` are zero."""
    pair, begin = one_more(one_more(one_more(0, PAIR_MARK, table), FIRST, table), SPACE, table), 0
    for end in range(len(text)):
        if text[end] != END:
            continue
        tell(goes_on(one_more(0, WORD_MARK, table), text, begin, end, table), keys, times)
        pieces(text, begin, end, table, keys, times, marked, starts)
        tell(goes_on(pair, text, begin, end, table), keys, times)
        pair = one_more(goes_on(one_more(0, PAIR_MARK, table), text, begin, end, table), SPACE, table)
        begin = end + 1
    tell(one_more(pair, LAST, table), keys, times)
    fold(keys, times, out)
