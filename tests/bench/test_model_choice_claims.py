"""The curves, folds, prices and drafts of the model-selection claims, on made-up questions."""

from pathlib import Path

import numpy as np
import pytest

from bench.route_many.__main__ import Part, unseen
from bench.route_many.drafts import Priced, asked_of, choose, outcome, price, train
from bench.route_many.settings import cheapest, curve, joined, most_accurate
from bench.select.curve import apgr, calls_for, gap_recovered, interval
from bench.select.features import Features
from bench.select.folds import folds
from bench.select.matrix import Matrix
from bench.select.picture import draw
from bench.select.prices import price_of
from bench.select.told import within

CHANCE = np.random.default_rng(3)
WEAK, STRONG = np.array([1.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 0.0])


def test_calling_the_strong_model_at_random_recovers_half_the_gap() -> None:
    weak, strong = (CHANCE.random(20_000) < 0.6).astype(float), (CHANCE.random(20_000) < 0.9).astype(float)
    assert apgr(CHANCE.random(20_000), weak, strong) == pytest.approx(0.5, abs=0.05)


def test_calling_it_first_where_it_alone_is_right_recovers_more_than_the_gap() -> None:
    assert gap_recovered(STRONG - WEAK, WEAK, STRONG).tolist() == [0.0, 1.0, 2.0, 2.0, 1.0]
    assert apgr(STRONG - WEAK, WEAK, STRONG) > 1.0


def test_the_least_calls_that_keep_the_quality_are_told() -> None:
    assert calls_for(STRONG - WEAK, WEAK, STRONG, share=1.0) == 0.25


def test_an_interval_holds_the_mean_and_narrows_with_rows() -> None:
    few, many = CHANCE.random(50), CHANCE.random(5000)
    low, high = interval(50, lambda i: float(few[i].mean()), 200)
    assert low < few.mean() < high
    near = interval(5000, lambda i: float(many[i].mean()), 200)
    assert near[1] - near[0] < high - low


def test_folds_part_the_rows_and_keep_equal_texts_together() -> None:
    keys = [f"question {i % 40}" for i in range(80)]
    tested = [test.tolist() for _, test in folds(keys)]
    assert sorted(row for rows in tested for row in rows) == list(range(80))
    for taught, test in folds(keys):
        assert not {keys[i] for i in taught} & {keys[i] for i in test}


def test_a_model_is_priced_by_its_maker_or_by_its_size() -> None:
    assert price_of("gemini-1.5-flash-002") == (0.075, 0.30)
    assert price_of("Meta-Llama-3_1-70B-Instruct") == (0.9, 0.9)
    assert price_of("Yi-6b-Chat") == (0.2, 0.2)
    with pytest.raises(ValueError, match="has no list price"):
        price_of("oracle-nine-thousand")


def made(right: list[list[float]], quality: list[list[float]], usd: tuple[float, ...] = (1.0, 10.0)) -> Priced:
    answers = np.array(right)
    cost = np.where(np.isnan(answers), 0.0, np.broadcast_to(usd, answers.shape))
    return Priced(quality=(np.array(quality),) * 3, extra_usd=cost.copy(), right=answers, usd=cost)


def test_a_draft_that_stands_costs_nothing_more() -> None:
    priced = made([[1.0, 1.0], [0.0, 1.0]], [[0.9, 0.9], [0.1, 0.9]])
    chosen = choose(priced, 1, worth_usd=100.0)
    assert chosen.tolist() == [0, 1]
    right, usd = outcome(priced, 1, chosen)
    assert right.tolist() == [1.0, 1.0]
    assert usd.tolist() == [1.0, 11.0]


def test_without_drafts_only_the_chosen_model_is_paid() -> None:
    priced = made([[0.0, 1.0]], [[0.1, 0.9]])
    assert outcome(priced, 0, choose(priced, 0, 100.0))[1].tolist() == [10.0]


def test_a_model_that_was_not_asked_is_never_chosen_and_costs_nothing() -> None:
    priced = made([[1.0, np.nan]], [[0.1, 0.9]])
    assert choose(priced, 0, 1000.0).tolist() == [0]
    assert outcome(priced, 2, np.array([0]))[1].tolist() == [1.0]


def test_standings_are_read_off_the_curve() -> None:
    priced = joined([made([[1.0, 1.0]], [[0.9, 0.9]], (1e-4, 1e-3)), made([[0.0, 1.0]], [[0.1, 0.9]], (1e-4, 1e-3))])
    points = curve(priced, (0,))
    assert most_accurate(points, 1.0).accuracy == 1.0
    assert most_accurate(points, 2e-4).accuracy == 0.5
    assert cheapest(points, 1.0).usd == pytest.approx(5.5e-4)


def test_a_bound_is_met_or_not_and_a_missing_figure_is_not() -> None:
    assert within(0.5, {"most": 0.5})
    assert not within(0.4, {"least": 0.5})
    assert not within(None, {"least": 0.0})


def test_a_picture_is_drawn_with_every_line_named(tmp_path: Path) -> None:
    path = tmp_path / "p" / "curve.svg"
    draw(path, "t", "cost", "quality", {"ours": [(1.0, 0.5), (10.0, 0.9)]}, {"best": [(5.0, 0.7)]}, logarithmic=True)
    told = path.read_text()
    assert told.startswith("<svg")
    assert "ours" in told
    assert "<title>best</title>" in told


def questions(count: int, salt: str = "") -> tuple[Matrix, Features]:
    """Four models of one price class each; the cheap ones are right and short in exam e0, long and wrong in e1."""
    easy = CHANCE.random(count) < 0.5
    right = np.stack([easy, easy, CHANCE.random(count) < 0.7, CHANCE.random(count) < 0.9], axis=1).astype(float)
    out = np.where(easy, 40.0, 300.0)[:, None] + CHANCE.random((count, 4))
    matrix = Matrix(
        models=("gemini-1.5-flash-002", "DeepSeek-Coder-V2", "Meta-Llama-3_1-70B-Instruct", "gemini-1.5-pro-002"),
        texts=[f"question {salt}{i} of exam {int(each)}" for i, each in enumerate(easy)],
        category=["all"] * count, source=[f"e{int(each)}" for each in easy], prompt_tokens=np.full(count, 100.0),
        right=right, out_tokens=out, usd=out * [1e-7, 2e-7, 8e-7, 4e-6],
    )  # fmt: skip
    return matrix, Features(rows=CHANCE.normal(size=(count, 6)), text=4)


def test_the_router_learns_from_a_drafts_length_when_to_call_a_dearer_model() -> None:
    router = train(*questions(300))
    tested, features = questions(200, "new ")
    found = price(router, tested, features)
    drafted = outcome(found, 1, choose(found, 1, 1.0))[0].mean()
    assert drafted > tested.right[:, 3].mean() - 0.02
    short = tested.out_tokens[:, 0] < 100.0
    assert found.quality[1][short, 0].mean() > found.quality[1][~short, 0].mean() + 0.3


def test_an_absent_answer_teaches_and_costs_nothing() -> None:
    matrix, features = questions(200)
    matrix.right[:50, 1], matrix.out_tokens[:50, 1], matrix.usd[:50, 1] = np.nan, np.nan, np.nan
    found = price(train(matrix, features), matrix, features)
    assert np.isfinite(np.concatenate(found.quality)).all()
    assert (found.usd[:50, list(asked_of(matrix)).index("DeepSeek-Coder-V2")] == 0.0).all()


def test_a_folds_standing_is_chosen_on_the_other_folds_alone() -> None:
    matrix, _ = questions(4)
    priced = [made([[float(i), 1.0]], [[0.9, 0.9]]) for i in range(3)]
    parts = [Part(taught=matrix, priced=each, plain=np.zeros((1, 6))) for each in priced]
    assert unseen(parts, 1).right[:, 0].tolist() == [0.0, 2.0]


def test_where_one_folder_is_tested_the_standing_is_chosen_on_folds_of_the_taught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix, _ = questions(250)
    monkeypatch.setattr(
        "bench.route_many.__main__._features",
        lambda some: Features(rows=np.random.default_rng(1).normal(size=(len(some), 6)), text=4),
    )
    found = unseen([Part(taught=matrix, priced=made([[1.0, 1.0]], [[0.9, 0.9]]), plain=np.zeros((1, 6)))], 0)
    assert len(found.right) == 250
    assert sorted(found.right[:, 3].tolist()) == sorted(matrix.right[:, 3].tolist())
