"""What an emulated model answers, and how long: a function of the request alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import exp, log
from statistics import NormalDist

from sims.emulator.asked import Asked
from sims.emulator.vocabulary import Piece, Vocabulary

MEDIAN_TOKENS = 200
SPREAD = 0.8  # standard deviation of the logarithm of the length
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One choice: as many texts as tokens, some of them empty."""

    texts: tuple[str, ...]
    ids: tuple[int, ...]
    finish: str  # "stop" or "length"
    stop_reason: str | None  # the stop string hit


def answer(asked: Asked, room: int, key: bytes, words: Vocabulary, said: int = 0) -> Answer:
    """The answer to a request whose draws come from `key`, in at most `room` tokens, less the first `said` of it."""
    seed = _seed(key)
    most = min(room if asked.max_tokens is None else asked.max_tokens, room)
    wanted = max(_length(asked, most, seed, said) - said, 1)
    pieces = _words(said + min(wanted, most), seed, words)[said:]
    ended = wanted < most
    if ended:
        pieces[-1] = ("", words.end)
    texts, ids = [text for text, _ in pieces], [token for _, token in pieces]
    hit = _stop(asked, texts)
    if hit is not None:
        cut, reason = hit
        texts = _cut(texts, cut, len(reason))
        return Answer(texts=tuple(texts), ids=tuple(ids[: len(texts)]), finish="stop", stop_reason=reason)
    return Answer(texts=tuple(texts), ids=tuple(ids), finish="stop" if ended else "length", stop_reason=None)


def begun(ids: Sequence[int], key: Callable[[Sequence[int]], bytes], words: Vocabulary) -> int:
    """How many of a prompt's last tokens begin what would be answered to the others: an answer to go on with."""
    openings, pieces = {token for _, token in words.opening}, {token for _, token in words.pieces}
    start = len(ids) - 1
    while start > 0 and ids[start] in pieces and ids[start] not in openings:
        start -= 1
    if start <= 0 or ids[start] not in openings:
        return 0
    expected = _words(len(ids) - start, _seed(key(ids[:start])), words)
    return len(expected) if [token for _, token in expected] == list(ids[start:]) else 0


def _seed(key: bytes) -> int:
    return int.from_bytes(sha256(key).digest()[:16], "big")


def _length(asked: Asked, most: int, seed: int, said: int) -> int:
    """Tokens of the whole answer that the model would like to give, the end token included; what was said and `most`
    or more when it does not end itself."""
    if asked.fixed_tokens is not None:
        return max(asked.fixed_tokens, 1)
    if asked.ignore_eos:
        return said + most
    draw = NORMAL.inv_cdf(((seed & 0xFFFFFFFF) + 0.5) / 2**32)
    return max(round(exp(log(MEDIAN_TOKENS) + SPREAD * draw)), said + asked.min_tokens + 1, 1)


def _words(count: int, seed: int, words: Vocabulary) -> list[Piece]:
    size = len(words.pieces)
    at, stride = seed >> 32, (seed >> 64) % (size - 1) + 1
    opening = words.opening[at % len(words.opening)]
    return [opening, *(words.pieces[(at + k * stride) % size] for k in range(1, count))]


def _stop(asked: Asked, texts: list[str]) -> tuple[int, str] | None:
    """Where the first stop string begins in the text, and which it is; those before `min_tokens` do not count."""
    if not asked.stop:
        return None
    text, before = "".join(texts), len("".join(texts[: asked.min_tokens]))
    found = [(text.find(stop, max(before - len(stop) + 1, 0)), stop) for stop in asked.stop if stop]
    return min(((at, stop) for at, stop in found if at >= 0), default=None)


def _cut(texts: list[str], at: int, length: int) -> list[str]:
    """The texts of the tokens up to the one that completes the stop string, what follows `at` left out."""
    kept, end = list[str](), 0
    for text in texts:
        kept.append(text[: max(at - end, 0)])
        end += len(text)
        if end >= at + length:
            break
    return kept
