"""The classification claims on made-up data: folds in one folder, or one folder's heads on another's rows."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import difficulty, domain, embedded, guard, intents, out_length, pii
from bench.classify import claim, measured, presidio
from bench.classify.presidio import Found, best
from bench.gateway.installs import InstallError
from bench.show import CLAIMS
from policies.signals.reading import Span
from router.classify.linear import Linear
from router.classify.ngrams import Floats
from router.classify.pii.learning import Marked
from tests.bench.made_sets import make
from tests.router.classify.made_up import vectors

CLAIMED = {"intents": intents, "domain": domain, "guard": guard, "pii": pii, "out-length": out_length}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up vectors instead of a model's, and few draws."""

    def embed(texts: Sequence[str], tier: str = "encoder") -> Floats:
        return vectors(texts, tier)

    monkeypatch.setattr(measured, "embedded", embed)
    monkeypatch.setattr(out_length, "embedded", embed)
    monkeypatch.setattr(claim, "DRAWS", 20)
    monkeypatch.setattr(pii, "found_in", absent)


def absent(texts: Sequence[str]) -> Found:
    """A peer that cannot be had here."""
    raise InstallError("no index is reached")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path / "one")


@pytest.mark.parametrize("name", sorted(CLAIMED))
@pytest.mark.parametrize("taught", [False, True])
def test_every_claim_has_all_its_figures_in_one_folder_and_across_two(
    name: str, taught: bool, data: Path, tmp_path: Path
) -> None:
    module: Any = CLAIMED[name]
    figures = module.measure(data, make(tmp_path / "other", seed=1) if taught else None)
    assert set(module.TARGET) <= set(figures)
    assert all(isinstance(figures[each], float) and not np.isnan(figures[each]) for each in module.TARGET)
    json.dumps(figures, allow_nan=False)


def test_easy_sets_are_told_well(data: Path) -> None:
    assert domain.measure(data, None)["macro_f1"] > 0.9
    assert intents.measure(data, None)["banking_accuracy"] > 0.95
    assert pii.measure(data, None)["span_f1"] > 0.95


def test_a_claim_ends_in_one_line_of_json(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(claim, "DATA", data)
    monkeypatch.setattr(sys, "argv", ["bench.pii", "--data", str(data)])
    assert claim.run("pii", pii.TARGET, pii.measure) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["name"], told["met"]) == ("pii", True)
    assert set(told) == {"name", "figures", "target", "met", "seconds"}


def test_other_rows_are_taught_by_the_open_ones(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, Path | None]] = []

    def note(tested: Path, taught: Path | None) -> dict[str, float]:
        asked.append((tested, taught))
        return {}

    other = make(tmp_path / "other", seed=1)
    for opened, taught in ((data, data), (tmp_path / "absent", None), (other, None)):
        monkeypatch.setattr(claim, "DATA", opened)
        monkeypatch.setattr(sys, "argv", ["x", "--data", str(other)])
        assert claim.run("pii", {}, note) == 0
        assert asked[-1] == (other, taught)


def test_absent_files_are_a_sentence_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(tmp_path)])
    monkeypatch.setattr(claim, "DATA", tmp_path)
    assert claim.run("pii", pii.TARGET, pii.measure) == 2
    assert "presidio_pii" in capsys.readouterr().err


def test_a_bound_is_kept_from_both_sides() -> None:
    assert claim.met({"a": 1.0}, {"a": {"least": 1.0}})
    assert not claim.met({"a": 0.06}, {"a": {"most": 0.05}})
    assert not claim.met({"a": float("nan")}, {"a": {"least": 0.0}})
    assert not claim.met({}, {"a": {"least": 0.0}})
    assert not claim.met({"a": None}, {"a": {"least": 0.0}})


def test_an_interval_narrows_with_rows() -> None:
    few, many = claim.mean_interval([0, 1] * 10), claim.mean_interval([0, 1] * 1000)
    assert few[1] - few[0] > many[1] - many[0]


def test_every_claim_is_listed() -> None:
    assert set(CLAIMED) <= set(CLAIMS)
    assert all(CLAIMS[name].reads_data for name in CLAIMED)


def test_a_guards_threshold_is_set_by_other_rows(data: Path) -> None:
    found = measured.tested("guard", "static", data, None)
    assert isinstance(found.head, Linear)
    everyday = np.array([each.group.startswith("ordinary ") for each in found.examples])
    levels = guard.thresholds(found, everyday)
    assert len(set(levels.tolist())) <= 5
    assert measured.chosen(found, ~everyday).scores.shape[0] == (~everyday).sum() == 80


@pytest.mark.parametrize("taught", [False, True])
def test_difficulty_is_told_as_a_probability_on_both_tiers(taught: bool, data: Path, tmp_path: Path) -> None:
    figures = difficulty.measure(data, make(tmp_path / "other", seed=1) if taught else None)
    assert set(difficulty.TARGET) <= set(figures)
    assert figures["hard"] == figures["static_hard"] == pytest.approx(1 / 3, abs=0.01)
    json.dumps(figures, allow_nan=False)


def test_what_is_heavy_is_told_beside_the_commonest_answer(data: Path) -> None:
    figures = out_length.measure(data, None)
    for name in ("mmlu_pro", "arena_hard"):
        assert figures[f"{name}_heavy_accuracy"] >= figures[f"{name}_heavy_commonest"]
        assert 0 <= figures[f"{name}_heavy_calibration_error"] < 0.3


def test_a_template_is_what_spans_leave() -> None:
    one = Marked("My name is Ann Fox", (Span(11, 18, "PERSON"),))
    other = Marked("My name is  Li", (Span(12, 14, "PERSON"),))
    assert pii.template(one) == pii.template(other) == "My name is <PERSON>"


def test_a_span_that_is_off_by_a_letter_does_not_count() -> None:
    there = [Marked("Ann Fox", (Span(0, 7, "PERSON"),))]
    assert pii.f1(pii.counted(there, [[Span(0, 7, "PERSON")]])) == 1.0
    assert pii.f1(pii.counted(there, [[Span(0, 6, "PERSON")]])) == 0.0
    assert pii.scored(there, [[Span(0, 7, "GPE")]])["character_f1"] == 1.0


def test_a_peer_that_cannot_be_had_is_told_with_the_reason(data: Path) -> None:
    assert pii.beside_presidio([Marked("Ann", ())], [[]]) == {"presidio": "skipped: no index is reached"}


def test_a_peer_is_scored_on_the_kinds_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [Marked("Dr Ann Fox, Oslo", (Span(0, 2, "TITLE"), Span(3, 10, "PERSON"), Span(12, 16, "GPE")))]
    told = Found(spans=[[Span(3, 10, "PERSON")]], ms_a_text=12.5, version="2")
    monkeypatch.setattr(pii, "found_in", lambda texts: told)
    figures = pii.beside_presidio(there, [list(there[0].spans)])
    assert figures["span_f1_on_presidios_kinds"] == 1.0
    assert figures["presidio_span_f1"] == pytest.approx(2 / 3, abs=1e-3)
    assert (figures["presidio"], figures["presidio_ms_a_text"]) == ("2", 12.5)


def test_of_overlapping_spans_the_surest_stays_and_then_the_longest() -> None:
    mail, link, name = Span(0, 9, "EMAIL_ADDRESS"), Span(4, 9, "URL"), Span(10, 14, "PERSON")
    assert best([(link, 0.5), (mail, 1.0), (name, 0.85)]) == [mail, name]
    assert best([(link, 0.5), (mail, 0.5)]) == [mail]


def test_a_peers_environment_that_cannot_be_made_is_an_install_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presidio, "installed", lambda: ("2", "no-such-python"))
    with pytest.raises(InstallError, match="does not run here"):
        presidio.found_in(["text"])


def test_a_rare_domain_is_told_by_all_answers() -> None:
    tokens = np.array([[10.0, 100.0]] * 9 + [[50.0, 500.0]], np.float32)
    shared, own = out_length.by_domain(tokens, ["often"] * 9 + ["once"], ["often", "once"])
    assert own[0].tolist() == [10.0, 100.0]
    assert own[1].tolist() == np.quantile(tokens, 0.75, axis=0).tolist()
    assert shared[0, 0] == shared[0, 1]


class Counting:
    """An encoder that counts what it is asked."""

    name, width = "counting", 3

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        return np.array([[len(text), 1, 0] for text in texts], np.float32)


def test_a_text_is_embedded_once_whatever_it_is_asked_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    monkeypatch.undo()
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    model = Counting()
    monkeypatch.setattr(embedded.Kept, "of", staticmethod(lambda tier: embedded.Kept(model)))
    first = embedded.embedded(["one", "three", "one"])
    assert first[:, 0].tolist() == [3, 5, 3]
    assert embedded.embedded(["three", "seventeen"])[:, 0].tolist() == [5, 9]
    assert model.asked == ["one", "three", "seventeen"]
    assert embedded.embedded([]).shape == (0, 3)


def test_public_sets_are_read_in_order(data: Path) -> None:
    assert len(embedded.texts_of("banking77", data)) == 80
    assert embedded.texts_of("mmlu_pro", data)[0].startswith("biology question")
    assert embedded.text_of({"turns": ["a", "b"]}, "turns") == "a"
