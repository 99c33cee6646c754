"""The hierarchical model on made-up groups whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.calibrate.silicon.mixed import Fit, Level, Numbers, Rows, fit

LEVELS = (
    Level(keys=(), spread=1.0, slopes=("load",), slope_spread=1.0),
    Level(keys=("card",), spread=0.5),
    Level(keys=("card", "engine"), spread=0.0, slopes=("one",), slope_spread=0.3),
)
CARDS, ENGINES = ("a", "b", "c"), ("x", "y")


def rows(seed: int = 0, count: int = 180) -> Rows:
    rng = np.random.default_rng(seed)
    return Rows(
        parts=rng.uniform(0.001, 0.02, (count, 3)),
        features={"one": np.ones(count), "load": rng.uniform(-1.0, 1.0, count)},
        labels={"card": [CARDS[k % 3] for k in range(count)], "engine": [ENGINES[k % 2] for k in range(count)]},
    )


def truth(given: Rows) -> Numbers:
    """Card b reads at half speed, engine y is a fifth slower, load counts everywhere."""
    slow = np.array([0.7 if card == "b" else 0.0 for card in given.labels["card"]])
    parts = given.parts * np.exp(np.stack([0.3 + slow, -0.2 + 0 * slow, 0.1 + 0 * slow], axis=1))
    engine = np.array([0.2 if name == "y" else 0.0 for name in given.labels["engine"]])
    return np.asarray(parts.sum(axis=1) * np.exp(engine + 0.4 * given.features["load"]))


def fitted(seconds: Numbers, given: Rows) -> Fit:
    return fit(given, seconds, LEVELS, noise=0.05, outlier=0.1)


def worst(model: Fit, given: Rows) -> float:
    return float(np.abs(np.exp(model.predict(given)) / truth(given) - 1.0).max())


def test_what_was_fitted_is_predicted_on_rows_it_never_saw() -> None:
    given = rows()
    assert worst(fitted(truth(given), given), rows(seed=1)) < 0.05


def test_a_few_wild_rows_change_little() -> None:
    given = rows()
    seconds = truth(given)
    seconds[::20] *= 5.0
    assert worst(fitted(seconds, given), rows(seed=1)) < 0.2


def test_a_group_that_was_never_seen_keeps_what_all_have_in_common() -> None:
    given = rows()
    known = fitted(truth(given), given)
    other = rows(seed=2)
    unseen = Rows(parts=other.parts, features=other.features, labels={**other.labels, "card": ["new"] * 180})
    fast = np.array([card != "b" for card in other.labels["card"]])
    off = np.exp(known.predict(unseen))[fast] / truth(other)[fast] - 1.0
    assert np.abs(off).max() < 0.6


def test_nothing_fitted_predicts_the_parts_as_they_are() -> None:
    given = rows()
    empty = Fit(levels=LEVELS, effects={level.name: {} for level in LEVELS})
    assert np.exp(empty.predict(given)) == pytest.approx(given.parts.sum(axis=1))


def test_small_spreads_hold_groups_to_the_common_answer() -> None:
    given = rows()
    strict = (LEVELS[0], Level(keys=("card",), spread=0.001))
    found = fit(given, truth(given), strict, noise=0.05, outlier=0.1)
    assert max(np.abs(values).max() for values in found.effects["card"].values()) < 0.01


def test_fitting_again_finds_the_same() -> None:
    given = rows()
    first, second = (fitted(truth(given), given) for _ in range(2))
    assert (first.predict(given) == second.predict(given)).all()


def test_rows_may_be_taken_apart() -> None:
    given = rows()
    model = fitted(truth(given), given)
    some = np.array([3, 1, 170])
    assert model.predict(given.take(some)) == pytest.approx(model.predict(given)[some])


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 10.0))
def test_seconds_in_other_units_scale_the_prediction(unit: float) -> None:
    given = rows(count=60)
    wide = (Level(keys=(), spread=10.0),)
    plain, scaled = (
        fit(given, truth(given) * factor, wide, noise=0.05, outlier=0.5).predict(given) for factor in (1.0, unit)
    )
    assert scaled - plain == pytest.approx(np.full(60, np.log(unit)), abs=0.05)
