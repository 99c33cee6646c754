"""`weir train`: heads and their cards from folders and from labelled files."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import train as command
from cli.main import app
from router.classify.classifier import NO_MEANINGS, Classifier
from router.classify.load import load
from router.classify.ngrams import Floats
from router.classify.port import Reads, Text
from router.classify.tasks.port import TASKS, Example
from router.classify.training import Plan, seen_of
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
    assert "static tier, macro-F1" in said
    head = load(tmp_path / "heads", Words).heads["topic"]
    assert isinstance(head, Reads)
    seen = seen_of(["bake bread with butter"], "static", vectors)
    assert head.readings(seen)[0].label == "cooking"
    card = (tmp_path / "heads" / "topic.md").read_text()
    assert "90 examples of 3 labels and 12 of none; encoders static." in card


def test_texts_with_two_labels_are_told_once_and_stand_in_the_card(rows: Path, tmp_path: Path) -> None:
    given = [json.loads(line) for line in rows.read_text().splitlines()]
    inside = [row for row in given if row["label"]]
    other = next(row["label"] for row in inside if row["label"] != inside[0]["label"])
    rows.write_text("".join(json.dumps(row) + "\n" for row in [*given, {**inside[0], "label": other}]))
    status, said = run("topics", "--data", rows, "--out", tmp_path / "heads")
    assert status == 0, said
    assert said.count("1 texts have more than one label") == 1
    assert "1 of its texts have more than one label" in (tmp_path / "heads" / "topics.md").read_text()


def test_a_known_head_is_made_of_a_folder_of_public_sets(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    assert run("domain", "--data", data, "--tier", "encoder", "--out", tmp_path / "heads")[0] == 0
    found = load(tmp_path / "heads", Words)
    assert (found.heads["domain"].tier, found.light["domain"].tier) == ("encoder", "static")
    assert (tmp_path / "heads" / "light" / "domain.md").is_file()
    assert run("feedback", "--data", data, "--tier", "static", "--out", tmp_path / "heads")[0] == 0
    assert "made from templates" in (tmp_path / "heads" / "feedback.md").read_text()


def test_the_static_tier_is_kept_alone_where_it_is_as_good(rows: Path, tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    run("topic", "--data", rows, "--tier", "encoder", "--out", heads)
    assert load(heads, Words).light
    code, said = run("topic", "--data", rows, "--out", heads)
    assert code == 0
    assert "static tier" in said
    assert load(heads, Words).heads["topic"].tier == "static"
    assert not load(heads, Words).light


def test_the_encoder_is_kept_where_the_static_tier_tells_worse(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = command.classifier

    def worse(plan: Plan, examples: Sequence[Example], synthetic: bool) -> command.Made:
        made = fit(plan, examples, synthetic)
        return made._replace(figure=made.figure - 2 * command.NEAR) if plan.tier == "static" else made

    monkeypatch.setattr(command, "classifier", worse)
    assert "when time is short" in run("topic", "--data", rows, "--out", tmp_path)[1]
    found = load(tmp_path, Words)
    assert (found.heads["topic"].tier, found.light["topic"].tier) == ("encoder", "static")


def test_lengths_and_personal_data_have_their_own_files(tmp_path: Path) -> None:
    data, heads = make(tmp_path / "data"), tmp_path / "heads"
    assert run("length", "--data", data, "--tier", "static", "--out", heads)[0] == 0
    card = (heads / "length.md").read_text()
    assert "long answer accuracy" in card
    assert "version unnamed" not in card
    assert run("pii", "--data", data, "--out", heads)[0] == 0
    found = load(heads, Words).heads
    assert set(found) == {"output_p50", "output_p75", "output_p90", "heavy", "pii"}
    seen = seen_of(["My name is Ann Fox and I live in Oslo"], "static", vectors)
    tagger = found["pii"]
    assert isinstance(tagger, Reads)
    assert len(tagger.readings(seen)[0].spans) == 2


def test_difficulty_and_heaviness_are_read_like_any_other_signal(tmp_path: Path) -> None:
    data, heads = make(tmp_path / "data"), tmp_path / "heads"
    for head in ("difficulty", "length"):
        assert run(head, "--data", data, "--tier", "static", "--out", heads)[0] == 0
    made = load(heads, Words)
    wanted = frozenset(("difficulty", "heavy", "output_p75"))
    (told,) = Classifier(made).read([Text("math question 12 about math", tokens=900)], [wanted], [NO_MEANINGS])
    assert set(told) == wanted
    assert 0 <= told["difficulty"].value <= 1
    assert told["heavy"].label in ("prefill", "balanced")


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
