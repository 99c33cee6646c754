"""Judged answers: how good several models' answers to the same questions were, and how long.

Two layouts are read, plain or gzipped. A table (`matrix.csv`, or any .csv): a row a question, columns `ok:MODEL` with a
quality from 0 to 1 and `out:MODEL` with the answer's tokens, and as far as they are known `question_id`, `category`,
`prompt_tokens` and `text`; a `questions.jsonl` beside it may tell the texts by `question_id`. Rows (.jsonl): objects
with `text`, `topic`, `prompt_tokens`, `quality` {MODEL: 0..1} and `out_tokens` {MODEL: tokens}; only `quality` must be.
"""

import csv
import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.registry import known
from weir.strictyaml import BadFile

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]

TABLES, TEXTS = ("matrix.csv.gz", "matrix.csv"), ("questions.jsonl.gz", "questions.jsonl")
RIGHT, OUT = "ok:", "out:"
TEXT, TOPIC = ("text", "prompt", "question"), ("topic", "category", "task")
QUALITY = ("quality", "scores")
CHARACTERS_A_TOKEN = 4.0  # where prompt tokens are not told
TUNED = {"instruct", "chat", "it"}
DATA = Path("..") / "shared" / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Columns of one entry a question; NaN where a model was not asked, or a length is not known."""

    name: str
    models: tuple[str, ...]
    texts: tuple[str, ...]  # "" where none is told
    topics: tuple[str, ...]
    prompt_tokens: Floats
    quality: Floats  # shape (questions, models), in 0..1
    out_tokens: Floats  # shape (questions, models)

    def __len__(self) -> int:
        return len(self.texts)

    def chosen(self, questions: npt.NDArray[Any], models: Sequence[int] | None = None) -> "Judged":
        """Some questions, and some models in that order where they are given."""
        at = np.flatnonzero(questions) if questions.dtype == np.bool_ else questions
        columns = list(range(len(self.models))) if models is None else list(models)
        return Judged(
            name=self.name,
            models=tuple(self.models[each] for each in columns),
            texts=tuple(self.texts[each] for each in at),
            topics=tuple(self.topics[each] for each in at),
            prompt_tokens=self.prompt_tokens[at],
            quality=self.quality[at][:, columns],
            out_tokens=self.out_tokens[at][:, columns],
        )

    def all_asked(self, models: Sequence[int]) -> "Judged":
        """Those models in that order, and the questions that all of them were asked; raises `BadFile` where none is."""
        known = np.flatnonzero(np.isfinite(self.quality[:, list(models)]).all(axis=1))
        if not len(known):
            names = " and ".join(self.models[each] for each in models)
            raise BadFile(f"{self.name}: no question was put to {names} alike: judge the same questions of all")
        return self.chosen(known, models)


def find_judged(spec: str) -> Path:
    """The file or folder of that path, or of that name among public sets ($WEIR_DATA, ../shared/data)."""
    told = os.environ.get("WEIR_DATA")
    places = [Path(spec), *([Path(told) / spec] if told else []), DATA / spec]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        tried = ", ".join(map(str, places))
        raise BadFile(f"no judged answers at {tried}: name a file, a folder, or a set below $WEIR_DATA")
    return found


def read_judged(path: Path) -> Judged:
    """Judged answers of a file or of a folder with a matrix; raises `BadFile` naming file, row and remedy."""
    file = _matrix(path) if path.is_dir() else path
    table = ".csv" in file.name
    texts = _texts(file) if table else {}
    rows = [_of_table(file, i, row, texts) if table else _of_row(file, i, row) for i, row in _rows(file)]
    if not rows:
        raise BadFile(f"{file} holds no row: give at least one judged question")
    return _judged(file, rows)


def text_hash(text: str) -> str:
    """What a text is known by where it must not be kept itself."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def columns_for(models: Sequence[str], told: Sequence[str], named: Mapping[str, str] | None = None) -> list[int]:
    """Which judged model stands for each of these, as places in `told`.

    A name in `named` goes first, then the same name, then the only one that has all words of it, or of several the only
    one tuned to instructions: Meta-Llama-3_1-8B-Instruct for llama-3.1-8b. Raises `BadFile` where none or several do.
    """
    return [_column(model, told, named or {}) for model in models]


def _column(model: str, told: Sequence[str], named: Mapping[str, str]) -> int:
    asked = named.get(model, model)
    if asked in told:
        return told.index(asked)
    if model in named:
        raise BadFile(f"nobody judged a model {asked!r}: {known(asked, list(told))}")
    fitting = [each for each in told if _words(model) <= _words(each)]
    for some in (fitting, [each for each in fitting if _words(each) & TUNED]):
        if len(some) == 1:
            return told.index(some[0])
    why = f"{' and '.join(sorted(fitting)[:3])} all fit" if fitting else known(model, list(told))
    raise BadFile(f"which judged model is {model!r} of the fleet: {why}; say --judged-as {model}=NAME")


def _words(name: str) -> frozenset[str]:
    return frozenset("".join(each if each.isalnum() else " " for each in name.lower()).split())


def _matrix(folder: Path) -> Path:
    found = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if found is None:
        raise BadFile(f"{folder} has no matrix.csv or matrix.csv.gz: name a file of judged answers")
    return found


def _rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Rows as they stand, counted from 1."""
    try:
        with (
            gzip.open(file) if file.suffix == ".gz" else file.open("rb") as raw,
            io.TextIOWrapper(raw, "utf-8", newline="") as text,
        ):
            if ".csv" in file.name:
                yield from enumerate(csv.DictReader(text), 1)
            else:
                yield from (
                    (number, _object(file, number, line)) for number, line in enumerate(text, 1) if line.strip()
                )
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise BadFile(f"{file} cannot be read ({error}): write it as UTF-8, plain or gzipped") from None


def _object(file: Path, number: int, line: str) -> Row:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadFile(f"{file}, row {number}: no JSON ({error}): repair or drop the row") from None
    if not isinstance(found, dict):
        raise BadFile(f"{file}, row {number}: no object: repair or drop the row")
    return found


def _texts(file: Path) -> dict[str, str]:
    """Texts by question, of a file beside a table: the question, then its options, a line each."""
    beside = next((file.parent / name for name in TEXTS if (file.parent / name).is_file()), None)
    found: dict[str, str] = {}
    for _, row in _rows(beside) if beside else ():
        lines = [str(_first(row, TEXT, "")).strip(), *map(str, row.get("options", ()))]
        found[str(row.get("question_id", ""))] = "\n".join(lines)
    return found


def _of_table(file: Path, number: int, row: Row, texts: Mapping[str, str]) -> Row:
    named = {key for key in row if key and key.startswith(RIGHT)}
    if not named:
        raise BadFile(f"{file} has no column ok:MODEL: name the models' qualities so")
    told = {key.removeprefix(RIGHT): row[key] for key in row if key in named}
    out = {key.removeprefix(OUT): row[key] for key in row if key and key.startswith(OUT)}
    text = texts.get(str(row.get("question_id", "")), "") or _first(row, TEXT, "")
    plain = {"text": text, "topic": _first(row, TOPIC, ""), "prompt_tokens": row.get("prompt_tokens", "")}
    return _checked(file, number, plain | {"quality": told, "out_tokens": out})


def _of_row(file: Path, number: int, row: Row) -> Row:
    quality, out = _first(row, QUALITY, None), row.get("out_tokens", {})
    if not isinstance(quality, dict) or not isinstance(out, dict):
        raise BadFile(f'{file}, row {number}: no "quality": write {{"MODEL": 0..1, ...}}, and "out_tokens" alike')
    plain = {"text": _first(row, TEXT, ""), "topic": _first(row, TOPIC, ""), "prompt_tokens": row.get("prompt_tokens")}
    return _checked(file, number, plain | {"quality": quality, "out_tokens": out})


def _checked(file: Path, number: int, row: Row) -> Row:
    where = f"{file}, row {number}"
    quality = {model: _number(where, f"quality of {model}", each, 1.0) for model, each in row["quality"].items()}
    out = {model: _number(where, f"tokens of {model}", each) for model, each in row["out_tokens"].items()}
    tokens = _number(where, "prompt_tokens", row["prompt_tokens"])
    text = str(row["text"])
    if not isfinite(tokens):
        tokens = max(len(text) / CHARACTERS_A_TOKEN, 1.0)
    return {**row, "text": text, "quality": quality, "out_tokens": out, "prompt_tokens": tokens}


def _number(where: str, what: str, told: Any, most: float = float("inf")) -> float:
    """A number from 0 to the most; NaN where nothing is told."""
    if told is None or told == "":
        return float("nan")
    try:
        found = float(told)
    except (TypeError, ValueError):
        found = -1.0
    if not 0.0 <= found <= most:
        bounds = f"from 0 to {most:g}" if isfinite(most) else "of 0 or more"
        raise BadFile(f"{where}: {what} is {told!r}, no number {bounds}: repair or drop the row")
    return found


def _judged(file: Path, rows: Sequence[Row]) -> Judged:
    models = tuple(dict.fromkeys(model for row in rows for model in row["quality"]))
    name = file.parent.name if file.name in TABLES else file.name
    return Judged(
        name=name,
        models=models,
        texts=tuple(row["text"] for row in rows),
        topics=tuple(str(row["topic"]) for row in rows),
        prompt_tokens=np.array([row["prompt_tokens"] for row in rows]),
        quality=_columns(rows, "quality", models),
        out_tokens=_columns(rows, "out_tokens", models),
    )


def _columns(rows: Sequence[Row], what: str, models: Sequence[str]) -> Floats:
    return np.array([[row[what].get(model, np.nan) for model in models] for row in rows], np.float64)


def _first(row: Row, names: Sequence[str], otherwise: Any) -> Any:
    """What is told under the first of several names."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), otherwise)
