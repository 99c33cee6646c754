"""Long prompts cut to the sentences that tell what they are about; for classifiers alone, never for a model.

A sentence's worth is 0.20 TextRank + 0.40 position + 0.35 TF-IDF + 0.05 novelty, the weights of FastRouter
(arXiv 2603.12646); the first three and the last two go before all others. Words are hashed in numpy and likeness is
never held as a matrix of sentences by sentences, so that the work grows with the text, not with its square.
"""

import numpy as np
import numpy.typing as npt

TOKENS = 128
CHARACTERS_A_TOKEN = 4.2  # of prose; a text denser than that is cut by the encoder
RANK, POSITION, TELLING, NOVELTY = 0.20, 0.40, 0.35, 0.05
DEPTH = 0.5  # how deep the dip of the position's worth is in the middle
FIRST, LAST = 3, 2
MOST_SENTENCES = 100  # that are weighed, from the beginning and the end: the middle is seldom chosen
MOST_CHARACTERS = 24_000  # of a text that is looked at, its beginning and its end
LONGEST = 240  # characters of a sentence; a longer one is several
SHORTEST = 4  # bytes of a word; shorter ones stand in every sentence
BUCKETS = 128  # of words
DAMPING, ROUNDS = 0.85, 2

ENDS = ((". ", ".\n"), ("? ", "?\n"), ("! ", "!\n"), ("。", "。\n"), ("？", "？\n"), ("！", "！\n"))
BREAK = 10  # the byte between sentences
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, so that its powers never vanish

Matrix = npt.NDArray[np.float32]


def compress(text: str, tokens: int = TOKENS) -> str:
    """The text where it is short enough, or the best of its sentences in their order, about so many tokens long."""
    room = int(tokens * CHARACTERS_A_TOKEN)
    if len(text) <= room:
        return text
    said = sentences(text, max(tokens / TOKENS, 1.0)) or [text[:LONGEST]]
    kept, used = set[int](), 0
    for i in _order(said):
        if used + len(said[i]) < room:
            kept.add(i)
            used += len(said[i]) + 1
    return " ".join(said[i] for i in sorted(kept)) if kept else text[:room]


def sentences(text: str, scale: float = 1.0) -> list[str]:
    """The sentences of a text, long ones in pieces; from the beginning and the end where there are too many.

    Too many is so many times as much for whoever keeps so many times as much.
    """
    most = int(0.5 * scale * MOST_CHARACTERS)
    if len(text) > 2 * most:
        text = f"{text[:most]}\n{text[-most:]}"
    for end, broken in ENDS[: 3 if text.isascii() else None]:
        text = text.replace(end, broken)
    found = list(filter(None, map(str.strip, text.splitlines())))
    if len(max(found, key=len, default="")) > LONGEST:
        found = [part[at : at + LONGEST] for part in found for at in range(0, len(part), LONGEST)]
    half = int(0.5 * scale * MOST_SENTENCES)
    return found if len(found) <= 2 * half else found[:half] + found[-half:]


def _order(said: list[str]) -> list[int]:
    n = len(said)
    edges = [i for pair in zip(range(FIRST), range(n - 1, n - 1 - FIRST, -1), strict=True) for i in pair]
    first = [i for i in dict.fromkeys(edges) if 0 <= i < n and (i < FIRST or i >= n - LAST)]
    told: list[int] = np.argsort(-worths(said), kind="stable").tolist()
    return list(dict.fromkeys(first + told))


def worths(said: list[str]) -> Matrix:
    """How much each sentence tells, 0 to 1; shape (sentences,)."""
    counts = _counts(said)
    inverse: Matrix = np.log1p(len(said) / np.maximum(np.count_nonzero(counts, axis=0), 1)).astype(np.float32)
    weighted: Matrix = counts * inverse
    each = np.ones(BUCKETS, np.float32)
    telling = (weighted @ each) / np.maximum(counts @ each, 1.0)
    weighted /= np.maximum(np.sqrt(np.einsum("sw,sw->s", weighted, weighted)), 1e-6)[:, None]
    place = np.linspace(-1.0, 1.0, len(said), dtype=np.float32)
    position = 1.0 - DEPTH * (1.0 - place * place)
    found = RANK * _scaled(_rank(weighted)) + POSITION * position + TELLING * _scaled(telling)
    return np.asarray(found + NOVELTY * _novelty(weighted), np.float32)


def _counts(said: list[str]) -> Matrix:
    """How often words of each bucket stand in each sentence, by hashes that are computed for all words at once."""
    text = "\n".join(said).lower().encode("utf-8", "replace")
    raw = np.frombuffer(text + b"\n", np.uint8)
    edges = np.flatnonzero(~IN_WORD[raw])
    begins, lengths = np.concatenate(([0], edges[:-1] + 1)), np.diff(edges, prepend=-1) - 1
    of_sentence = np.cumsum(raw[edges] == BREAK) - (raw[edges] == BREAK)
    long = lengths >= SHORTEST
    begins, ends, of_sentence = begins[long], edges[long], of_sentence[long]
    powers, inverses = _powers(len(raw))
    sums = np.concatenate((ZERO, np.cumsum(raw * powers)))
    hashes = (sums[ends] - sums[begins]) * inverses[begins]  # the same word hashes alike wherever it stands
    buckets = ((hashes * SPREAD) >> np.uint64(64 - BUCKETS.bit_length() + 1)).astype(np.int64)
    counts = np.bincount(of_sentence * BUCKETS + buckets, minlength=len(said) * BUCKETS)
    return counts.reshape(len(said), BUCKETS).astype(np.float32)


def _word_bytes() -> npt.NDArray[np.bool_]:
    """Which bytes belong to words: letters, digits, the underscore, and all of what is not ASCII."""
    return np.array([code >= 128 or chr(code).isalnum() or chr(code) == "_" for code in range(256)])


IN_WORD = _word_bytes()
ZERO = np.zeros(1, np.uint64)
_kept_powers = [np.ones(0, np.uint64)] * 2  # as many as the longest text had


def _powers(length: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Powers of SPREAD and of its inverse modulo 2^64, so many of each."""
    if len(_kept_powers[0]) < length:
        for at, base in enumerate((int(SPREAD), pow(int(SPREAD), -1, 1 << 64))):
            steps = np.full(length, base, np.uint64)
            steps[0] = 1
            _kept_powers[at] = np.cumprod(steps)
    return _kept_powers[0][:length], _kept_powers[1][:length]


def _rank(unit: Matrix) -> Matrix:
    """TextRank: how much a sentence is like those that are like others; of unit rows, shape (sentences, buckets)."""
    own = np.einsum("sw,sw->s", unit, unit)
    links = np.maximum(unit @ unit.sum(axis=0) - own, 1e-6)
    rank = np.full(len(unit), 1.0 / len(unit), np.float32)
    for _ in range(ROUNDS):
        given = rank / links
        rank = (1.0 - DAMPING) / len(unit) + DAMPING * (unit @ (given @ unit) - own * given)
    return rank


def _novelty(unit: Matrix) -> Matrix:
    """How little a sentence is like the one before it."""
    novel = np.ones(len(unit), np.float32)
    novel[1:] -= np.einsum("sw,sw->s", unit[1:], unit[:-1])
    return novel


def _scaled(values: Matrix) -> Matrix:
    span = float(values.max() - values.min())
    found: Matrix = (values - values.min()) / max(span, 1e-9)
    return found
