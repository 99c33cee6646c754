"""`weir train`: heads and their cards from folders and from labelled files."""

import json
from collections.abc import Mapping, Sequence
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


def test_without_a_heads_name_all_are_trained_that_need_no_data_and_of_the_others_it_is_said_what_they_lack(
    tmp_path: Path,
) -> None:
    code, said = run("--tier", "static", "--out", tmp_path)
    assert code == 0
    made = {"ambiguity", "audience", "feedback", "needs_facts", "needs_reasoning"}
    assert {path.stem for path in tmp_path.glob("*.npz")} == made
    assert (tmp_path / "sessions" / "current").is_file()
    for name in sorted({*TASKS.names(), "length", "pii", "select"} - made):
        assert f"{name}: not trained: it learns from " in said
    assert "safety_prompts/prompts.jsonl.gz" in said


def test_all_heads_are_trained_from_a_folder_that_has_their_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make(tmp_path / "data")
    monkeypatch.setattr(command, "selector", lambda data, tier, folder: "select was trained")
    code, said = run("--data", data, "--tier", "static", "--out", tmp_path / "heads")
    assert code == 0, said
    lacking = [line for line in said.splitlines() if "not trained" in line]
    assert {path.stem for path in (tmp_path / "heads").glob("*.npz")} == {*TASKS.names(), "length", "pii"}
    assert lacking == []
    assert "select was trained" in said


def test_a_head_that_needs_data_says_which_and_one_that_needs_none_needs_none(tmp_path: Path) -> None:
    code, said = run("jailbreak", "--out", tmp_path)
    assert code == 2
    assert "safety_prompts/prompts.jsonl.gz" in " ".join(said.split())
    assert run("mine", "--out", tmp_path)[0] == 2
    assert run("feedback", "--tier", "static", "--out", tmp_path)[0] == 0


def lines(path: Path, told: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in told))
    return path


def test_a_guard_learns_from_ones_own_rows(tmp_path: Path) -> None:
    told = [{"text": each.text, "label": "yes" if each.label == "money" else "no"} for each in examples()]
    path = lines(tmp_path / "mine.jsonl", told)
    assert run("jailbreak", "--data", path, "--tier", "static", "--out", tmp_path)[0] == 0
    (read,) = Classifier(load(tmp_path, Words)).read(
        [Text("how about loan bank tax")], [frozenset({"jailbreak"})], [NO_MEANINGS]
    )
    assert read["jailbreak"].value > 0.5


def test_personal_data_and_lengths_are_learned_from_ones_own_rows(tmp_path: Path) -> None:
    names = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo"] * 4
    marked = [{"text": f"My name is {n} today", "spans": [[11, 11 + len(n), "PERSON"]]} for n in names]
    assert run("pii", "--data", lines(tmp_path / "pii.jsonl", marked), "--out", tmp_path)[0] == 0
    asked_for = [("an essay", 405), ("a word", 5)]
    answers = [
        {"text": f"write {what} about topic {at}", "output_tokens": tokens, "model": model}
        for at in range(40) for what, tokens in asked_for for model in ("small", "large")
    ]  # fmt: skip
    path = lines(tmp_path / "lengths.jsonl", answers)
    assert run("length", "--data", path, "--tier", "static", "--out", tmp_path)[0] == 0
    made = Classifier(load(tmp_path, Words))
    wanted = frozenset(("output_p50", "pii"))
    asked = [Text("write an essay about topic 3 My name is Ann today"), Text("write a word about topic 3")]
    long, short = made.read(asked, [wanted] * 2, [NO_MEANINGS] * 2)
    assert long["output_p50"].value > short["output_p50"].value
    assert [span.kind for span in long["pii"].spans] == ["PERSON"]


@pytest.mark.parametrize(("head", "said"), [("pii", 'spans [[begin, end, "KIND"]'), ("length", "output_tokens")])
def test_rows_of_ones_own_that_are_not_so_are_told_by_row(head: str, said: str, tmp_path: Path) -> None:
    code, told = run(head, "--data", lines(tmp_path / "rows.jsonl", [{"text": "a"}]), "--out", tmp_path)
    assert code == 2
    assert "row 1" in told
    assert said in " ".join(told.split())


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
