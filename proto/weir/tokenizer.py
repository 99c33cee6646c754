"""Text to token ids, the same at the router and at the engine."""

import re
from functools import cache
from pathlib import Path
from typing import Protocol

# Splitting at the special tokens and encoding the rest as plain text is eight times quicker than asking the library
# for both; text that only looks like one is plain text, split in the same places wherever this is used.
SPECIAL = re.compile(r"(<\|[a-z0-9_]{1,40}\|>)")
QUICK = ("llama3", "qwen3", "o200k_base", "cl100k_base")


class Tokenizer(Protocol):
    """A vocabulary."""

    quick: bool  # fast enough to run on an event loop (about 0.1 µs a token)

    def encode(self, text: str) -> list[int]:
        """The token ids of a rendered prompt, special tokens recognised."""


class UnknownTokenizer(LookupError):
    """A vocabulary that is neither built in nor a readable tokenizer.json."""


class Quick:
    """A vocabulary that quicktok carries."""

    quick = True

    def __init__(self, name: str) -> None:
        import quicktok

        self._encoding = quicktok.get_encoding(name)
        self._special = {text: self._encoding.encode_single_token(text) for text in self._encoding.special_tokens_set}

    def encode(self, text: str) -> list[int]:
        """The token ids of a rendered prompt."""
        ids: list[int] = []
        for piece in SPECIAL.split(text):
            known = self._special.get(piece)
            if known is not None:
                ids.append(known)
            elif piece:
                ids += self._encoding.encode_ordinary(piece)
        return ids


class File:
    """A tokenizer.json alone, read by Hugging Face's library."""

    quick = False

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer as Loaded

        self._loaded = Loaded.from_file(str(path))

    def encode(self, text: str) -> list[int]:
        """The token ids of a rendered prompt."""
        return self._loaded.encode(text, add_special_tokens=False).ids


@cache
def tokenizer(name: str, template: str = "") -> Tokenizer:
    """The vocabulary of that name, of the tokenizer.json at that path, or of a model's folder with its `template`.

    Raises `UnknownTokenizer`.
    """
    if name in QUICK:
        return Quick(name)
    folder, path = Path(name), Path(name)
    if folder.is_dir():
        path = folder / "tokenizer.json"
    if not path.is_file():
        raise UnknownTokenizer(
            f"no tokenizer {name!r}: give one of {', '.join(QUICK)}, a model's folder or the path of a tokenizer.json"
        )
    try:
        return _of_model(folder, template) if folder.is_dir() else File(path)
    except ImportError:
        raise UnknownTokenizer(f"{name} needs the `tokenizers` extra: pip install 'weir[tokenizers]'") from None
    except ValueError as broken:
        raise UnknownTokenizer(f"the tokenizer in {name} cannot be read: {broken}") from None


def _of_model(folder: Path, template: str) -> Tokenizer:
    from weir.model_files import ModelFiles

    return ModelFiles(folder, template)
