"""`weir train`: heads and their cards from folders and from labelled files."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import train as command
from cli.main import app
from router.classify.load import load
from router.classify.ngrams import Floats
from router.classify.tasks.port import TASKS
from router.classify.training import seen_of
from tests.bench.made_sets import make
from tests.router.classify.made_up import examples, vectors


class Words:
    """An encoder of made-up vectors."""

    width = 24

    def __init__(self, name: str) -> None:
        self.name = name

    def embed(self, texts: Sequence[str]) -> Floats:
        return vectors(texts, self.name)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"static": ("static",), "encoder": ("encoder", "static")}
    monkeypatch.setattr(command, "loaded", lambda tier: {name: Words(name) for name in names[tier]})


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "topics.jsonl"
    told = ({"text": each.text, "label": each.label, "group": each.group} for each in examples(outside=12))
    path.write_text("".join(json.dumps(row) + "\n" for row in told))
    return path


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["train", *map(str, words)])
    return done.exit_code, done.output


def test_a_head_of_ones_own_rows_is_made_with_its_card(rows: Path, tmp_path: Path) -> None:
    code, said = run("topic", "--data", rows, "--tier", "static", "--out", tmp_path / "heads")
    assert code == 0
    assert "accuracy" in said
    head = load(tmp_path / "heads").heads["topic"]
    seen = seen_of(["bake bread with butter"], "static", vectors)
    assert head.readings(seen)[0].label == "cooking"
    card = (tmp_path / "heads" / "topic.md").read_text()
    assert "90 examples of 3 labels and 12 of none; encoders static." in card


def test_a_known_head_is_made_of_a_folder_of_public_sets(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    assert run("domain", "--data", data, "--out", tmp_path / "heads")[0] == 0
    assert load(tmp_path / "heads").heads["domain"].tier == "encoder"
    assert run("feedback", "--data", data, "--tier", "static", "--out", tmp_path / "heads")[0] == 0
    assert "made from templates" in (tmp_path / "heads" / "feedback.md").read_text()


def test_lengths_and_personal_data_have_their_own_files(tmp_path: Path) -> None:
    data, heads = make(tmp_path / "data"), tmp_path / "heads"
    assert run("length", "--data", data, "--tier", "static", "--out", heads)[0] == 0
    assert run("pii", "--data", data, "--out", heads)[0] == 0
    found = load(heads).heads
    assert set(found) == {"output_p50", "output_p75", "output_p90", "pii"}
    seen = seen_of(["My name is Ann Fox and I live in Oslo"], "static", vectors)
    assert len(found["pii"].readings(seen)[0].spans) == 2


def test_the_same_rows_make_the_same_version(rows: Path, tmp_path: Path) -> None:
    cards = []
    for at in range(2):
        run("topic", "--data", rows, "--tier", "static", "--out", tmp_path / str(at))
        cards.append((tmp_path / str(at) / "topic.md").read_text())
    assert cards[0] == cards[1]
    assert "version unnamed" not in cards[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["topic", "--tier", "huge"], "no tier 'huge'"),
        (["domian"], "did you mean 'domain'"),
    ],
)
def test_nonsense_is_one_sentence_and_status_2(words: list[str], said: str, tmp_path: Path) -> None:
    code, told = run(*words, "--data", tmp_path)
    assert code == 2
    assert said in told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a"}\n', "row 1 lacks a text or a label"),
        ('{"text": "a", "label": "b"}\nnope\n', "row 2 is not JSON"),
        ('{"text": "a", "label": "b"}\n', "at least 10"),
    ],
)
def test_bad_rows_are_told_by_file_and_row(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    code, told = run("mine", "--data", path, "--out", tmp_path)
    assert code == 2
    assert said in " ".join(told.split())


def test_absent_sets_are_told_by_name(tmp_path: Path) -> None:
    code, told = run("banking", "--data", tmp_path, "--out", tmp_path)
    assert code == 2
    assert "banking77" in told


@pytest.mark.parametrize("name", TASKS.names())
def test_every_task_has_examples_of_its_labels_in_groups(name: str, tmp_path: Path) -> None:
    task = TASKS[name]()
    found = list(task.examples(make(tmp_path)))
    known = set(task.labels) or {each.label for each in found} - {""}
    assert {each.label for each in found} - {""} == known
    assert all(each.text and each.group and each.counts > 0 for each in found)
    assert not task.quiet or task.quiet in known
    assert len(found) >= 60
