"""`weir train select`, and a comparison by the head that it made."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import train as command
from cli.door import WrongUse
from cli.judging import foreseen, untaught
from cli.main import app
from router.classify.encoder import Vectors
from router.learn.select_head import load
from tests.router.learn.judged_answers import WIDTH, embed, judged


class Letters:
    """An encoder of made-up vectors."""

    width = WIDTH

    def __init__(self, name: str) -> None:
        self.name = name

    def embed(self, texts: list[str]) -> Vectors:
        return embed(texts, self.name)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"static": ("static",), "encoder": ("encoder", "static")}
    monkeypatch.setattr(command, "loaded", lambda tier: {name: Letters(name) for name in names[tier]})


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    told, path = judged(), tmp_path / "judged.jsonl"
    lines = [
        {"text": text, "topic": topic, "quality": dict(zip(told.models, quality.tolist(), strict=True))}
        for text, topic, quality in zip(told.texts, told.topics, told.quality, strict=True)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["train", "select", *map(str, words)])
    return done.exit_code, done.output


def test_a_head_is_made_of_judged_answers_with_its_card(rows: Path, tmp_path: Path) -> None:
    code, said = run("--data", rows, "--tier", "static", "--out", tmp_path / "heads")
    assert code == 0, said
    head = load(tmp_path / "heads")
    assert head.models == ("small", "big")
    assert head.encoders == {"static": "static"}
    assert f"{tmp_path / 'heads' / 'select' / head.version}: quality" in said
    card = (tmp_path / "heads" / "select" / head.version / "card.md").read_text()
    assert "240 judged questions of judged.jsonl" in card


def test_the_encoder_tier_sees_both(rows: Path, tmp_path: Path) -> None:
    assert run("--data", rows, "--out", tmp_path)[0] == 0
    assert load(tmp_path).encoders == {"encoder": "encoder", "static": "static"}


def test_a_file_that_judges_nothing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text('{"text": "a", "quality": {"small": 1, "big": 1}}\n')
    code, said = run("--data", path, "--out", tmp_path)
    assert code == 2
    assert "at least 100 are needed" in said


def test_a_head_is_asked_only_about_what_it_was_not_taught(rows: Path, tmp_path: Path) -> None:
    run("--data", rows, "--tier", "static", "--out", tmp_path)
    head, more = load(tmp_path), judged(260)
    fresh = untaught(more, head)
    assert len(fresh) == 20
    expected = foreseen(fresh, head)
    assert expected.shape == (20, 2)
    assert expected[0, 0] > expected[1, 0]
    with pytest.raises(WrongUse, match="it would only recite"):
        untaught(judged(), head)
