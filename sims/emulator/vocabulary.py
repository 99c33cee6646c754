"""Text and tokens of one emulated model, both ways."""

from array import array
from collections.abc import Sequence
from functools import cache
from typing import Protocol

from sims.emulator.words import LONG, SHORT
from weir.prompt import TEMPLATES
from weir.tokenizer import QUICK, Tokenizer, tokenizer

Piece = tuple[str, int]
"""The text and id of one generated token."""


class Vocabulary(Protocol):
    """What an emulated engine does with text."""

    @property
    def opening(self) -> Sequence[Piece]:
        """Tokens that may begin an answer."""

    @property
    def pieces(self) -> Sequence[Piece]:
        """Tokens that may go on with it."""

    @property
    def end(self) -> int:
        """The token that ends it."""

    def encode(self, text: str) -> list[int]:
        """The token ids of a text."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""

    def continued(self, text: str | None, ids: list[int], answer: Sequence[Piece]) -> list[int]:
        """The ids of a prompt and its answer, as a later prompt that contains both will have them."""


class Bytes:
    """Four bytes a token: what stands in where no vocabulary is known."""

    opening = tuple((word, int.from_bytes(word.encode(), "big")) for word in ("Once", "Then", "Here", "Some"))
    pieces = tuple((f" {word}", int.from_bytes(f" {word}".encode(), "big")) for word in SHORT)
    end = 0

    def encode(self, text: str) -> list[int]:
        """One id per four bytes, the last one of what is left."""
        data = text.encode()
        whole = len(data) & ~3
        ids = array("I", data[:whole])
        ids.byteswap()
        return [*ids, int.from_bytes(data[whole:], "big")] if data[whole:] else ids.tolist()

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return b"".join(i.to_bytes(4, "big").lstrip(b"\0") for i in ids).decode(errors="replace")

    def continued(self, text: str | None, ids: list[int], answer: Sequence[Piece]) -> list[int]:
        """The ids of a prompt and its answer: bytes are cut from the front, so the seam may move."""
        if text is None:
            return ids + [token for _, token in answer]
        return self.encode(text + "".join(piece for piece, _ in answer))


class Known:
    """A vocabulary that `weir.tokenizer` knows."""

    def __init__(self, name: str, template: str) -> None:
        self._name = name
        self._tokenizer: Tokenizer = tokenizer(name)
        encode = self._tokenizer.encode
        self.opening = tuple((word, ids[0]) for word in map(str.title, LONG) if len(ids := encode(word)) == 1)
        self.pieces = tuple((f" {word}", ids[0]) for word in LONG if len(ids := encode(f" {word}")) == 1)
        after = TEMPLATES.get(template, TEMPLATES["plain"])[3]
        self.end = encode(after)[0]

    def encode(self, text: str) -> list[int]:
        """The token ids of a text."""
        return self._tokenizer.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        if self._name in QUICK:
            import quicktok

            return str(quicktok.get_encoding(self._name).decode(list(ids)))
        from tokenizers import Tokenizer as Loaded

        return str(Loaded.from_file(self._name).decode(list(ids)))

    def continued(self, text: str | None, ids: list[int], answer: Sequence[Piece]) -> list[int]:
        """The ids of a prompt and its answer: whole words, so no token spans the seam."""
        return ids + [token for _, token in answer]


@cache
def vocabulary(name: str, template: str) -> Vocabulary:
    """The vocabulary of that tokenizer name; four bytes a token where it is empty."""
    return Known(name, template) if name else Bytes()
