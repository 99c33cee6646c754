"""A rules file that changes: the old rules serve until the new ones are proved."""

from pathlib import Path

import pytest

from router.auto.proved import Unproved, message_of, proved
from router.auto.ruling import needs_classifier
from router.auto.watch import Watch
from weir.rulesfile import told
from weir.strictyaml import BadFile

ONE = "fallback: {models: [a]}\n"
OTHER = "fallback: {models: [b]}\n"
CONFLICT = """\
fallback: {models: [a]}
rules:
  - {name: x, when: {signal: turns, at_least: 2}, then: {models: [a]}}
  - {name: y, when: {signal: images, at_least: 1}, then: {models: [b]}}
"""
LEARNED = CONFLICT.replace("signal: images, at_least: 1", "signal: domain, is: [law]").replace(
    "name: y", "name: y, priority: 1"
)


class Watched:
    """A file, what watches it, and what that complains of."""

    def __init__(self, path: Path, text: str = ONE) -> None:
        self.path, self.said = path, list[str]()
        path.write_text(text)
        self.watch = Watch(path, lambda found: message_of(found, None), self.said.append)

    def says(self, text: str) -> bytes | None:
        """The file is replaced, as editors and ConfigMaps do it; then it is looked at."""
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.path)
        return self.watch.look()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "rules.yaml")


def test_a_file_that_stays_says_nothing_new(watched: Watched) -> None:
    assert watched.watch.look() is None
    assert told(watched.watch.message).fallback.models == ("a",)


def test_rules_that_are_proved_take_the_place_of_the_old(watched: Watched) -> None:
    found = watched.says(OTHER)
    assert found is not None
    assert told(found).fallback.models == ("b",)
    assert watched.watch.message == found
    assert watched.watch.look() is None


@pytest.mark.parametrize("text", [CONFLICT, "fallback: {models: []}", "nonsense: [", ""])
def test_rules_that_are_not_proved_leave_the_old_ones_in_place(watched: Watched, text: str) -> None:
    assert watched.says(text) is None
    assert told(watched.watch.message).fallback.models == ("a",)
    assert len(watched.said) == 1
    assert "the rules before it serve on" in watched.said[0]
    assert watched.watch.look() is None
    assert len(watched.said) == 1


@pytest.mark.parametrize(
    "fleet",
    [
        "pools: [{name: p, gpu: l4, model: llama-3.1-70b, served_name: a, replicas: 1}]\n",
        "pools: [{name: p, gpu: l44, model: qwen3-8b, served_name: a, replicas: 1}]\n",
        "pools: [\n",
    ],
    ids=["a model that does not fit", "a card nobody knows", "half written"],
)
def test_a_fleet_file_that_was_broken_since_leaves_the_old_rules_in_place(tmp_path: Path, fleet: str) -> None:
    path, beside, said = tmp_path / "rules.yaml", tmp_path / "fleet.yaml", list[str]()
    path.write_text(ONE)
    beside.write_text("pools: [{name: p, gpu: l4, model: qwen3-8b, served_name: a, replicas: 1}]\n")
    watch = Watch(path, lambda found: message_of(found, beside), said.append)
    beside.write_text(fleet)
    path.write_text("fallback: {models: [a, a]}\n# longer\n")
    assert watch.look() is None
    assert len(said) == 1
    assert str(beside) in said[0]


def test_rules_that_are_put_right_are_taken(watched: Watched) -> None:
    assert watched.says(CONFLICT) is None
    assert watched.says(OTHER) is not None


def test_a_file_that_is_gone_is_said_once(watched: Watched) -> None:
    watched.path.unlink()
    assert watched.watch.look() is None
    assert watched.watch.look() is None
    assert len(watched.said) == 1


def test_the_same_rules_written_otherwise_are_no_news(watched: Watched) -> None:
    assert watched.says("# a comment\n" + ONE) is None
    assert watched.said == []


def test_a_router_does_not_start_on_rules_that_are_not_proved(tmp_path: Path) -> None:
    with pytest.raises(Unproved, match="'x' and 'y' can fire together"):
        Watched(tmp_path / "r.yaml", CONFLICT)
    with pytest.raises(BadFile, match="no such file"):
        message_of(tmp_path / "none.yaml", None)


def test_findings_come_with_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(CONFLICT)
    assert [one.kind for one in proved(path, None).findings] == ["conflict"]


def test_a_classifier_is_needed_only_where_a_rule_reads_a_learned_signal(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    for text, needs in ((ONE, False), (LEARNED, True)):
        path.write_text(text)
        assert needs_classifier(message_of(path, None)) is needs
