"""Judged answers, read from a matrix and from rows, and whose column stands for which model."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from weir.judged import columns_for, find_judged, read_judged, text_hash
from weir.strictyaml import BadFile

TABLE = (
    "question_id,category,prompt_tokens,ok:small-7B,out:small-7B,ok:big-70B,out:big-70B\n"
    "1,law,50,1,20,1,30\n2,physics,60,0,25,1,\n3,law,70,0.5,9,,12\n"
)
MODELS = ("Meta-Llama-3_1-8B", "Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3_1-70B-Instruct", "Yi-34B", "Yi-34B-base")


def matrix(folder: Path, *, zipped: bool = False) -> Path:
    path = folder / ("matrix.csv.gz" if zipped else "matrix.csv")
    path.write_bytes(gzip.compress(TABLE.encode()) if zipped else TABLE.encode())
    rows = [{"question_id": i, "question": f" question {i} ", "options": ["yes", "no"]} for i in (1, 2, 3)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(path: Path, *told: Mapping[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in told) + "\n")
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_a_matrix_is_read_with_the_texts_beside_it(tmp_path: Path, zipped: bool) -> None:
    matrix(tmp_path, zipped=zipped)
    found = read_judged(tmp_path)
    assert (found.name, found.models, len(found)) == (tmp_path.name, ("small-7B", "big-70B"), 3)
    assert found.texts[0] == "question 1\nyes\nno"
    assert found.topics == ("law", "physics", "law")
    assert found.quality[:2].tolist() == [[1.0, 1.0], [0.0, 1.0]]
    assert np.isnan(found.quality[2, 1])
    assert np.isnan(found.out_tokens[1, 1])


def test_rows_need_no_more_than_qualities(tmp_path: Path) -> None:
    told = {"prompt": "eight bytes", "task": "sums", "scores": {"a": 0.25, "b": 1}, "out_tokens": {"b": 7}}
    found = read_judged(rows(tmp_path / "mine.jsonl", told, {"quality": {"b": 0}}))
    assert (found.name, found.models, found.texts) == ("mine.jsonl", ("a", "b"), ("eight bytes", ""))
    assert found.topics == ("sums", "")
    assert found.prompt_tokens.tolist() == [11 / 4, 1.0]
    assert np.isnan(found.quality[1, 0])
    assert found.out_tokens[0, 1] == 7.0


def test_only_questions_put_to_all_models_alike_are_kept_together(tmp_path: Path) -> None:
    matrix(tmp_path)
    both = read_judged(tmp_path).all_asked([1, 0])
    assert both.models == ("big-70B", "small-7B")
    assert both.quality.tolist() == [[1.0, 1.0], [1.0, 0.0]]
    lonely = read_judged(rows(tmp_path / "apart.jsonl", {"quality": {"a": 1}}, {"quality": {"b": 1}}))
    with pytest.raises(BadFile, match="no question was put to a and b alike"):
        lonely.all_asked([0, 1])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("none.jsonl", "", "holds no row"),
        ("broken.jsonl", "{no\n", "row 1: no JSON"),
        ("list.jsonl", "[1]\n", "row 1: no object"),
        ("bare.jsonl", '{"text": "a"}\n', 'row 1: no "quality"'),
        ("high.jsonl", '{"quality": {"a": 1}}\n{"quality": {"a": 2}}\n', "row 2: quality of a is 2, no number"),
        ("short.jsonl", '{"quality": {"a": 1}, "out_tokens": {"a": -1}}\n', "row 1: tokens of a is -1"),
        ("table.csv", "question_id,category\n1,law\n", "no column ok:MODEL"),
        ("wrong.csv", "question_id,ok:a\n1,right\n", "row 1: quality of a is 'right'"),
        ("wrong.csv.gz", "no gzip", "cannot be read"),
    ],
)  # fmt: skip
def test_a_bad_file_is_told_with_its_row(tmp_path: Path, name: str, text: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadFile, match=says):
        read_judged(path)


def test_a_folder_without_a_matrix_is_no_judged_set(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"has no matrix\.csv"):
        read_judged(tmp_path)


def test_a_name_is_sought_among_public_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_DATA", str(tmp_path))
    (tmp_path / "own_set").mkdir()
    assert find_judged("own_set") == tmp_path / "own_set"
    assert find_judged(str(tmp_path)) == tmp_path
    with pytest.raises(BadFile, match="no judged answers at nowhere, "):
        find_judged("nowhere")


def test_a_model_is_found_by_the_words_of_its_name_the_tuned_one_first() -> None:
    assert columns_for(["llama-3.1-8b", "llama-3.1-70b", "Yi-34B"], MODELS) == [1, 2, 3]


def test_a_mapping_goes_first() -> None:
    assert columns_for(["llama-3.1-8b"], MODELS, {"llama-3.1-8b": "Meta-Llama-3_1-8B"}) == [0]
    with pytest.raises(BadFile, match=r"nobody judged a model 'Meta-Lama'.*did you mean"):
        columns_for(["llama-3.1-8b"], MODELS, {"llama-3.1-8b": "Meta-Lama"})


def test_a_model_that_nobody_or_several_stand_for_is_an_error_with_the_remedy() -> None:
    with pytest.raises(BadFile, match="--judged-as qwen3-8b=NAME"):
        columns_for(["qwen3-8b"], MODELS)
    with pytest.raises(BadFile, match="Yi-34B and Yi-34B-base all fit"):
        columns_for(["yi-34b"], MODELS)


def test_texts_are_known_by_their_hash() -> None:
    assert text_hash("a") == text_hash("a") != text_hash("b")
    assert len(text_hash("\ud800")) == 16
