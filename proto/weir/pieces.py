"""Tokens of a long prompt piece by piece, so that a conversation's next turn costs only what it adds.

A tokenizer cuts its added tokens out first and reads what lies between them apart. A prompt cut before such tokens
therefore has the tokens of its pieces, one after another: a piece is a special token and the text up to the next.
Each piece is looked up by its text, so turns, tools and system prompts are shared by whatever conversations have them.
"""

import re
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

Encode = Callable[[str], list[int]]
MOST_BYTES = 64 << 20  # of tokens and text that are kept
ENTRY_BYTES = 200  # what an entry takes beside its text and its tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A token that a tokenizer looks for before all others."""

    text: str
    lstrip: bool = False  # it takes the white space before it
    single_word: bool = False
    normalized: bool = False  # it is looked for in the normalised text


def safe_cuts(added: Iterable[Added]) -> list[str]:
    """The added tokens before which a text may be cut: those that nothing else can reach across."""
    every = [one.text for one in added if one.text]
    plain = [one for one in added if one.text and not (one.lstrip or one.single_word or one.normalized)]
    return [one.text for one in plain if not any(_overlap(one.text, other) for other in every if other != one.text)]


class Pieces:
    """Encodes whole prompts, remembering pieces up to a bound in bytes; may be called from several threads."""

    def __init__(self, encode: Encode, cuts: Iterable[str], most_bytes: int = MOST_BYTES) -> None:
        texts = sorted(cuts, key=len, reverse=True)
        self._cut = re.compile("|".join(map(re.escape, texts))) if texts else None
        self._encode, self._most = encode, most_bytes
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()
        self.bytes = self.hits = self.misses = 0  # of memory; characters found and not found

    def encode(self, text: str) -> "array[int]":
        """The token ids of a prompt, the same as without the cutting."""
        tokens = array("I")
        for piece in self._split(text):
            tokens.frombytes(self._of(piece))
        return tokens

    def _split(self, text: str) -> list[str]:
        places = [found.start() for found in self._cut.finditer(text)] if self._cut else []
        edges = [0, *(place for place in places if place), len(text)]
        return [text[start:end] for start, end in pairwise(edges) if end > start]

    def _of(self, piece: str) -> bytes:
        with self._lock:
            known = self._known.get(piece)
            if known is not None:
                self._known.move_to_end(piece)
                self.hits += len(piece)
                return known
        made = array("I", self._encode(piece)).tobytes()
        with self._lock:
            self._keep(piece, made)
        return made

    def _keep(self, piece: str, made: bytes) -> None:
        self.misses += len(piece)
        if piece in self._known:
            return
        self._known[piece] = made
        self.bytes += _size(piece, made)
        while self.bytes > self._most:
            self.bytes -= _size(*self._known.popitem(last=False))


def _size(piece: str, made: bytes) -> int:
    return ENTRY_BYTES + 2 * len(piece) + len(made)


def _overlap(one: str, other: str) -> bool:
    """Whether two tokens can share a character of one text."""
    if one in other or other in one:
        return True
    return any(one[-n:] == other[:n] or other[-n:] == one[:n] for n in range(1, min(len(one), len(other))))
