"""The head that chooses models: learned, kept under its version, read again, and its card."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policies.select.quality.blend import Blend
from policies.select.quality.logistic import Logistic
from policies.select.quality.nearest import Nearest
from router.classify.linear import BadHead
from router.classify.training import TooFew
from router.learn.left_out import left_out
from router.learn.packed import packed, unpacked
from router.learn.select_card import select_card
from router.learn.select_head import SelectHead, load
from router.learn.select_training import folds, train_select
from tests.router.learn.judged_answers import embed, judged

TEXTS = ["apples anew", "bridges anew"]


@pytest.fixture(scope="module")
def head() -> SelectHead:
    return train_select(judged(), "static", embed)


def test_it_learns_whom_to_ask(head: SelectHead) -> None:
    apples, bridges = head.expect(TEXTS, [5.0, 5.0], embed)
    assert apples[0] > 0.7
    assert bridges[0] < 0.4
    assert min(apples[1], bridges[1]) > 0.7
    assert head.out_tokens.tolist() == [20.0, 40.0]


def test_its_evaluation_is_of_questions_left_out(head: SelectHead) -> None:
    found = head.card
    assert (found["questions"], found["best_model"], found["source"]) == (240, "big", "made_up")
    assert found["lead_ci95"][0] <= found["lead"] <= found["lead_ci95"][1]
    assert found["by_model"]["small"]["auroc"] > 0.8
    assert found["oracle_quality"] >= found["chosen_quality"]


def test_one_texts_rows_never_part() -> None:
    texts = [f"text {i % 30}" for i in range(60)]
    tested = np.concatenate([test for _, test in folds(texts)])
    assert sorted(tested.tolist()) == list(range(60))
    for train, test in folds(texts):
        assert not {texts[i] for i in train} & {texts[i] for i in test}


def test_a_kept_head_answers_as_before_from_any_of_its_folders(head: SelectHead, tmp_path: Path) -> None:
    place = replace(head, encoders={"static": "letters"}).save(tmp_path, "# card\n")
    assert place == tmp_path / "select" / head.version
    assert (place / "card.md").read_text() == "# card\n"
    for path in (tmp_path, tmp_path / "select", place, place / "head.npz"):
        again = load(path)
        assert again.expect(TEXTS, [5.0, 5.0], embed) == pytest.approx(head.expect(TEXTS, [5.0, 5.0], embed))
    assert (again.models, again.version, again.encoders) == (head.models, head.version, {"static": "letters"})
    assert again.taught == head.taught


def test_another_version_serves_once_it_is_kept_and_the_old_one_stays(head: SelectHead, tmp_path: Path) -> None:
    head.save(tmp_path, "")
    other = train_select(judged(200), "static", embed)
    assert other.version != head.version
    other.save(tmp_path, "")
    assert load(tmp_path).version == other.version
    assert load(tmp_path / "select" / head.version).version == head.version


def test_the_same_answers_make_the_same_version(head: SelectHead) -> None:
    assert train_select(judged(), "static", embed).version == head.version


def test_a_folder_without_a_head_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadHead, match="weir train select --out"):
        load(tmp_path)


def test_a_broken_file_is_told(head: SelectHead, tmp_path: Path) -> None:
    file = head.save(tmp_path, "") / "head.npz"
    file.write_bytes(b"no archive")
    with pytest.raises(BadHead, match="is not a trained head"):
        load(tmp_path)


def test_a_file_of_another_layout_is_refused(head: SelectHead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head.save(tmp_path, "")
    monkeypatch.setattr("router.learn.select_head.LAYOUT", 2)
    with pytest.raises(BadHead, match="another layout"):
        load(tmp_path)


def test_heads_made_of_heads_are_packed_whole() -> None:
    rows = np.eye(3)
    made = Blend(
        heads=(
            Nearest(vectors=rows, quality=rows[:, :2], neighbours=2),
            Logistic(weights=rows[:, :2], bias=np.zeros(2), temperature=2.0),
        ),
        weights=(1.0, 2.0),
    )
    again = unpacked(*packed(made))
    assert again.expect(rows) == pytest.approx(made.expect(rows))


def test_what_is_no_head_is_no_head() -> None:
    with pytest.raises(ValueError, match="tells of no head"):
        unpacked({"array": "a"}, {"a": np.zeros(1)})


def test_the_card_tells_every_model_and_what_it_is_good_for(head: SelectHead) -> None:
    told = select_card(replace(head, encoders={"static": "letters"}))
    assert f"version {head.version}" in told
    assert "240 judged questions of made_up; encoders letters." in told
    assert "| small | 240 |" in told
    assert "weir compare --quality" in told


def test_too_little_to_learn_from_is_said() -> None:
    whole = judged()
    with pytest.raises(TooFew, match="judges 1 model"):
        train_select(whole.chosen(np.arange(240), [0]), "static", embed)
    with pytest.raises(TooFew, match="judges 40 answers of small"):
        train_select(whole.chosen(np.arange(40)), "static", embed)
    with pytest.raises(TooFew, match="without a text"):
        train_select(replace(whole, texts=("",) * 240), "static", embed)


def test_what_is_expected_of_a_question_left_out_is_not_its_own_answer() -> None:
    told = replace(judged(noise=0.0), texts=("",) * 240)
    found = left_out(told)
    assert found[0, 0] > 0.8 > 0.2 > found[1, 0]
    wrong = told.quality.copy()
    wrong[0, 0] = 0.0
    assert left_out(replace(told, quality=wrong))[0, 0] == pytest.approx(found[0, 0], abs=1e-9)
