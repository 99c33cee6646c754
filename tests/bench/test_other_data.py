"""Claims on another folder of the same layout: other rows, fewer, rows and columns shuffled, a copy, or less."""

import csv
import gzip
import io
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import domain, guard, intents, out_length, pii
from bench.classify import claim, measured
from bench.classify.measured import others
from bench.online.answers import PROJECTED
from bench.online.answers import read as read_online
from bench.route_arena.__main__ import read as read_arena
from bench.route_mixed.__main__ import read as read_mixed
from bench.route_two.answers import read as read_two
from bench.select import held, told
from bench.select.folds import Rows
from bench.select.held import same_models, taught_and_tested
from bench.select.matrix import read_matrix
from router.classify.ngrams import Floats
from router.classify.tasks.reading import BadRow, Row, rows
from tests.bench.made_sets import make, write
from tests.router.classify.made_up import vectors

CLAIMED: dict[str, Any] = {
    "intents": intents, "domain": domain, "guard": guard, "pii": pii, "out-length": out_length
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up vectors instead of a model's, few draws, no peer."""

    def embed(texts: Sequence[str], tier: str = "encoder") -> Floats:
        return vectors(texts, tier)

    monkeypatch.setattr(measured, "embedded", embed)
    monkeypatch.setattr(out_length, "embedded", embed)
    monkeypatch.setattr(claim, "DRAWS", 20)
    monkeypatch.setattr(pii, "beside_presidio", lambda tested, told: {})


Told = list[dict[str, Any]]


def changed(source: Path, target: Path, name: str, change: Callable[[Told], Told]) -> Path:
    """A copy of a folder in which one file's rows are others."""
    shutil.copytree(source, target)
    write(target / name, change([dict(row) for row in rows(source / name)]))
    return target


def shuffled(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in another order, and their columns in another."""
    chance = np.random.default_rng(4)
    columns = list(reversed(told[0]))
    return [{column: told[at][column] for column in columns} for at in chance.permutation(len(told))]


def without(column: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """The rows without a column."""
    return lambda told: [{name: cell for name, cell in row.items() if name != column} for row in told]


@pytest.mark.parametrize("name", sorted(CLAIMED))
def test_a_copy_of_the_open_rows_is_told_by_folds_and_not_by_what_it_was_taught(name: str, tmp_path: Path) -> None:
    opened = make(tmp_path / "open")
    shutil.copytree(opened, tmp_path / "copy")
    found = CLAIMED[name].measure(tmp_path / "copy", opened)
    if name == "intents":  # the open folder's split is its own, a copy is cut into folds
        assert 0.5 < found["in_scope_accuracy"] <= 1.0
    else:
        alone = CLAIMED[name].measure(opened, None)
        assert {key: found[key] for key in CLAIMED[name].TARGET} == {key: alone[key] for key in CLAIMED[name].TARGET}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("intents", "clinc150/train_val.jsonl.gz"), ("domain", "mmlu_pro/questions.jsonl.gz"),
        ("guard", "safety_prompts/prompts.jsonl.gz"), ("pii", "presidio_pii/synth.jsonl.gz"),
        ("out-length", "mmlu_pro/matrix.csv.gz"),
    ],
)  # fmt: skip
def test_the_order_of_rows_and_columns_of_another_folder_does_not_matter(name: str, file: str, tmp_path: Path) -> None:
    opened, other = make(tmp_path / "open"), make(tmp_path / "other", seed=1)
    mixed = changed(other, tmp_path / "mixed", file, shuffled)
    one, same = (CLAIMED[name].measure(each, opened) for each in (other, mixed))
    for figure in CLAIMED[name].TARGET:
        assert same[figure] == pytest.approx(one[figure], abs=2e-3)


def test_fewer_rows_are_measured_as_well(tmp_path: Path) -> None:
    opened, other = make(tmp_path / "open"), make(tmp_path / "other", seed=1)
    fewer = changed(other, tmp_path / "few", "mmlu_pro/questions.jsonl.gz", lambda told: told[::3])
    assert domain.measure(fewer, opened)["questions"] == 94


def test_a_little_that_two_folders_share_teaches_nothing(tmp_path: Path) -> None:
    assert others(["a", "b", "c", "d"], ["d", *"uvwxyz"], str) == ["a", "b", "c"]
    assert others(["a", "b"], ["a", "c"], str) == []
    opened, other = make(tmp_path / "open"), make(tmp_path / "other", seed=1)
    assert not measured.tested("domain", "static", other, opened).by_folds
    assert measured.tested("domain", "static", other, None).by_folds


@pytest.mark.parametrize(
    ("name", "file", "column"),
    [
        ("intents", "clinc150/train_val.jsonl.gz", "intent"), ("intents", "banking77/train.csv.gz", "category"),
        ("domain", "mmlu_pro/questions.jsonl.gz", "options"), ("guard", "safety_prompts/prompts.jsonl.gz", "label"),
        ("out-length", "mmlu_pro/matrix.csv.gz", "prompt_tokens"),
        ("out-length", "arena_hard/prompts.jsonl.gz", "out_tokens"),
    ],
)  # fmt: skip
def test_a_missing_column_is_named_with_its_file_and_row(
    name: str,
    file: str,
    column: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = changed(make(tmp_path / "open"), tmp_path / "bad", file, without(column))
    monkeypatch.setattr(claim, "DATA", tmp_path / "absent")
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(bad)])
    assert claim.run(name, CLAIMED[name].TARGET, CLAIMED[name].measure) == 2
    assert f"{Path(file).name}, row 1 has no {column!r}" in capsys.readouterr().err


class Table:
    """Texts alone."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def chosen(self, index: Rows) -> "Table":
        return Table([self.texts[at] for at in index])


def pairs(tmp_path: Path, tested: Sequence[str], opened: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """What teaches and what is tested."""
    tables = {"data": Table(tested), "open": Table(opened)}
    (tmp_path / "open").mkdir(exist_ok=True)
    found = taught_and_tested(lambda path: tables[path.name], tmp_path / "data", tmp_path / "open")
    return [(list(taught.texts), list(some.texts)) for taught, some in found]


def test_other_rows_are_taught_once_by_all_open_ones(tmp_path: Path) -> None:
    assert pairs(tmp_path, ["x", "y"], ["a", "b"]) == [(["a", "b"], ["x", "y"])]


def test_open_rows_are_tested_by_folds_each_taught_by_the_others(
    tmp_path: Path,
) -> None:
    texts = [f"text {at}" for at in range(30)]
    found = pairs(tmp_path, texts[:20], texts)
    assert sorted(text for _, some in found for text in some) == sorted(texts[:20])
    for taught, some in found:
        assert sorted([*taught, *some]) == sorted(texts)


def matrix_rows(models: Sequence[str]) -> Told:
    """Twenty questions; a model's answers are the longer the longer its name is."""
    return [
        {"question_id": at, "category": "law", "src": "s", "answer": "A", "prompt_tokens": 10}
        | {f"ok:{model}": (at + len(model)) % 2 for model in models}
        | {f"out:{model}": 10 * len(model) for model in models}
        for at in range(20)
    ]


def matrix(folder: Path, models: Sequence[str]) -> Path:
    """A folder with that matrix."""
    write(folder / "mmlu_pro" / "matrix.csv.gz", matrix_rows(models))
    asked = [{"question_id": at, "question": f"why {at}", "options": ["x"], "category": "law"} for at in range(20)]
    write(folder / "mmlu_pro" / "questions.jsonl.gz", asked)
    return folder


def test_a_matrix_with_its_columns_in_another_order_is_read_by_names(tmp_path: Path) -> None:
    one = read_matrix(matrix(tmp_path / "one", ["Yi-6b", "Yi-34b-Chat", "Mixtral-8x7B-v0.1"]))
    other = read_matrix(matrix(tmp_path / "other", ["Mixtral-8x7B-v0.1", "Yi-6b", "Yi-34b-Chat"])).of(one.models)
    assert other.models == one.models
    assert (other.right == one.right).all()
    assert (other.usd == one.usd).all()


def test_a_matrix_that_lacks_a_model_names_it(tmp_path: Path) -> None:
    with pytest.raises(BadRow, match="no column 'ok:Yi-6c': did you mean 'Yi-6b'"):
        read_matrix(matrix(tmp_path, ["Yi-6b"])).of(["Yi-6c"])
    with pytest.raises(BadRow, match="without b; beside c"):
        same_models(["a", "b"], ["a", "c"], tmp_path)


def test_a_matrix_whose_question_is_missing_names_the_row(tmp_path: Path) -> None:
    matrix(tmp_path, ["Yi-6b"])
    write(tmp_path / "mmlu_pro" / "questions.jsonl.gz", [{"question_id": 1, "question": "why", "options": []}])
    with pytest.raises(BadRow, match=r"row 1: questions.jsonl.gz has no 0"):
        read_matrix(tmp_path)
    with pytest.raises(BadRow, match="needs its question"):
        read_online(tmp_path / "mmlu_pro", lambda texts: np.zeros((len(texts), PROJECTED), np.float32))


READERS: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "two": (read_two, "routellm/mmlu.jsonl.gz", "prompt_tokens"),
    "mixed": (read_mixed, "llmrouter_dc/scores.jsonl.gz", "scores"),
    "arena": (read_arena, "routerarena/two_models.jsonl.gz", "cost_usd"),
}
ROWS: dict[str, dict[str, Any]] = {
    "two": {"id": "mmlu/1", "prompt": "p", "category": "c", "mixtral_8x7b": 1, "gpt4_1106": 1},
    "mixed": {"prompt": "p", "task": "t", "prompt_tokens": 3},
    "arena": {"id": "1", "prompt": "p", "models": {"m": {"in_tok": 1, "score": 1}}},
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_missing_column_of_a_routing_set_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, file, column = READERS[name]
    for each in (file, "routellm/gsm8k.jsonl.gz"):
        write(tmp_path / each, [ROWS[name]])
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(tmp_path)])
    assert told.run(name, lambda data: (read(data), {})) == 2
    assert f"row 1 has no {column!r}" in capsys.readouterr().err


def test_pictures_are_drawn_of_the_open_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "OPEN", tmp_path)
    assert told.pictured(tmp_path)
    assert not told.pictured(tmp_path / "other")
    assert held.SHARED < 0.5


def test_rows_are_read_whole_or_their_fault_is_named(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("text,label,group\na,x\n")
    row = next(rows(table))
    assert (row["text"], row.get("group")) == ("a", None)
    with pytest.raises(BadRow, match="row 1 has no 'group': known: label, text"):
        row["group"]
    table.write_text("text,label\na,x,more\n")
    with pytest.raises(BadRow, match="row 1 has more cells than the header"):
        list(rows(table))
    table.write_text("text,label\n")
    with pytest.raises(BadRow, match="holds no row"):
        list(rows(table))


SPOILT: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data[:40],
    lambda data: b"plain",
    lambda data: data[:30] + b"\0" * 9,
)


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_file_that_is_cut_or_no_archive_is_a_sentence(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["text"], *([str(at) * 9] for at in range(200))])
    bad = tmp_path / "rows.csv.gz"
    bad.write_bytes(spoil(gzip.compress(text.getvalue().encode())))
    with pytest.raises(BadRow, match=r"rows.csv.gz cannot be read after row \d+"):
        list(rows(bad))


def test_cells_that_are_no_number_or_no_object_are_named(tmp_path: Path) -> None:
    row = Row(tmp_path / "f", 3, {"a": "x", "b": "", "c": {"d": 1}})
    assert np.isnan(row.amount("b"))
    assert row.inner("c").amount("d") == 1.0
    for ask, said in ((lambda: row.amount("a"), "'a' is no number: 'x'"), (lambda: row.inner("a"), "'a' is no object")):
        with pytest.raises(BadRow, match=f"row 3: {said}"):
            ask()
    with pytest.raises(BadRow, match="row 3 has no 'e'"):
        row.inner("c").amount("e")
    assert json.loads(json.dumps(row)) == dict(row)
