"""The drifting stream and its regrets, on answers made up here."""

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.online.__main__ import figures, learners, measure
from bench.online.answers import PROJECTED, Answers, read
from bench.online.picture import series, svg
from bench.online.regret import by_domain, interval, regret
from bench.online.stream import run, stream
from policies.select.exploring import Explorer
from policies.select.thompson import Thompson

ACCURACY = (0.9, 0.7, 0.3)


def answers(n: int = 600, seed: int = 0) -> Answers:
    """Three models of known accuracy; the third was not asked now and then."""
    chance = np.random.default_rng(seed)
    right = (chance.random((n, 3)) < ACCURACY).astype(float)
    right[::10, 2] = np.nan
    return Answers(
        models=("first", "second", "third"),
        domains=np.array(["law", "maths"])[chance.integers(2, size=n)],
        vectors=chance.normal(size=(n, PROJECTED)),
        right=right,
        usd=np.full((n, 3), 0.001),
    )


def embed(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """As many numbers as a projection needs, from the text's length."""
    return np.array([[len(text) % (at + 2) for at in range(12)] for text in texts], np.float32)


def folder(tmp_path: Path, n: int = 60) -> Path:
    """A folder of the layout of mmlu_pro."""
    with gzip.open(tmp_path / "matrix.csv.gz", "wt", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["question_id", "category", "src", "answer", "prompt_tokens", "ok:a-70B", "out:a-70B"])
        rows.writerows([i, "law", "s", "A", 100, "" if i == 3 else i % 2, 10] for i in range(n))
    with gzip.open(tmp_path / "questions.jsonl.gz", "wt") as out:
        for i in range(n):
            out.write(json.dumps({"question_id": i, "question": "why " * (i % 7), "options": ["x", "y"]}) + "\n")
    return tmp_path


def test_recorded_answers_are_read_with_what_they_cost(tmp_path: Path) -> None:
    found = read(folder(tmp_path), embed)
    assert found.models == ("a-70B",)
    assert found.usd[0, 0] == pytest.approx(110 * 0.9 / 1e6)
    assert np.isnan(found.right[3, 0])
    assert found.vectors.shape == (60, PROJECTED)


def test_an_answer_without_its_question_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    where = folder(tmp_path)
    with gzip.open(where / "questions.jsonl.gz", "wt") as out:
        out.write(json.dumps({"question_id": 1, "question": "why", "options": []}) + "\n")
    with pytest.raises(ValueError, match="needs its question"):
        read(where, embed)


def test_half_way_the_best_model_gets_worse_and_the_others_do_not() -> None:
    of = stream(answers(4000), 1, 0.5)
    before, after = np.nanmean(of.right[: of.half], axis=0), np.nanmean(of.after(), axis=0)
    assert of.best == 0
    assert after[0] == pytest.approx(before[0] / 2, abs=0.05)
    assert after[1:] == pytest.approx(before[1:], abs=0.05)


def test_a_model_that_was_not_asked_is_never_chosen() -> None:
    ran = run(stream(answers(), 2, 0.5), learners()["thompson"]())
    assert np.isfinite(ran.quality).all()


def test_a_learner_regrets_less_than_whoever_stays() -> None:
    of = stream(answers(2000), 3, 0.7)
    found = regret(of, run(of, learners()["thompson"]()))
    assert found.static > 0.3
    assert found.share < 0.5


def test_exploring_stays_within_its_dollars() -> None:
    found = measure(answers(200), learners()["linucb"], 2, 0.5)
    assert not found["overdrawn"]
    assert found["explored_usd"]["mean"] <= found["budget_usd"]["mean"]


def test_the_figures_are_told_for_every_bandit() -> None:
    found = figures(answers(240), 2)
    assert set(learners()) < set(found)
    assert found["explored_within_budget"]
    assert isinstance(learners()["thompson"](), Thompson)
    assert all(isinstance(make(), Explorer) for make in learners().values())
    json.dumps(found)


def test_the_best_of_each_domain_is_no_worse_than_the_best_of_all() -> None:
    of = answers(500)
    both = of.right[:, :2]
    assert by_domain(both, of.domains) >= both.mean(axis=0).max() - 1e-9


def test_an_interval_holds_its_mean() -> None:
    found = interval([1.0, 2.0, 3.0])
    assert found["low"] < found["mean"] == 2.0 < found["high"]


def test_a_model_that_has_no_list_price_is_named(tmp_path: Path) -> None:
    where = folder(tmp_path)
    told = gzip.decompress((where / "matrix.csv.gz").read_bytes()).replace(b"a-70B", b"oracle")
    (where / "matrix.csv.gz").write_bytes(gzip.compress(told))
    with pytest.raises(ValueError, match="oracle has no list price"):
        read(where, embed)


def test_the_picture_has_a_line_a_bandit_and_one_for_whoever_stays() -> None:
    lines = series(answers(120), 1)
    assert {one.name for one in lines} == {*learners(), "best model before"}
    drawing = svg(lines)
    assert drawing.startswith("<svg")
    assert "best model before" in drawing
