"""The two-model claim: RouteLLM's algorithms on made-up duels, its answers read, and who is above whom."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from bench.route_two.__main__ import _above
from bench.route_two.answers import Answers, read
from bench.route_two.routellm import ROUTERS, similarity_ranking
from bench.route_two.routers import OURS, _by_topic, _known_topics
from bench.select.features import unit
from policies.select.quality.port import Floats

CHANCE = np.random.default_rng(5)


def duels(count: int) -> tuple[Floats, Floats]:
    """Unit vectors and leads: the strong model mostly wins where the first number is positive, else mostly ties."""
    vectors = unit(CHANCE.normal(size=(count, 8)))
    lead = np.where(CHANCE.random(count) < np.where(vectors[:, 0] > 0.0, 0.6, 0.1), 1.0, 0.0)
    lead[CHANCE.random(count) < 0.05] = -1.0
    return vectors, lead


@pytest.mark.parametrize("name", ROUTERS)
def test_each_of_routellms_algorithms_scores_higher_where_the_strong_model_won(name: str) -> None:
    known, lead = duels(1500)
    asked, _ = duels(300)
    scores = ROUTERS[name](known, lead, asked)
    assert scores[asked[:, 0] > 0.2].mean() > scores[asked[:, 0] < -0.2].mean()
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


@pytest.mark.parametrize("name", ROUTERS)
def test_duels_that_all_ended_alike_give_every_question_the_same_score(name: str) -> None:
    known, _ = duels(20)
    assert np.ptp(ROUTERS[name](known, np.ones(20), known[:5])) == pytest.approx(0.0)


def test_the_ranking_is_the_bradley_terry_fit_of_its_weighted_duels() -> None:
    """The closed form against the fit itself: every duel twice, a tie as one win each, as RouteLLM has it."""
    from sklearn.linear_model import LogisticRegression

    known, lead = duels(400)
    asked = known[:3]
    for row, score in zip(asked, similarity_ranking(known, lead, asked), strict=True):
        alike = known @ row
        weight = np.tile(10.0 * 10.0 ** (alike / alike.max()), 2)
        won = np.concatenate([lead >= 0.0, lead > 0.0])
        fit = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10).fit(np.ones((800, 1)), won, weight)
        assert score == pytest.approx(fit.predict_proba([[1.0]])[0, 1], abs=1e-4)


def written(folder: Path) -> Path:
    rows = {
        "mmlu": [{"id": "mmlu/law/1", "category": "law", "prompt": "Q?", "prompt_tokens": 9, "mixtral_8x7b": 0,
                  "gpt4_1106": 1}],
        "gsm8k": [{"id": "gsm8k/1", "category": "math", "prompt": "2+2", "prompt_tokens": 4, "mixtral_8x7b": 1,
                   "gpt4_1106": 1, "mixtral_8x7b_out_tokens": 12}],
    }  # fmt: skip
    (folder / "routellm").mkdir()
    for name, found in rows.items():
        with gzip.open(folder / "routellm" / f"{name}.jsonl.gz", "wt") as out:
            out.writelines(json.dumps(row) + "\n" for row in found)
    return folder


def test_answers_are_read_with_the_weak_models_length_where_it_is_recorded(tmp_path: Path) -> None:
    found = read(written(tmp_path))
    assert found.lead.tolist() == [1.0, 0.0]
    assert found.mmlu.tolist() == [True, False]
    assert np.isnan(found.draft[0])
    assert found.draft[1] == 12.0
    assert found.chosen(np.array([1])).texts == ["2+2"]


def made(topics: list[str], right: list[list[float]]) -> Answers:
    count = len(topics)
    return Answers(
        texts=[f"q{i}" for i in range(count)], tokens=[1.0] * count, topic=topics, right=np.array(right),
        mmlu=np.ones(count, np.bool_), draft=np.full(count, np.nan),
    )  # fmt: skip


def test_a_topic_that_is_told_gives_its_mean_lead_and_an_unknown_one_the_mean_over_all() -> None:
    taught = made(["a", "a", "b", "b"], [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    assert _by_topic(taught, made(["a", "b", "c"], [[0.0, 0.0]] * 3)).tolist() == [0.5, -0.5, 0.0]


def test_a_topic_that_was_never_taught_keeps_the_readers_guess() -> None:
    taught = made(["a", "b"], [[0.0, 1.0], [1.0, 1.0]])
    guessed = np.array([[0.3, 0.7], [0.3, 0.7]])
    assert _known_topics(taught, made(["a", "c"], [[0.0, 0.0]] * 2), guessed).tolist() == [[1.0, 0.0], [0.3, 0.7]]


def test_a_router_that_knows_is_above_the_best_of_routellms_by_an_interval_that_says_so() -> None:
    right = (CHANCE.random((400, 2)) < [0.6, 0.8]).astype(np.float64)
    lead = right[:, 1] - right[:, 0]
    scores = {OURS: lead, **{name: CHANCE.random(400) for name in ROUTERS}}
    found = _above(scores, right)
    assert found["best_of_routellms"] in ROUTERS
    assert found["apgr_above_best_of_routellms_95"][0] > 0.0
