"""The static tier: a vector a token, averaged; no network, under a millisecond for any prompt.

Reads WordLlama's packaged table (32,000 tokens, 256 dimensions) with the tokenizer beside it, without importing it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from router.classify.encoder import Vectors, readable
from router.classify.native.library import function
from router.classify.weights import NoModel, packaged, read_tensors

TABLE = ("wordllama", "weights/l2_supercat_256.safetensors")
TOKENIZER = ("wordllama", "tokenizers/l2_supercat_tokenizer_config.json")
TOKENS = 512
REMEMBERED, LONGEST = 1 << 16, 40  # words, and characters of one that is remembered


class StaticEncoder:
    """The mean of a text's token vectors at unit length."""

    def __init__(self, tokens: int = TOKENS) -> None:
        """Load the packaged table; raises `NoModel` with the remedy where it is not installed."""
        from tokenizers import Tokenizer

        table, tokenizer = packaged(*TABLE), packaged(*TOKENIZER)
        if table is None or tokenizer is None:
            raise NoModel("the static tier's table is not installed: pip install --no-deps wordllama")
        self._table = _rows(table)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(tokens)
        self._tokens = tokens
        self._known = dict[str, list[int]]()
        self.name = f"wordllama-{self._table.shape[1]}-{tokens}"
        self.width = int(self._table.shape[1])
        self._add, self._table_at = function("add_rows"), int(self._table.ctypes.data)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, float32, shape (texts, width); the zero vector for a text without tokens."""
        out = np.zeros((len(texts), self.width), np.float32)
        for row, text in zip(out, texts, strict=True):
            ids = np.array(self._ids(readable(text)), np.int64)
            begins = np.array((0, len(ids)))
            self._add(self._table_at, len(self._table), self.width, ids.ctypes.data, begins.ctypes.data,
                      row.ctypes.data, 1)  # fmt: skip
            row /= max(float(row @ row) ** 0.5, 1e-9)
        return out

    def _read(self, part: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode_batch_fast([part], add_special_tokens=False)[0].ids
        if len(part) < LONGEST:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[part] = ids
        return ids

    def _ids(self, text: str) -> list[int]:
        """The text's tokens: no token spans two words, so those of a word that was met before are known.

        Several spaces in a row, or one at an end, are tokens of their own, and such a text is read whole.
        """
        known, ids = self._known, list[int]()
        for part in [text] if "  " in f" {text} " else text.split(" "):
            ids += known.get(part) or self._read(part)
        return ids[: self._tokens]


def _rows(path: Path) -> Vectors:
    return read_tensors(path)["embedding.weight"].astype(np.float32)
