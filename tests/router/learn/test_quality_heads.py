"""Heads trained here answer in numpy what their trainers answered, and learn what there is to learn."""

import numpy as np
import pytest

from policies.select.quality.blend import Blend
from policies.select.quality.linear import Linear
from policies.select.quality.logistic import Logistic, sigmoid
from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Floats
from policies.select.quality.shape import NAMES, shape
from router.learn.boosting import Boosting, fit_boosted
from router.learn.forest import Growing, fit_forest
from router.learn.ridge import filled, fit_ridge
from router.learn.stacking import Stacking, Trained, fit_stacked

CHANCE = np.random.default_rng(7)
ROWS, WIDTH = 400, 6


def questions() -> tuple[Floats, Floats, list[str]]:
    """Features, who was right (model 0 in topic a, model 1 in topic b) and topics."""
    features = np.concatenate([CHANCE.normal(size=(ROWS, WIDTH)), CHANCE.random((ROWS, 1))], axis=1)
    first = features[:, 0] > 0.0
    right = np.stack([first, ~first], axis=1) ^ (CHANCE.random((ROWS, 2)) < 0.1)
    return features, right.astype(np.float64), ["a" if each else "b" for each in first]


def test_ridges_left_out_answers_are_those_of_a_fit_without_the_row() -> None:
    features, right, _ = questions()
    few, outcome = features[:30], right[:30]
    _, left_out = fit_ridge(few, outcome, 2.0)
    for row in (0, 11, 29):
        rest = [other for other in range(30) if other != row]
        again = fit_without(few, outcome, row, rest)
        assert left_out[row] == pytest.approx(again, abs=0.02)


def fit_without(few: Floats, outcome: Floats, row: int, rest: list[int]) -> Floats:
    head, _ = fit_ridge(few[rest], outcome[rest], 2.0)
    return head.expect(few[row])


def test_what_nobody_judged_counts_as_the_models_mean() -> None:
    assert filled(np.array([[1.0, 0.5], [0.0, np.nan]])).tolist() == [[1.0, 0.5], [0.0, 0.5]]


def test_a_forest_kept_as_arrays_answers_as_scikit_learns() -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    features, right, _ = questions()
    ours = fit_forest(features, right, Growing(trees=5, least_rows=20))
    theirs = ExtraTreesRegressor(n_estimators=5, min_samples_leaf=20, max_features=0.5, random_state=0)
    assert ours.expect(features) == pytest.approx(theirs.fit(features, right).predict(features))
    assert ours.expect(features[3]) == pytest.approx(ours.expect(features)[3])


def test_boosted_trees_kept_as_arrays_answer_as_scikit_learns() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    features, right, _ = questions()
    holes = features.copy()
    holes[::7, 2] = np.nan
    ours = fit_boosted(holes, right, Boosting(trees=10, least_rows=10))
    theirs = HistGradientBoostingRegressor(
        max_iter=10, learning_rate=0.05, max_leaf_nodes=6, min_samples_leaf=10, l2_regularization=20.0,
        early_stopping=False, random_state=0,
    ).fit(holes, right[:, 0])  # fmt: skip
    assert ours.expect(holes)[:, 0] == pytest.approx(theirs.predict(holes), abs=1e-6)
    assert ours.expect(holes[4]) == pytest.approx(ours.expect(holes)[4])


def test_rows_on_which_a_model_was_not_judged_teach_its_trees_nothing() -> None:
    features, right, _ = questions()
    judged = right.copy()
    judged[200:] = np.nan
    half = fit_boosted(features[:200], right[:200], Boosting(trees=5))
    assert fit_boosted(features, judged, Boosting(trees=5)).expect(features) == pytest.approx(half.expect(features))


def test_a_model_that_is_always_right_is_expected_to_be() -> None:
    head = fit_boosted(np.zeros((10, 2)), np.ones((10, 1)))
    assert head.expect(np.zeros(2))[0] > 0.99


def test_the_two_stage_head_learns_who_is_right_where() -> None:
    features, right, topics = questions()
    head = fit_stacked(
        features, right, topics, Stacking(text=WIDTH, second=Trained(growing=Growing(trees=20, least_rows=10)))
    )
    fresh, truth, _ = questions()
    expected = head.expect(fresh)
    assert truth[np.arange(ROWS), expected.argmax(axis=1)].mean() > 0.8
    assert head.expect(fresh[5]) == pytest.approx(expected[5])


def test_a_fact_that_is_not_known_is_no_obstacle() -> None:
    features, right, topics = questions()
    features[::3, WIDTH] = np.nan
    head = fit_stacked(features, right, topics, Stacking(text=WIDTH, second=Trained(growing=Growing(trees=5))))
    assert np.isfinite(head.expect(features)).all()


def test_neighbours_answer_for_what_lies_near_them() -> None:
    head = Nearest(vectors=np.eye(4), quality=np.array([[1.0], [0.0], [0.0], [0.0]]), neighbours=1)
    assert head.expect(np.eye(4)[0]).tolist() == [1.0]
    assert Nearest(vectors=np.eye(4), quality=head.quality, neighbours=3).left_out()[0].tolist() == [0.0]


def test_a_logistic_head_is_softened_by_its_temperature() -> None:
    sharp = Logistic(weights=np.array([[4.0]]), bias=np.zeros(1))
    soft = Logistic(weights=np.array([[4.0]]), bias=np.zeros(1), temperature=4.0)
    assert sharp.expect(np.ones(1))[0] > soft.expect(np.ones(1))[0] > 0.5
    assert sigmoid(np.array([1e6, -1e6])).tolist() == [1.0, 0.0]


def test_a_blend_is_the_weighted_mean_of_its_heads() -> None:
    heads = tuple(Linear(centre=np.zeros(1), weights=np.zeros((1, 1)), mean=np.array([each])) for each in (0.0, 1.0))
    assert Blend(heads=heads, weights=(1.0, 3.0)).expect(np.zeros(1)) == pytest.approx([0.75])
    with pytest.raises(ValueError, match="one positive weight a head"):
        Blend(heads=heads, weights=(1.0,))


def test_the_shape_of_any_text_is_finite_numbers() -> None:
    for text in ("", "?", "a\nb\n", "x" * 10_000, "\x00\u200b", "$\\frac{1}{2}$ = ___"):
        assert shape(text, 0.0).shape == (len(NAMES),)
        assert np.isfinite(shape(text, 12.0)).all()
