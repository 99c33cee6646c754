"""How likely each generated token was: as sure as its prompt lets the emulated model be, and as wrong otherwise.

A prompt draws the model's confidence; every token's probability is near it, and the next likeliest take what is left.
So the margin of an answer tells how likely the answer is right, as it does of a real model on easy and hard prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log
from typing import Any

from sims.emulator.answer import Answer
from sims.emulator.vocabulary import Piece, Vocabulary

LEAST, MOST = 0.46, 0.94  # confidence: what was generated is always the likeliest
JITTER = 0.04  # by which a token's probability is off, either way
NEXT = 0.7  # the share of what is left that the second likeliest token has, and so on


@dataclass(frozen=True, slots=True, kw_only=True)
class Sureness:
    """How sure a model is of its answer to one prompt."""

    confidence: float
    right: bool  # whether its answer is right: as likely as its confidence

    @classmethod
    def of(cls, ids: Sequence[int], model: str) -> "Sureness":
        """Drawn from the prompt's tokens and the model's name, whoever asks and whenever."""
        drawn = sha256(model.encode() + b"|" + b",".join(b"%d" % each for each in ids)).digest()
        at, luck = (int.from_bytes(drawn[i : i + 4], "big") / 2**32 for i in (0, 4))
        confidence = LEAST + (MOST - LEAST) * at
        return cls(confidence=confidence, right=luck < confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """The log-probabilities of one answer."""

    answer: Answer
    sure: Sureness
    words: Vocabulary
    top: int  # likeliest tokens told at each place

    def chat(self, begin: int, end: int) -> dict[str, Any]:
        """Tokens of an answer as /v1/chat/completions tells them."""
        content = []
        for place in range(begin, end):
            told = [_entry(piece, logprob) for piece, logprob in self._likeliest(place)]
            content.append({**told[0], "top_logprobs": told[: self.top]})
        return {"content": content}

    def text(self, begin: int, end: int) -> dict[str, Any]:
        """Tokens of an answer as /v1/completions tells them; what was generated is always among the likeliest."""
        texts = self.answer.texts
        found = [self._likeliest(place) for place in range(begin, end)]
        return {
            "text_offset": [sum(map(len, texts[:place])) for place in range(begin, end)],
            "token_logprobs": [each[0][1] for each in found],
            "tokens": [each[0][0][0] for each in found],
            "top_logprobs": [{piece[0]: logprob for piece, logprob in each[: max(self.top, 1)]} for each in found],
        }

    def _likeliest(self, place: int) -> list[tuple[Piece, float]]:
        """The token that was generated, which is the likeliest, and the next ones."""
        text, token = self.answer.texts[place], self.answer.ids[place]
        chance = self.sure.confidence + JITTER * (2.0 * _draw(token, place) - 1.0)
        left, found = 1.0 - chance, [((text, token), log(chance))]
        for piece in self._others(token, place):
            found.append((piece, log(left * NEXT)))
            left *= 1.0 - NEXT
        return found

    def _others(self, token: int, place: int) -> list[Piece]:
        pieces = self.words.pieces
        begin = int(_draw(token, place + 1) * len(pieces))
        around = [pieces[(begin + i) % len(pieces)] for i in range(min(self.top + 1, len(pieces)))]
        return [piece for piece in around if piece[1] != token][: max(self.top - 1, 0)]


def _draw(token: int, place: int) -> float:
    """A number in [0, 1) of a token at a place."""
    return ((token * 2654435761 + place * 40503) & 0xFFFFFFFF) / 2**32


def _entry(piece: Piece, logprob: float) -> dict[str, Any]:
    return {"token": piece[0], "logprob": logprob, "bytes": list(piece[0].encode())}
