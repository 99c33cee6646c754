"""Embed a data set once and keep the vectors in the cache folder: all benches read the same ones.

`python -m bench.embedded SET…` embeds ahead of time (mmlu_pro, routellm, llmrouter_dc, routerarena, clinc150, …).
"""

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from policies.native.library import cache_folder
from router.classify.encoder import Embeds, Encoder, Vectors
from router.classify.static import StaticEncoder
from router.classify.tasks.reading import rows

DATA = Path(__file__).parents[2] / "shared" / "data"
PIECE = 512  # texts a file: an interrupted run goes on where it stopped


def embedded(texts: Sequence[str], tier: str = "encoder") -> Vectors:
    """Vectors of these texts, float32, shape (texts, width), read from the cache or computed into it."""
    kept = Kept.of(tier)
    kept.read()
    missing = list(dict.fromkeys(text for text in texts if key(text) not in kept.rows))
    for at in range(0, len(missing), PIECE):
        kept.add(missing[at : at + PIECE])
        print(f"embedded {min(at + PIECE, len(missing))} of {len(missing)} new texts", file=sys.stderr, flush=True)
    if not texts:
        return np.empty((0, kept.model.width), np.float32)
    return np.stack([kept.rows[key(text)] for text in texts])


def key(text: str) -> bytes:
    """What a text is kept under: 16 bytes of its hash."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


@dataclass(slots=True)
class Kept:
    """Vectors of one model by text, and the files they were read from; files are only ever added."""

    model: Embeds
    rows: dict[bytes, Vectors] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)

    @staticmethod
    @cache
    def of(tier: str) -> "Kept":
        """The vectors of the shared encoder, or of the static tier; the model is loaded once."""
        return Kept(StaticEncoder() if tier == "static" else Encoder())

    @property
    def folder(self) -> Path:
        """Where this model's vectors lie; another model's or another length's lie elsewhere."""
        return cache_folder() / "vectors" / self.model.name

    def read(self) -> None:
        """Take in the files that were added since, by whatever process."""
        for path in sorted(set(self.folder.glob("*.npz")) - self.files):
            with np.load(path) as found:
                self.rows.update(zip((bytes(each) for each in found["keys"]), found["vectors"], strict=True))
            self.files.add(path)

    def add(self, texts: Sequence[str]) -> None:
        """Embed these texts and keep them."""
        vectors, keys = self.model.embed(texts), [key(text) for text in texts]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{hashlib.blake2b(b''.join(keys), digest_size=8).hexdigest()}.npz"
        half = path.with_suffix(f".{os.getpid()}")
        with half.open("wb") as out:
            np.savez(out, keys=np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16), vectors=vectors)
        half.replace(path)
        self.rows.update(zip(keys, vectors, strict=True))
        self.files.add(path)


def question_text(row: dict[str, Any]) -> str:
    """An MMLU-Pro question as its embedding sees it: the stem first, then its options."""
    return "\n".join([row["question"].strip(), *row["options"]])


def texts_of(name: str, data: Path = DATA) -> list[str]:
    """The texts of one data set, in file order."""
    return [text for path, column in SETS[name] for text in _texts(data / name / path, column)]


def _texts(path: Path, column: str) -> Iterator[str]:
    for row in rows(path):
        yield text_of(row, column)


def text_of(row: dict[str, Any], column: str) -> str:
    """One text of a row: a column, a question with its options, or the first of several turns."""
    if column == "question+options":
        return question_text(row)
    return str(row["turns"][0] if column == "turns" else row[column])


SETS = {
    "mmlu_pro": (("questions.jsonl.gz", "question"), ("questions.jsonl.gz", "question+options")),
    "routellm": (("mmlu.jsonl.gz", "prompt"), ("gsm8k.jsonl.gz", "prompt"), ("mtbench.jsonl.gz", "turns")),
    "llmrouter_dc": (("scores.jsonl.gz", "prompt"),),
    "routerarena": (("two_models.jsonl.gz", "prompt"),),
    "clinc150": (("train_val.jsonl.gz", "text"),),
    "banking77": (("train.csv.gz", "text"),),
    "safety_prompts": (("prompts.jsonl.gz", "text"),),
    "arena_hard": (("prompts.jsonl.gz", "prompt"),),
}


def main(names: Sequence[str]) -> None:
    """Embed these sets, file by file, so that a bench that asks for one file finds the very pieces."""
    for name in names or list(SETS):
        for path, column in SETS[name]:
            vectors = embedded(list(_texts(DATA / name / path, column)))
            print(f"{name}/{path} {column}: {len(vectors)} texts", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
