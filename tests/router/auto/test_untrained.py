"""Rules that read what nobody trained: it is said which, and how it is mended."""

from pathlib import Path

import msgspec
import pytest

from router.auto.ruling import Ruling
from router.auto.untrained import sentences, untrained
from weir.rulesfile import rules_of

GUARDED = """\
fallback: {models: [small]}
rules:
  - name: guarded
    priority: 2
    when: {all: [{signal: jailbreak, at_least: 0.5}, {signal: turns, at_least: 1}]}
    then: {models: [large]}
  - name: long
    priority: 1
    when: {signal: output_p75, at_least: 900}
    then: {models: [large]}
"""


def lacking(text: str, folder: Path) -> list[str]:
    rules, message = rules_of(text, "r.yaml")
    return untrained(rules, msgspec.json.decode(message).get("learn"), folder)


def test_heads_that_rules_read_and_the_folder_lacks_are_named(tmp_path: Path) -> None:
    assert lacking(GUARDED, tmp_path) == ["jailbreak", "length"]
    (tmp_path / "jailbreak.npz").touch()
    (tmp_path / "length.npz").touch()
    assert lacking(GUARDED, tmp_path) == []


@pytest.mark.parametrize(
    ("more", "heads"),
    [
        ("learn: {policy: ucb, context: [difficulty, turns]}\n", ["difficulty"]),
        ("learn: {policy: model_reputation}\n", ["domain"]),
        ("learn: {policy: ucb, canary: {policy: failure_memory}}\n", ["domain"]),
        ("learn: {policy: ucb, verdicts: {next_turn: 0.2}}\n", ["feedback"]),
        ("learn: {policy: ucb}\n", []),
        ("sessions: {risk: true}\n", ["injection", "jailbreak"]),
        ("sessions: {memory: true}\n", []),
    ],
)
def test_what_learners_and_sessions_read_counts_too(more: str, heads: list[str], tmp_path: Path) -> None:
    assert lacking("fallback: {models: [small, large]}\n" + more, tmp_path) == heads


def test_the_command_names_data_only_where_it_needs_some() -> None:
    said = sentences(Path("r.yaml"), ["feedback", "jailbreak", "length"])
    assert [line.partition("`weir ")[2].partition("`")[0] for line in said] == [
        "train feedback", "train jailbreak --data DATA", "train length --data DATA",
    ]  # fmt: skip


def test_the_router_says_so_when_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(GUARDED)
    Ruling(rules, None, str(tmp_path))._folder.cleanup()
    said = capsys.readouterr().err
    assert "it reads jailbreak, for which no head is trained" in said
    assert "`weir train jailbreak --data DATA`" in said
